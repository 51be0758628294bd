//! Conversations as they are written down, and any cut of them into pieces.

use std::sync::Arc;

use proptest::prelude::*;

use super::session::{Session, Step};
use super::{LmtpConfig, Refusal};

/// What a shell without mailboxes makes of a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    replies: String,
    /// Sender, recipients, text.
    messages: Vec<(String, Vec<String>, String)>,
    is_closed: bool,
}

fn config() -> LmtpConfig {
    LmtpConfig {
        hostname: "here".to_owned(),
        max_message_bytes: 100,
        max_recipients: 3,
        max_errors: 5,
        ..Default::default()
    }
}

/// A session that is told these pieces. Recipients at `none.example` are refused, at `full.example` when the message is
/// there.
fn hear<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Heard {
    let mut session = Session::new(Arc::new(config()));
    let mut heard = Heard { replies: text(session.take_replies()), ..Heard::default() };
    let mut kept = Vec::new();
    for mut input in pieces {
        while !input.is_empty() && !heard.is_closed {
            let step = session.handle_input(&mut input);
            kept.extend(session.take_kept());
            match step {
                Step::Read => {}
                Step::Recipient(recipient) => {
                    let is_known = !recipient.ends_with("@none.example");
                    session.recipient(recipient, if is_known { Ok(()) } else { Err(Refusal::NoSuchMailbox) });
                }
                Step::Message(envelope) => {
                    let answer = |recipient: &String| {
                        if recipient.ends_with("@full.example") { Err(Refusal::Full) } else { Ok(()) }
                    };
                    session.delivered(&envelope.recipients.iter().map(answer).collect::<Vec<_>>());
                    heard.messages.push((envelope.from, envelope.recipients, text(std::mem::take(&mut kept))));
                }
                Step::Discard => kept.clear(),
                Step::Close => heard.is_closed = true,
            }
        }
        heard.replies.push_str(&text(session.take_replies()));
    }
    heard
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// One line at a time, as who waits for each reply.
fn lines(conversation: &str) -> impl Iterator<Item = &[u8]> {
    conversation.as_bytes().split_inclusive(|byte| *byte == b'\n')
}

/// The codes of the replies behind the greeting.
fn codes(conversation: &str) -> Vec<String> {
    let heard = hear(lines(conversation));
    let code =
        |line: &str| line[..3].to_owned() + line[4..].split(' ').next().filter(|e| e.contains('.')).unwrap_or("");
    let is_last = |line: &&str| line.as_bytes()[3] == b' ';
    heard.replies.lines().skip(1).filter(is_last).map(code).collect()
}

const BEGIN: &str = "LHLO there\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n";

/// RFC 2033 §4.4, with its example's shape.
#[test]
fn each_recipient_that_was_accepted_has_a_reply_of_its_own() {
    let conversation = "LHLO there\r\nMAIL FROM:<chris@bar.com>\r\nRCPT TO:<pat@foo.edu>\r\nRCPT TO:<jones@none.example>\r\n\
                        RCPT TO:<green@full.example>\r\nDATA\r\nSubject: x\r\n\r\nBlah blah blah...\r\n.\r\nQUIT\r\n";
    let heard = hear(lines(conversation));
    assert_eq!(
        heard.replies,
        "220 here LMTP\r\n250-here\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 100\r\n\
         250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n550 5.1.1 there is no such mailbox\r\n250 2.1.5 recipient ok\r\n\
         354 go on, and end with a dot\r\n250 2.0.0 delivered\r\n452 4.2.2 the mailbox is full\r\n221 2.0.0 goodbye\r\n"
    );
    let recipients = vec!["pat@foo.edu".to_owned(), "green@full.example".to_owned()];
    let text = "Subject: x\n\nBlah blah blah...\n".to_owned();
    assert_eq!(heard.messages, [("chris@bar.com".to_owned(), recipients, text)]);
    assert!(heard.is_closed);
}

#[test]
fn commands_are_answered_as_the_table_says() {
    let ok = "250,2502.1.0,2502.1.5";
    let table: &[(&str, &str)] = &[
        // Order (RFC 5321 §4.1.4).
        ("MAIL FROM:<a@b>\r\n", "5035.5.1"),
        ("LHLO x\r\nRCPT TO:<a@b>\r\n", "250,5035.5.1"),
        ("LHLO x\r\nDATA\r\n", "250,5035.5.1"),
        ("LHLO x\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", "250,2502.1.0,5035.5.1"),
        // RFC 2033 §4.1, §4.2.
        ("EHLO x\r\nHELO x\r\n", "5005.5.1,5005.5.1"),
        ("LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@none.example>\r\nDATA\r\n", "250,2502.1.0,5505.1.1,5035.5.1"),
        // Reports have no sender (RFC 5321 §4.5.5).
        ("LHLO x\r\nMAIL FROM:<>\r\n", "250,2502.1.0"),
        ("lhlo x\r\nmail from:<a@b> SIZE=100 BODY=8BITMIME SMTPUTF8\r\n", "250,2502.1.0"),
        ("LHLO x\r\nMAIL FROM:<a@b> SIZE=101\r\n", "250,5525.3.4"),
        ("LHLO x\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\n", "250,5555.5.4"),
        ("LHLO x\r\nMAIL FROM:<a@b> NONSENSE=1\r\n", "250,5555.5.4"),
        ("LHLO x\r\nMAIL FROM:<\"a b\"@c>\r\nRCPT TO:<\"x>y\"@c>\r\n", "250,2502.1.0,2502.1.5"),
        // RFC 6531 §3.5.
        (
            "LHLO x\r\nMAIL FROM:<ä@b>\r\nMAIL FROM:<ä@b> SMTPUTF8\r\nRCPT TO:<ö@b>\r\n",
            "250,5535.6.7,2502.1.0,2502.1.5",
        ),
        // Begun anew.
        ("LHLO x\r\nMAIL FROM:<a@b>\r\nRSET\r\nMAIL FROM:<a@b>\r\n", "250,2502.1.0,2502.0.0,2502.1.0"),
        ("LHLO x\r\nMAIL FROM:<a@b>\r\nLHLO x\r\nMAIL FROM:<a@b>\r\n", "250,2502.1.0,250,2502.1.0"),
        ("RSET\r\nNOOP\r\nVRFY a\r\nQUIT\r\n", "2502.0.0,2502.0.0,2522.1.5,2212.0.0"),
        // Limits, and what is no command.
        ("FOO\r\n\r\nMAIL\r\nSTARTTLS\r\n", "5005.5.1,5005.5.1,5015.5.4,5025.5.1"),
        ("NOOP\0\r\nNOOP\r\n", "5005.5.2,2502.0.0"),
        ("1\r\n2\r\n3\r\n4\r\n5\r\nNOOP\r\n", "5005.5.1,5005.5.1,5005.5.1,5005.5.1,5005.5.1,4214.7.0"),
        // RFC 5321 §2.3.8.
        ("NOOP\nNOOP\r\n", "5005.5.2"),
    ];
    for (conversation, expected) in table {
        assert_eq!(codes(conversation).join(","), *expected, "{conversation:?}");
    }
    let crowded = format!("{BEGIN}{}", "RCPT TO:<c@y.example>\r\n".repeat(3));
    assert_eq!(codes(&crowded).join(","), format!("{ok},2502.1.5,2502.1.5,4524.5.3"));
    let long = format!("NOOP {}\r\nNOOP\r\n", "x".repeat(5000));
    assert_eq!(codes(&long).join(","), "5005.5.2,2502.0.0");
}

/// RFC 5321 §4.5.2.
#[test]
fn dots_are_taken_away_and_the_message_ends_at_a_dot_alone() {
    for (sent, kept) in [
        (".\r\n", ""),
        ("..\r\n.\r\n", ".\n"),
        ("..a\r\n...\r\n.\r\n", ".a\n..\n"),
        (".a\r\n.\r\n", "a\n"),
        ("a.\r\n.\r\n", "a.\n"),
        ("\r\n\r\n.\r\n", "\n\n"),
        ("nul \0 and \u{ff}\r\n.\r\n", "nul \0 and \u{ff}\n"),
    ] {
        let heard = hear(lines(&format!("{BEGIN}DATA\r\n{sent}NOOP\r\n")));
        assert_eq!(heard.messages.iter().map(|message| &*message.2).collect::<Vec<_>>(), [kept], "{sent:?}");
        assert!(heard.replies.ends_with("250 2.0.0 delivered\r\n250 2.0.0 ok\r\n"), "{}", heard.replies);
    }
}

/// RFC 5321 §2.3.8, §4.1.1.4: what others may take for the end of a message is not, and such a message is refused.
#[test]
fn a_message_that_can_be_read_in_two_ways_is_not_delivered() {
    let smuggled = "MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n";
    for end in ["\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\r\n.\r\n", "\n"] {
        let heard = hear(lines(&format!("{BEGIN}DATA\r\nx{end}{smuggled}y\r\n.\r\nNOOP\r\n")));
        assert!(heard.messages.is_empty(), "{end:?}: {:?}", heard.messages);
        assert!(heard.replies.contains("550 5.6.0"), "{end:?}: {}", heard.replies);
    }
    // RFC 2920 §3.1: nothing follows DATA before its answer.
    let heard = hear([format!("{BEGIN}DATA\r\nx\r\n.\r\n").as_bytes()]);
    assert!(heard.messages.is_empty() && heard.is_closed, "{heard:?}");
}

#[test]
fn a_message_that_is_too_large_is_refused_once_it_has_ended() {
    let large = "0123456789\r\n".repeat(10);
    let heard = hear(lines(&format!("{BEGIN}DATA\r\n{large}.\r\nMAIL FROM:<a@b>\r\n")));
    assert!(heard.messages.is_empty());
    assert!(
        heard.replies.ends_with("552 5.3.4 the message is too large\r\n250 2.1.0 sender ok\r\n"),
        "{}",
        heard.replies
    );
    let fits = "012345678\r\n".repeat(10);
    assert_eq!(hear(lines(&format!("{BEGIN}DATA\r\n{fits}.\r\n"))).messages[0].2.len(), 100);
}

proptest! {
    /// RFC 2920: however it is cut into pieces, the same is heard; but DATA ends a piece.
    #[test]
    fn pieces_make_no_difference(texts in proptest::collection::vec("[a.\\r\\n]{0,12}", 1..4), cuts in proptest::collection::vec(1..20_usize, 0..30)) {
        let message = |text: &String| {
            format!("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@none.example>\r\nDATA\r\n\0{text}\r\n.\r\n")
        };
        let conversation = format!("LHLO x\r\n{}QUIT\r\n", texts.iter().map(message).collect::<String>());
        let expected = hear(conversation.split_inclusive('\0').map(str::as_bytes).map(|piece| piece.strip_suffix(b"\0").unwrap_or(piece)));
        let mut pieces = Vec::new();
        let mut cuts = cuts.into_iter().cycle();
        for mut piece in conversation.split('\0') {
            while !piece.is_empty() {
                let (part, rest) = piece.split_at(cuts.next().unwrap_or(1).min(piece.len()));
                pieces.push(part.as_bytes());
                piece = rest;
            }
        }
        prop_assert_eq!(hear(pieces), expected);
    }

    #[test]
    fn noise_never_panics_nor_delivers_what_was_not_sent(noise in proptest::collection::vec(any::<u8>(), 0..600), cut in 1..50_usize) {
        let heard = hear(noise.chunks(cut));
        prop_assert!(heard.messages.is_empty());
        let raw = [BEGIN.as_bytes(), b"DATA\r\n", &noise].concat();
        hear(raw.split_inclusive(|byte| *byte == b'\n'));
    }
}
