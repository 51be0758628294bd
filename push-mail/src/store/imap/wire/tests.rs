use proptest::prelude::*;

use super::*;

fn decode(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 16);
    decoder.feed(bytes);
    let mut events = Vec::new();
    while let Some(event) = decoder.next().expect("IMAP") {
        events.push(event);
    }
    events
}

fn one(line: &str) -> Event {
    let mut events = decode(format!("{line}\r\n").as_bytes());
    assert_eq!(events.len(), 1, "{line}");
    events.remove(0)
}

fn ok(code: Code, text: &str) -> Event {
    Event::Untagged(Status { verdict: Verdict::Ok, code, text: text.to_owned() })
}

fn counts(next: u32, messages: u32, modseq: Option<u64>) -> Counts {
    Counts { next: Some(next), messages: Some(messages), modseq, ..Counts::default() }
}

#[test]
fn what_matters_is_taken_from_what_is_said() {
    let name = || "INBOX".to_owned();
    for (line, event) in [
        ("* OK [UIDVALIDITY 3857529045] UIDs valid", ok(Code::UidValidity(3_857_529_045), "UIDs valid")),
        ("* OK [HIGHESTMODSEQ 715194045007] x", ok(Code::HighestModSeq(715_194_045_007), "x")),
        ("* OK [NOTIFICATIONOVERFLOW] too many", ok(Code::Other("NOTIFICATIONOVERFLOW".to_owned()), "too many")),
        ("* OK [COPYUID 38505 304,319:320 3956:3958] Done", ok(Code::CopyUid(vec![3956..=3958]), "Done")),
        ("* VANISHED (EARLIER) 300:310,405", Event::Vanished { earlier: true, uids: vec![300..=310, 405..=405] }),
        ("* VANISHED 405", Event::Vanished { earlier: false, uids: vec![405..=405] }),
        ("* 18 EXISTS", Event::Exists(18)),
        ("* 44 EXPUNGE", Event::Expunge),
        ("* SEARCH 2 84 882", Event::Search(vec![2, 84, 882])),
        ("* SEARCH", Event::Search(vec![])),
        ("+ idling", Event::Continue),
        ("+ ", Event::Continue),
        ("+", Event::Continue),
        ("* ENABLED QRESYNC", Event::Other),
        (
            "* STATUS inbox (UIDNEXT 10002 MESSAGES 503 HIGHESTMODSEQ 0)",
            Event::Status { name: name(), counts: counts(10002, 503, None), mailbox_id: None },
        ),
        (
            "* STATUS \"INBOX\" (UIDNEXT 2 MAILBOXID (F2212ea87-6097) MESSAGES 1 HIGHESTMODSEQ 9)",
            Event::Status {
                name: name(),
                counts: counts(2, 1, Some(9)),
                mailbox_id: Some("F2212ea87-6097".to_owned()),
            },
        ),
        (
            "* LIST (\\HasNoChildren \\Sent) \".\" \"a \\\"b\\\"\"",
            Event::List {
                name: "a \"b\"".to_owned(),
                attributes: vec!["\\hasnochildren".to_owned(), "\\sent".to_owned()],
                delimiter: Some('.'),
            },
        ),
    ] {
        assert_eq!(one(line), event, "{line}");
    }
}

#[test]
fn a_message_comes_with_its_literal() {
    let raw = b"* 12 FETCH (UID 77 FLAGS (\\Seen $forwarded NonJunk) RFC822.SIZE 4286 BODY[]<0> {5}\r\na\r\n)b MODSEQ (65402))\r\n";
    let fetched = Fetched {
        uid: Some(77),
        flags: Some(Flags::SEEN.with(Flags::FORWARDED)),
        size: Some(4286),
        received_ms: None,
        body: Some(Bytes::from_static(b"a\r\n)b")),
    };
    assert_eq!(decode(raw), [Event::Fetch(fetched)]);
    let odd = Fetched { uid: Some(7), flags: Some(Flags::FLAGGED), ..Fetched::default() };
    assert_eq!(one("* 1 FETCH (FLAGS (\\Flagged a] $Label{x) UID 7)"), Event::Fetch(odd.clone()));
    let dated = |fetched: Fetched| Event::Fetch(Fetched { received_ms: Some(837_596_665_000), ..fetched });
    let date = "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\"";
    assert_eq!(one(&format!("* 1 FETCH (FLAGS (\\Flagged a]) {date} UID 7)")), dated(odd.clone()));
    assert_eq!(one(&format!("* 1 FETCH (FLAGS (\\Flagged a) {date} UID 7)")), dated(odd));
}

#[test]
fn the_end_of_a_command_is_understood_whatever_words_it_has() {
    let end = |verdict, code, text: &str| Event::Tagged {
        tag: "A7".to_owned(),
        status: Status { verdict, code, text: text.to_owned() },
    };
    let gone = "Mailbox doesn't exist: Gr\u{fc}\u{df}e";
    assert_eq!(one(&format!("A7 NO {gone}")), end(Verdict::No, Code::None, gone));
    assert_eq!(
        one("A7 NO [NONEXISTENT] Gr\u{fc}\u{df}e"),
        end(Verdict::No, Code::Other("NONEXISTENT".to_owned()), "Gr\u{fc}\u{df}e")
    );
    assert_eq!(one("A7 OK [APPENDUID 38505 3955] done"), end(Verdict::Ok, Code::AppendUid(3955), "done"));
    assert_eq!(one("A7 BAD"), end(Verdict::Bad, Code::None, ""));
    let bye = Status { verdict: Verdict::Bye, code: Code::None, text: "tsch\u{fc}ss".to_owned() };
    assert_eq!(one("* BYE tsch\u{fc}ss"), Event::Untagged(bye));
}

#[test]
fn what_is_not_understood_is_passed_over_until_it_is_too_much() {
    assert_eq!(
        one("* LIST () \"/\" new (\"OLDNAME\" (\"old\"))"),
        Event::Odd("LIST () \"/\" NEW (\"OLDNAM".to_owned())
    );
    let mut decoder = Decoder::new(1 << 16);
    decoder.feed("* what\r\n".repeat(150).as_bytes());
    let outcomes: Vec<_> = std::iter::repeat_with(|| decoder.next()).take(150).collect();
    assert!(outcomes[..100].iter().all(|outcome| matches!(outcome, Ok(Some(Event::Odd(_))))));
    assert!(outcomes.contains(&Err(WireError::Garbage)));
}

#[test]
fn no_line_and_no_literal_is_longer_than_allowed() {
    for endless in
        ["* OK x".to_owned() + &"x".repeat(5000), format!("* 1 FETCH (BODY[] {{5000}}\r\n{}", "x".repeat(5000))]
    {
        let mut decoder = Decoder::new(4096);
        let mut outcome = Ok(None);
        for some in endless.as_bytes().chunks(100) {
            decoder.feed(some);
            outcome = decoder.next();
            if outcome.is_err() {
                break;
            }
        }
        assert_eq!(outcome, Err(WireError::TooLong));
    }
}

const SAID: &[u8] = b"* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n* 2 FETCH (UID 4 BODY[] {6}\r\nA1 OK\n)\r\n\
    * STATUS {3}\r\na b (UIDNEXT 3 MESSAGES 2)\r\nA1 NO [TRYCREATE] no\r\n+ go\r\n";

proptest! {
    #[test]
    fn it_does_not_matter_in_which_pieces_bytes_come(cuts in prop::collection::vec(0..SAID.len(), 0..6)) {
        let mut cuts = cuts;
        cuts.extend([0, SAID.len()]);
        cuts.sort_unstable();
        let mut decoder = Decoder::new(1 << 16);
        let mut events = Vec::new();
        for pair in cuts.windows(2) {
            decoder.feed(&SAID[pair[0]..pair[1]]);
            while let Some(event) = decoder.next().expect("IMAP") {
                events.push(event);
            }
        }
        prop_assert_eq!(events, decode(SAID));
    }

    #[test]
    fn nothing_a_server_says_makes_it_stumble(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        at in 0..SAID.len(),
        with in any::<u8>(),
    ) {
        for bytes in [noise, {
            let mut said = SAID.to_vec();
            said[at] = with;
            said
        }] {
            let mut decoder = Decoder::new(1 << 16);
            decoder.feed(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }

    #[test]
    fn no_response_of_few_words_makes_it_stumble(
        words in prop::collection::vec(
            prop::sample::select(vec!["*", "+", "A1", "OK", "NO", "[", "]", "(", ")", " ", "FETCH", "UID", "1", "FLAGS",
                "\\Seen", "STATUS", "INBOX", "LIST", "\"", "/", "NIL", "VANISHED", "1:*", ",", "MODSEQ", "BODY[]", "{1}",
                "\r\n", "[CAPABILITY", "IMAP4rev1", "AGI=", "=", "MAILBOXID (", "ENABLED", "0", "99999999999"]),
            0..24,
        ),
    ) {
        let mut decoder = Decoder::new(1 << 16);
        decoder.feed((words.concat() + "\r\n\r\n").as_bytes());
        while let Ok(Some(_)) = decoder.next() {}
    }
}
