use push_mail::store::{ChangeKind, Flags, MailStore, StoreErrorKind, Token, Uid, Wanted};

use crate::script::{INBOX, Server, Step, login};
use crate::{config, folder, with};

const QRESYNC: &str =
    "* OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC LIST-STATUS LIST-EXTENDED UNSELECT LITERAL+] hello\r\n";

fn enabled() -> Vec<Step> {
    let mut script = login(QRESYNC);
    let capability = &QRESYNC[6..QRESYNC.len() - 9];
    assert!(capability.starts_with("CAPABILITY"));
    script.push(Step::On(
        "CAPABILITY",
        "* CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC LIST-STATUS LIST-EXTENDED UNSELECT LITERAL+\r\n{tag} OK x\r\n",
    ));
    script.push(Step::On("ENABLE QRESYNC", "* ENABLED QRESYNC\r\n{tag} OK x\r\n"));
    script.push(Step::On("LIST", INBOX));
    script
}

/// RFC 7162 §3.2.5.1 and §3.2.5.2, in fewer numbers.
#[tokio::test]
async fn what_changed_and_vanished_since_is_told_when_a_folder_is_opened() {
    let mut script = enabled();
    script.extend([
        Step::On(
            "EXAMINE \"INBOX\" (CONDSTORE)",
            "* 4 EXISTS\r\n* OK [UIDVALIDITY 67890007] x\r\n* OK [UIDNEXT 120] x\r\n\
             * OK [HIGHESTMODSEQ 90060115194045000] x\r\n{tag} OK [READ-ONLY] open\r\n",
        ),
        Step::On(
            "UID FETCH 1:* (UID FLAGS INTERNALDATE)",
            "* 1 FETCH (UID 41 FLAGS (\\Seen))\r\n* 2 FETCH (UID 43 FLAGS () MODSEQ (90060115194045000))\r\n\
             * 3 FETCH (UID 117 FLAGS (\\Seen odd] $Forwarded))\r\n* 4 FETCH (UID 119 FLAGS (NonJunk))\r\n{tag} OK x\r\n",
        ),
        // It is open: what happened since is asked for at once.
        Step::On(
            "EXAMINE \"INBOX\" (QRESYNC (67890007 90060115194045000))",
            "* OK [CLOSED] x\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 67890007] x\r\n* OK [UIDNEXT 600] x\r\n\
             * OK [HIGHESTMODSEQ 90060115205545359] x\r\n* VANISHED (EARLIER) 41,43:116,118,120:211,214:540\r\n\
             * 2 FETCH (UID 117 FLAGS (\\Seen \\Answered) MODSEQ (90060115194045001))\r\n\
             * 3 FETCH (UID 541 FLAGS ($Autojunk) MODSEQ (90060115194045027))\r\n{tag} OK [READ-ONLY] open\r\n",
        ),
        // Of what is new, the server did not say when it came.
        Step::On(
            "UID FETCH 541:541 (UID INTERNALDATE)",
            "* 3 FETCH (UID 541 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\r\n{tag} OK x\r\n",
        ),
    ]);
    let server = Server::start(vec![script]).await;
    let store = with(config(server.addr)).await;
    let inbox = folder(&store, "INBOX").await;
    let page = store.changes(inbox, Token::START, 10).await.expect("changes");
    let flags: Vec<_> = page.changes.iter().map(|it| (it.uid.0, it.flags)).collect();
    let none = Flags::default();
    let forwarded = Flags::SEEN.with(Flags::FORWARDED);
    assert_eq!(flags, [(41, Flags::SEEN), (43, none), (117, forwarded), (119, none)]);
    let page = store.changes(inbox, page.token, 10).await.expect("changes");
    let mut kinds: Vec<_> = page.changes.iter().map(|it| (it.uid.0, it.kind)).collect();
    kinds.sort_by_key(|(uid, _)| *uid);
    let expected =
        [(41, ChangeKind::Deleted), (43, ChangeKind::Deleted), (117, ChangeKind::Changed), (541, ChangeKind::New)];
    assert_eq!(kinds, expected);
    assert_eq!(store.known(inbox, &[Uid(541)]).expect("known")[0].received_ms, 837_596_665_000);
}

/// RFC 7162 §3.1.4.1: without QRESYNC nobody tells what went.
#[tokio::test]
async fn without_vanished_messages_are_searched_for_only_where_some_are_missing() {
    let mut script = login("* OK [CAPABILITY IMAP4rev1 CONDSTORE] hello\r\n");
    let opened = |text: &'static str| Step::On("EXAMINE \"INBOX\" (CONDSTORE)", text);
    script.extend([
        Step::On("CAPABILITY", "* CAPABILITY IMAP4rev1 CONDSTORE\r\n{tag} OK x\r\n"),
        Step::On("LIST", INBOX),
        Step::On(
            "STATUS",
            "* STATUS INBOX (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7 UNSEEN 0 HIGHESTMODSEQ 5)\r\n{tag} OK x\r\n",
        ),
        opened(
            "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n* OK [HIGHESTMODSEQ 5] x\r\n{tag} OK x\r\n",
        ),
        Step::On(
            "UID FETCH 1:* (UID FLAGS INTERNALDATE)",
            "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS ())\r\n{tag} OK x\r\n",
        ),
        opened(
            "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n* OK [HIGHESTMODSEQ 6] x\r\n{tag} OK x\r\n",
        ),
        Step::On(
            "UID FETCH 1:* (UID FLAGS INTERNALDATE) (CHANGEDSINCE 5)",
            "* 3 FETCH (UID 3 FLAGS () MODSEQ (6))\r\n{tag} OK x\r\n",
        ),
        opened(
            "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n* OK [HIGHESTMODSEQ 7] x\r\n{tag} OK x\r\n",
        ),
        Step::On("UID FETCH 1:* (UID FLAGS INTERNALDATE) (CHANGEDSINCE 6)", "{tag} OK x\r\n"),
        Step::On("UID SEARCH ALL", "* SEARCH 1 3\r\n{tag} OK x\r\n"),
    ]);
    let server = Server::start(vec![script]).await;
    let store = with(config(server.addr)).await;
    let inbox = folder(&store, "INBOX").await;
    let mut token = Token::START;
    for expected in
        [&[(1, ChangeKind::New), (2, ChangeKind::New)][..], &[(3, ChangeKind::New)], &[(2, ChangeKind::Deleted)]]
    {
        let page = store.changes(inbox, token, 10).await.expect("changes");
        let kinds: Vec<_> = page.changes.iter().map(|it| (it.uid.0, it.kind)).collect();
        assert_eq!(kinds, expected);
        token = page.token;
    }
}

/// RFC 8474 §4: a folder's number stays when it is renamed.
#[tokio::test]
async fn a_renamed_folder_is_known_by_its_mailbox_id() {
    let mut script = login("* OK [CAPABILITY IMAP4rev1 OBJECTID LIST-STATUS SPECIAL-USE] hello\r\n");
    let capability = "* CAPABILITY IMAP4rev1 OBJECTID LIST-STATUS SPECIAL-USE\r\n{tag} OK x\r\n";
    let listed = |text: &'static str| Step::On("LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (MESSAGES", text);
    script.extend([
        Step::On("CAPABILITY", capability),
        listed(
            "* LIST () \".\" INBOX\r\n* STATUS INBOX (UIDVALIDITY 1 MAILBOXID (F0))\r\n\
             * LIST (\\Sent \\HasNoChildren) \".\" a.b\r\n* STATUS a.b (MAILBOXID (F1-x_Y) UIDVALIDITY 1)\r\n\
             * LIST (\\Noselect) \".\" a\r\n{tag} OK x\r\n",
        ),
        listed(
            "* LIST () \".\" INBOX\r\n* STATUS INBOX (UIDVALIDITY 1 MAILBOXID (F0))\r\n\
             * LIST (\\Sent) \".\" {3}\r\na.c\r\n* STATUS \"a.c\" (MAILBOXID (F1-x_Y))\r\n{tag} OK x\r\n",
        ),
    ]);
    let server = Server::start(vec![script]).await;
    let store = with(config(server.addr)).await;
    let before = folder(&store, "a/b").await;
    assert_eq!(folder(&store, "a/c").await, before);
}

#[tokio::test]
async fn messages_that_are_too_large_or_too_many_are_refused() {
    let mut script = enabled();
    script.extend([
        Step::On(
            "EXAMINE \"INBOX\"",
            "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [HIGHESTMODSEQ 5] x\r\n{tag} OK [READ-ONLY] open\r\n",
        ),
        Step::On(
            "UID FETCH 1 (UID FLAGS RFC822.SIZE)",
            "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 1001)\r\n{tag} OK x\r\n",
        ),
        Step::On("EXAMINE \"INBOX\"", "* 11 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK [READ-ONLY] open\r\n"),
    ]);
    let server = Server::start(vec![script]).await;
    let mut config = config(server.addr);
    (config.max_message, config.max_messages) = (1000, 10);
    let store = with(config).await;
    let inbox = folder(&store, "INBOX").await;
    let error = store.fetch(inbox, &[Uid(1)], Wanted::Whole).await.expect_err("too large");
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    let error = store.changes(inbox, Token::START, 10).await.expect_err("too many");
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    assert_eq!(store.counters().failures, 0);
}
