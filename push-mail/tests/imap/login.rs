use push_mail::store::imap::Credentials;
use push_mail::store::{MailStore, StoreErrorKind};

use crate::script::{INBOX, Server, Step};
use crate::{config, with};

const LIST: Step = Step::On("LIST \"\" \"*\"", INBOX);
const STATUS: Step =
    Step::On("STATUS \"INBOX\"", "* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 UNSEEN 0)\r\n{tag} OK x\r\n");

#[tokio::test]
async fn a_login_goes_the_way_that_the_server_offers() {
    // alice and secret with NUL before each.
    const PROOF: &str = "AGFsaWNlAHNlY3JldA==";
    let with_sasl_ir = vec![
        Step::Say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n"),
        Step::On("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
    ];
    let without = vec![
        Step::Say("* OK hello\r\n"),
        Step::On("CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK x\r\n"),
        Step::On("AUTHENTICATE PLAIN", "+ \r\n"),
        Step::Line(PROOF, "* CAPABILITY IMAP4rev1\r\n{tag} OK in\r\n"),
    ];
    let plain_login = vec![
        Step::Say("* OK [CAPABILITY IMAP4rev1] hello\r\n"),
        Step::On("LOGIN \"alice\" \"secret\"", "{tag} OK in\r\n"),
        Step::On("CAPABILITY", "* CAPABILITY IMAP4rev1\r\n{tag} OK x\r\n"),
    ];
    for mut script in [with_sasl_ir, without, plain_login] {
        script.extend([LIST, STATUS]);
        let server = Server::start(vec![script]).await;
        let store = with(config(server.addr)).await;
        assert_eq!(store.hierarchy().await.expect("in").folders.len(), 1, "{:?}", server.said());
    }
}

#[tokio::test]
async fn nothing_secret_is_said_where_strangers_could_hear_or_have_spoken() {
    let starttls = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS] hello\r\n";
    for script in [
        // No TLS at all; somebody who says that we are in already (RFC 9051 §7.1.4); and a refusal.
        vec![Step::Say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n")],
        vec![Step::Say("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n")],
        vec![Step::Say(starttls), Step::On("STARTTLS", "{tag} NO not now\r\n")],
        // Words within those of before TLS do not count: TLS is begun, and this server cannot.
        vec![
            Step::Say(starttls),
            Step::On("STARTTLS", "{tag} OK begin\r\n* PREAUTH in\r\nA2 OK x\r\n"),
            Step::HalfClose,
        ],
    ] {
        let server = Server::start(vec![script]).await;
        let mut config = config(server.addr);
        config.url += "?tls=starttls";
        let error = with(config).await.hierarchy().await.expect_err("it is not safe");
        let kinds = [StoreErrorKind::Refused, StoreErrorKind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error}");
        let said = server.said().join(" ");
        assert!(!said.contains("AUTHENTICATE") && !said.contains("secret"), "{said}");
    }
    let server = Server::start(vec![vec![Step::Say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hello\r\n")]]).await;
    let error = with(config(server.addr)).await.hierarchy().await.expect_err("no password is taken");
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert_eq!(server.said(), [] as [String; 0]);
}

#[tokio::test]
async fn a_refused_token_is_read_once_more_from_its_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("token");
    std::fs::write(&path, "old\n").expect("written");
    // user=alice, auth=Bearer old or new, each followed by a control character.
    const OLD: &str = "AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBvbGQBAQ==";
    const NEW: &str = "AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBuZXcBAQ==";
    let greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n";
    // Why it is refused is said in a question, to which there is no answer.
    let refused = "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n";
    let first = vec![Step::Say(greeting), Step::On(OLD, refused), Step::Line("", "{tag} NO expired\r\n")];
    let second = vec![Step::Say(greeting), Step::On(NEW, "{tag} OK [CAPABILITY IMAP4rev1] in\r\n"), LIST, STATUS];
    let server = Server::start(vec![first, second]).await;
    let mut config = config(server.addr);
    config.credentials = Credentials::TokenFile(path.clone());
    assert!(!format!("{:?}", Credentials::Token("a-token".to_owned())).contains("a-token"));
    let store = with(config).await;
    let error = store.hierarchy().await.expect_err("it is expired");
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    std::fs::write(&path, "new\n").expect("written");
    let end = tokio::time::Instant::now() + testkit::GUARD;
    while store.hierarchy().await.is_err() {
        assert!(tokio::time::Instant::now() < end, "the new token is never read");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_for_now_is_not_taken_for_a_refusal() {
    let greeting = "* OK [CAPABILITY IMAP4rev1] hello\r\n";
    for (answer, kind) in [
        ("{tag} NO [UNAVAILABLE] the user database is down\r\n", StoreErrorKind::Unavailable),
        ("{tag} NO [AUTHENTICATIONFAILED] wrong\r\n", StoreErrorKind::Refused),
        ("{tag} NO no\r\n", StoreErrorKind::Refused),
        ("{tag} BAD what\r\n", StoreErrorKind::Unavailable),
    ] {
        let server = Server::start(vec![vec![Step::Say(greeting), Step::On("LOGIN", answer)]]).await;
        let error = with(config(server.addr)).await.hierarchy().await.expect_err("not in");
        assert_eq!(error.kind(), kind, "{error}");
    }
}
