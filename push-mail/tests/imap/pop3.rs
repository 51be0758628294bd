//! [`Pop3Store`] against such servers.

use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::pop3::{Pop3Config, Pop3Store};
use push_mail::store::{FolderId, MailStore, StoreErrorKind, Token, Wanted};

use crate::script::{Server, Step};

async fn store(server: &Server, query: &str) -> (Pop3Store, FolderId) {
    let state = State::in_memory().expect("memory");
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    let mut config = Pop3Config::new(format!("pop3://{}{query}", server.addr), "alice", "tanstaaf");
    (config.timeout, config.max_message, config.max_messages) = (Duration::from_secs(2), 10_000, 3);
    let store = Pop3Store::new(config, journal).expect("a store");
    let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
    (store, inbox)
}

fn greeted() -> Vec<Step> {
    vec![Step::Say("+OK hello\r\n"), Step::Line("USER alice", "+OK\r\n"), Step::Line("PASS tanstaaf", "+OK in\r\n")]
}

fn listed(stat: &'static str, list: &'static str) -> Vec<Step> {
    let mut script = greeted();
    script.extend([Step::Line("STAT", stat), Step::Line("UIDL", list), Step::Line("QUIT", "+OK bye\r\n")]);
    script
}

/// RFC 1939 §7 has the stamp, the secret and the proof.
#[tokio::test]
async fn the_proof_of_the_rfc_is_sent_and_a_password_where_it_does_not_help() {
    let greeting = Step::Say("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n");
    let rest = || listed("+OK 0 0\r\n", "+OK\r\n.\r\n").split_off(3);
    let mut proven = vec![greeting.clone(), Step::Line("APOP alice c4c9334bac560ecc979e58001b3e22fb", "+OK in\r\n")];
    proven.extend(rest());
    let mut not = vec![greeting, Step::Line("APOP alice c4c9334bac560ecc979e58001b3e22fb", "-ERR no such thing\r\n")];
    not.extend(greeted().split_off(1));
    not.extend(rest());
    let server = Server::start(vec![proven, not]).await;
    let (store, inbox) = store(&server, "").await;
    for _ in 0..2 {
        assert_eq!(store.changes(inbox, Token::START, 10).await.expect("none").changes, []);
    }
    server.end().await;
}

#[tokio::test]
async fn a_server_without_top_is_asked_for_the_whole_message_and_names_that_are_equal_are_one() {
    let list = "+OK\r\n1 a\r\n2 b\r\n3 a\r\n.\r\n";
    let mut second = greeted();
    second.extend([
        Step::Line("UIDL", list),
        Step::Line("LIST 2", "+OK 2 40\r\n"),
        Step::Line("TOP 2 200", "-ERR what\r\n"),
        Step::Line("RETR 2", "+OK\r\nSubject: two\r\n\r\n..\r\ntext\r\n.\r\n"),
        Step::Line("QUIT", "+OK bye\r\n"),
    ]);
    let server = Server::start(vec![listed("+OK 3 120\r\n", list), second]).await;
    let (store, inbox) = store(&server, "").await;
    let page = store.changes(inbox, Token::START, 10).await.expect("changes");
    assert_eq!(page.changes.len(), 2);
    let wanted = Wanted::Summary { preview_bytes: 10 };
    let items = store.fetch(inbox, &[page.changes[1].uid], wanted).await.expect("a message");
    assert_eq!(items[0].summary.subject.as_deref(), Some("two"));
    server.end().await;
}

#[tokio::test]
async fn a_server_that_is_none_changes_nothing_and_hears_no_password() {
    let unavailable = StoreErrorKind::Unavailable;
    let stat = |answer| greeted().into_iter().chain([Step::Line("STAT", answer)]).collect::<Vec<_>>();
    for (script, query, kind) in [
        (vec![Step::Say("* OK IMAP\r\n")], "", unavailable),
        (vec![Step::Say("-ERR too busy\r\n")], "", unavailable),
        (vec![Step::HalfClose], "", unavailable),
        (vec![], "", unavailable),
        (vec![Step::Flood(b'x', 1 << 20)], "", unavailable),
        (stat("+OK what\r\n"), "", unavailable),
        (listed("+OK 1 1\r\n", "+OK\r\nwhat\r\n.\r\n"), "", unavailable),
        (listed("+OK 1 1\r\n", "-ERR no such thing\r\n"), "", unavailable),
        (listed("+OK 4 1\r\n", "+OK\r\n1 a\r\n2 b\r\n3 c\r\n4 d\r\n.\r\n"), "", StoreErrorKind::Invalid),
        (vec![Step::Say("+OK hello\r\n"), Step::Line("STLS", "-ERR no\r\n")], "?tls=starttls", StoreErrorKind::Refused),
        (
            vec![Step::Say("+OK hello\r\n"), Step::Line("STLS", "+OK begin\r\n+OK\r\n+OK\r\n"), Step::HalfClose],
            "?tls=starttls",
            unavailable,
        ),
    ] {
        let shown = format!("{script:?}");
        let server = Server::start(vec![script]).await;
        let (store, inbox) = store(&server, query).await;
        let answer = tokio::time::timeout(testkit::GUARD, store.changes(inbox, Token::START, 10)).await;
        let error = answer.expect("an answer").expect_err("this is no POP3");
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert_eq!(store.recorded(inbox, Token::START, 10).expect("nothing").changes, []);
        assert!(query.is_empty() || !server.said().join(" ").contains("tanstaaf"));
    }
}
