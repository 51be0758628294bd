//! [`SmtpSubmitter`] against submission servers that take messages, or do not (RFC 6409, RFC 5321).

use std::time::Duration;

use push_mail::store::imap::Credentials;
use push_mail::submit::{Outgoing, SmtpConfig, SmtpSubmitter, SubmitError, SubmitErrorKind, Submitter};
use testkit::smtp::{Ending, SmtpOptions, SmtpServer};

fn outgoing() -> Outgoing {
    Outgoing {
        from: "alice@example.org".to_owned(),
        recipients: vec!["bob@example.org".to_owned(), "carol@example.net".to_owned()],
        raw: "To: bob@example.org\r\n\r\n.\r\n..a\r\n.b\r\nlast".into(),
    }
}

fn submitter(config: SmtpConfig) -> SmtpSubmitter {
    SmtpSubmitter::new(config).expect("it can be used")
}

fn plain(server: &SmtpServer) -> SmtpConfig {
    SmtpConfig::new(format!("smtp://{}", server.addr()))
}

async fn send(config: SmtpConfig, message: Outgoing) -> Result<(), SubmitError> {
    submitter(config).open(message).await?.hand_over().await
}

#[tokio::test]
async fn a_message_arrives_as_it_is_whatever_its_lines_begin_with() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    send(plain(&server), outgoing()).await.expect("taken");
    let taken = server.wait_for(1).await;
    assert_eq!(taken[0].text(), "To: bob@example.org\r\n\r\n.\r\n..a\r\n.b\r\nlast\r\n");
    assert_eq!(taken[0].from, format!("<alice@example.org> SIZE={}", outgoing().raw.len()));
    assert_eq!(taken[0].recipients, ["<bob@example.org>", "<carol@example.net>"]);
    send(plain(&server), Outgoing { raw: "To: b@b\r\n\r\n\r\nhi\r\n\r\n".into(), ..outgoing() }).await.expect("taken");
    assert_eq!(server.wait_for(2).await[1].text(), "To: b@b\r\n\r\n\r\nhi\r\n\r\n");
    assert_eq!(server.lines()[0], "EHLO [127.0.0.1]", "RFC 5321 §4.1.3");
}

#[tokio::test]
async fn what_is_not_ascii_is_said_to_be_so_where_the_server_can_take_it() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    let mut message = outgoing();
    message.raw = "To: bob@example.org\r\n\r\nä\r\n".into();
    message.recipients = vec!["jürgen@example.org".to_owned()];
    send(plain(&server), message.clone()).await.expect("taken");
    let from = &server.wait_for(1).await[0].from;
    assert!(from.ends_with(" BODY=8BITMIME SMTPUTF8"), "{from}");
    server.set(SmtpOptions::new().extensions(&["8BITMIME"]));
    let error = send(plain(&server), message).await.expect_err("it cannot");
    assert_eq!(error.kind(), SubmitErrorKind::Recipients, "{error}");
}

#[tokio::test]
async fn a_login_goes_the_way_that_the_server_offers() {
    let token = || Credentials::Token("ya29".to_owned());
    let password = || Credentials::Password("secret".to_owned());
    for (offered, credentials, mechanism, told) in [
        ("AUTH PLAIN LOGIN", password(), "PLAIN", "\0alice\0secret"),
        ("AUTH LOGIN", password(), "LOGIN", "alice secret"),
        ("AUTH PLAIN XOAUTH2", token(), "XOAUTH2", "user=alice\x01auth=Bearer ya29\x01\x01"),
    ] {
        let server = SmtpServer::start(SmtpOptions::new().extensions(&[offered])).await;
        let mut config = plain(&server);
        config.login = Some(("alice".to_owned(), credentials));
        send(config, outgoing()).await.expect("taken");
        let login = server.wait_for(1).await[0].login.clone();
        assert_eq!(login, Some((mechanism.to_owned(), told.to_owned())), "{offered}");
    }
}

#[tokio::test]
async fn a_token_is_read_from_its_file_at_each_login() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut config = plain(&server);
    config.login = Some(("alice".to_owned(), Credentials::TokenFile(file.path().to_owned())));
    let submitter = submitter(config);
    let error = submitter.open(outgoing()).await.expect_err("no token yet");
    assert_eq!(error.kind(), SubmitErrorKind::Refused);
    for (count, token) in [(1, "one"), (2, "two")] {
        std::fs::write(file.path(), format!("{token}\n")).expect("written");
        submitter.open(outgoing()).await.expect("accepted").hand_over().await.expect("taken");
        let login = server.wait_for(count).await[count - 1].login.clone().expect("a login");
        assert!(login.1.contains(&format!("Bearer {token}\x01")), "{login:?}");
    }
}

#[tokio::test]
async fn a_connection_is_secret_by_a_private_authority_or_there_is_none() {
    for (options, scheme, more) in
        [(SmtpOptions::new().tls(), "smtps", ""), (SmtpOptions::new().starttls(), "smtp", "?tls=starttls")]
    {
        let server = SmtpServer::start(options).await;
        let mut config = SmtpConfig::new(format!("{scheme}://localhost:{}{more}", server.addr().port()));
        config.login = Some(("alice".to_owned(), Credentials::Password("secret".to_owned())));
        let error = send(config.clone(), outgoing()).await.expect_err("nobody knows its authority");
        assert_eq!(error.kind(), SubmitErrorKind::Temporary, "{error}");
        config.ca = Some(server.ca());
        send(config, outgoing()).await.expect("taken");
        let taken = server.wait_for(1).await;
        assert!(taken[0].is_secret && taken[0].login.is_some());
    }
}

#[tokio::test]
async fn nothing_is_told_to_a_server_that_has_no_tls() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    for options in
        [SmtpOptions::new(), SmtpOptions::new().reply("EHLO", "250-x\r\n250 STARTTLS").reply("STARTTLS", "454 no")]
    {
        server.set(options);
        let mut config = SmtpConfig::new(format!("smtp://{}?tls=starttls", server.addr()));
        config.login = Some(("alice".to_owned(), Credentials::Password("secret".to_owned())));
        send(config, outgoing()).await.expect_err("it is not safe");
    }
    assert!(server.lines().iter().all(|line| !line.starts_with("AUTH") && !line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_refusal_says_what_kind_it_is_and_nothing_was_sent() {
    use SubmitErrorKind::{Recipients, Refused, Rejected, Temporary, TooLarge};
    let server = SmtpServer::start(SmtpOptions::new()).await;
    let ending = |reply| SmtpOptions::new().ending(Ending::Refused(reply));
    let said = |command, reply| SmtpOptions::new().reply(command, reply);
    for (options, kind) in [
        (said("", "421 too busy"), Temporary),
        (said("", "554 no mail here"), Rejected),
        (said("AUTH", "535 5.7.8 wrong"), Refused),
        (said("AUTH", "454 4.7.0 later"), Temporary),
        (said("MAIL", "553 5.7.1 not yours"), Rejected),
        (said("MAIL", "552 5.3.4 too large"), TooLarge),
        (said("MAIL", "530 5.7.0 log in first"), Refused),
        (said("RCPT TO:<carol", "550 5.1.1 unknown"), Recipients),
        (said("RCPT TO:<carol", "552 5.2.2 full"), Recipients),
        (said("RCPT TO:<carol", "450 4.7.1 greylisted"), Temporary),
        (said("DATA", "451 4.3.0 later"), Temporary),
        (said("DATA", "250 what"), Temporary),
        (ending("550 5.7.1 spam"), Rejected),
        (ending("552 5.3.4 too large"), TooLarge),
        (ending("452 4.3.1 no room"), Temporary),
        (SmtpOptions::new().extensions(&["SIZE 10", "AUTH PLAIN"]), TooLarge),
        (SmtpOptions::new().extensions(&["AUTH GSSAPI"]), Refused),
    ] {
        server.set(options.clone());
        let mut config = plain(&server);
        config.login = Some(("alice".to_owned(), Credentials::Password("secret".to_owned())));
        let error = send(config, outgoing()).await.expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}, {options:?}");
        assert_eq!(error.is_retryable(), kind == Temporary);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn a_message_is_in_doubt_once_all_of_it_was_handed_over_and_never_before() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    let mut large = outgoing();
    large.raw = format!("To: b@b\r\n\r\n{}", "0123456789\r\n".repeat(1 << 20)).into();
    server.set(SmtpOptions::new().extensions(&[]).ending(Ending::CutWithin));
    let error = send(plain(&server), large).await.expect_err("cut");
    assert_eq!(error.kind(), SubmitErrorKind::Temporary, "{error}");
    assert!(server.taken().is_empty());
    for ending in [Ending::CutBehind, Ending::Silent] {
        server.set(SmtpOptions::new().ending(ending));
        let mut config = plain(&server);
        config.timeout = Duration::from_millis(200);
        let error = send(config, outgoing()).await.expect_err("nothing was said");
        assert_eq!(error.kind(), SubmitErrorKind::InDoubt, "{error}");
    }
    assert_eq!(server.taken().len(), 2);
}

#[tokio::test]
async fn what_is_opened_and_dropped_was_not_sent() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    drop(submitter(plain(&server)).open(outgoing()).await.expect("accepted"));
    send(plain(&server), outgoing()).await.expect("taken");
    assert_eq!(server.wait_for(1).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_tried_again_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut config = SmtpConfig::new(format!("smtp://{}", listener.local_addr().expect("bound")));
    config.timeout = Duration::from_millis(100);
    let error = send(config.clone(), outgoing()).await.expect_err("silent");
    assert_eq!(error.kind(), SubmitErrorKind::Temporary, "{error}");
    drop(listener);
    let error = send(config, outgoing()).await.expect_err("nobody");
    assert_eq!(error.kind(), SubmitErrorKind::Temporary, "{error}");
}

#[tokio::test]
async fn an_address_cannot_say_anything_else_to_the_server() {
    let server = SmtpServer::start(SmtpOptions::new()).await;
    for wrong in ["", "a@b>\r\nRCPT TO:<eve@e", "a b@c", "<a@b"] {
        let mut message = outgoing();
        message.recipients.push(wrong.to_owned());
        let error = send(plain(&server), message).await.expect_err(wrong);
        assert_eq!(error.kind(), SubmitErrorKind::Recipients);
        let error = send(plain(&server), Outgoing { from: wrong.to_owned(), ..outgoing() }).await.expect_err(wrong);
        assert_eq!(error.kind(), SubmitErrorKind::Rejected);
    }
    assert!(server.lines().is_empty(), "nobody was asked");
    for wrong in ["", "imap://h", "smtp://", "smtps://h?tls=none"] {
        let error = SmtpSubmitter::new(SmtpConfig::new(wrong)).expect_err(wrong);
        assert_eq!(error.kind(), SubmitErrorKind::Invalid);
    }
}
