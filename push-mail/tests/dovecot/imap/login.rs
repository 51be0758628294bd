use std::time::Duration;

use push_mail::store::imap::{Credentials, ImapConfig};
use push_mail::store::{Hint, MailStore, StoreErrorKind};
use testkit::dovecot::PASSWORD;
use testkit::{Dovecot, DovecotConfig};

use super::{config, folder, message, next, until, with};

fn at(url: String, ca: Option<std::path::PathBuf>) -> ImapConfig {
    let mut config = ImapConfig::new(url, "alice", Credentials::Password(PASSWORD.to_owned()));
    config.ca = ca;
    config.retry = (Duration::from_millis(50), Duration::from_millis(100));
    config
}

#[tokio::test]
async fn tls_is_spoken_from_the_start_or_begun_and_only_with_whom_it_is_believed() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let (imap, imaps) = (dovecot.imap_addr().port(), dovecot.imaps_addr().port());
    for url in [
        format!("imaps://localhost:{imaps}"),
        format!("imaps://127.0.0.1:{imaps}"),
        format!("imap://localhost:{imap}?tls=starttls"),
    ] {
        let store = with(at(url.clone(), Some(dovecot.ca()))).await;
        let inbox = folder(&store, "INBOX").await;
        let mut hints = store.watch(&[inbox]);
        assert_eq!(next(&mut hints).await, Hint::Ready, "{url}");
        dovecot.deliver("alice", message("one").as_bytes()).await;
        assert_eq!(next(&mut hints).await, Hint::Folder(inbox), "{url}");
        drop(store);

        let store = with(at(url.clone(), None)).await;
        let error = store.hierarchy().await.expect_err("its signer is not known");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{url}: {error}");
    }
    let log = dovecot.log();
    assert!(log.contains("TLS"), "{log}");
}

#[tokio::test]
async fn refused_credentials_are_told_and_not_tried_at_once_again() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut wrong = config(&dovecot);
    wrong.credentials = Credentials::Password("wrong".to_owned());
    wrong.retry = (Duration::from_millis(10), Duration::from_secs(3600));
    let store = with(wrong).await;
    for _ in 0..5 {
        let error = store.hierarchy().await.expect_err("it is the wrong password");
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        assert!(!error.to_string().contains("wrong\""));
    }
    assert_eq!(store.counters().connections, 1);

    let mut token = config(&dovecot);
    token.credentials = Credentials::Token("a-token".to_owned());
    let error = with(token).await.hierarchy().await.expect_err("this server takes none");
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn a_password_that_becomes_right_is_found_by_who_watches() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut config = config(&dovecot);
    config.credentials = Credentials::Password("new".to_owned());
    let store = with(config).await;
    let mut hints = store.watch(&[]);
    let error = store.hierarchy().await.expect_err("not yet");
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    std::fs::write(dovecot.dir().join("passwd"), "all:new\n").expect("written");
    until(&mut hints, Hint::Ready).await;
}
