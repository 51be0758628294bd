//! [`Pop3Store`] against a real Dovecot.

use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::pop3::{Pop3Config, Pop3Store};
use push_mail::store::{Command, Flags, Hint, Hints, MailStore, StoreErrorKind, Token, Wanted};
use testkit::dovecot::PASSWORD;
use testkit::{Dovecot, DovecotConfig, GUARD};
use tokio::time::{Instant, sleep, timeout};

async fn store(url: String, change: impl FnOnce(&mut Pop3Config)) -> Pop3Store {
    let state = State::in_memory().expect("memory");
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    let mut config = Pop3Config::new(url, "alice", PASSWORD);
    config.poll = (Duration::from_millis(100), Duration::from_millis(200));
    config.retry = (Duration::from_millis(50), Duration::from_millis(200));
    change(&mut config);
    Pop3Store::new(config, journal).expect("a store")
}

async fn next(hints: &mut Hints) -> Hint {
    timeout(GUARD, hints.next()).await.expect("a hint")
}

fn message(subject: &str) -> Vec<u8> {
    format!("From: Bob <bob@example.org>\r\nSubject: {subject}\r\n\r\n.\r\n..body\r\n").into_bytes()
}

#[tokio::test]
async fn mail_is_found_over_every_kind_of_connection() {
    let dovecot = Dovecot::start(DovecotConfig::new().extra("auth_mechanisms = plain login apop")).await;
    dovecot.deliver("alice", &message("one")).await;
    let (pop3, pop3s) = (dovecot.pop3_addr().port(), dovecot.pop3s_addr().port());
    for url in [
        format!("pop3://127.0.0.1:{pop3}"),
        format!("pop3://localhost:{pop3}?tls=starttls"),
        format!("pop3s://localhost:{pop3s}"),
    ] {
        let store = store(url.clone(), |config| config.ca = Some(dovecot.ca())).await;
        let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
        let page = store.changes(inbox, Token::START, 10).await.expect("changes");
        assert_eq!(page.changes.len(), 1, "{url}");
        let uids = [page.changes[0].uid];
        let items = store.fetch(inbox, &uids, Wanted::Summary { preview_bytes: 20 }).await.expect("a message");
        assert_eq!(items[0].summary.subject.as_deref(), Some("one"), "{url}");
        let items = store.fetch(inbox, &uids, Wanted::Whole).await.expect("a message");
        // A line that begins with a dot is as it was.
        let raw = items[0].raw.clone().expect("all of it");
        assert!(raw.ends_with(b"\r\n\r\n.\r\n..body\r\n"), "{raw:?}");
        assert_eq!(store.counters().failures, 0, "{url}");
    }
    let log = dovecot.log();
    assert!(log.contains("method=APOP") && log.contains("TLS"), "{log}");
}

#[tokio::test]
async fn who_watches_hears_of_mail_and_of_its_going_and_the_server_is_left_alone_afterwards() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let store = store(format!("pop3://{}", dovecot.pop3_addr()), |_| ()).await;
    let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
    let (mut one, mut other) = (store.watch(&[inbox]), store.watch(&[]));
    assert_eq!((next(&mut one).await, next(&mut other).await), (Hint::Ready, Hint::Ready));
    dovecot.deliver("alice", &message("one")).await;
    assert_eq!(next(&mut one).await, Hint::Folder(inbox));
    assert_eq!(next(&mut other).await, Hint::Folder(inbox));
    let page = store.changes(inbox, Token::START, 10).await.expect("changes");
    assert_eq!(page.changes.len(), 1);
    // It is polled by STAT; messages are listed when that differs, and now and then.
    let before = store.counters();
    while store.counters().sessions < before.sessions + 16 {
        sleep(Duration::from_millis(20)).await;
    }
    let listed = store.counters().lists - before.lists;
    assert!((1..=5).contains(&listed), "{listed} lists in 16 sessions");

    store.apply(Command::Delete { folder: inbox, uid: page.changes[0].uid }).await.expect("deleted");
    assert_eq!(next(&mut one).await, Hint::Folder(inbox));
    let page = store.changes(inbox, page.token, 10).await.expect("changes");
    assert_eq!(page.changes.len(), 1);
    drop((one, other));
    // One session may just be under way; then nothing is to happen for a time in which there would be several.
    let mut sessions = store.counters().sessions;
    let end = Instant::now() + GUARD;
    loop {
        sleep(Duration::from_millis(500)).await;
        let now = store.counters().sessions;
        if now == std::mem::replace(&mut sessions, now) {
            break;
        }
        assert!(Instant::now() < end, "it is still asked though nobody watches");
    }
}

#[tokio::test]
async fn many_who_ask_at_once_share_few_sessions() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    dovecot.deliver("alice", &message("one")).await;
    let store = store(format!("pop3://{}", dovecot.pop3_addr()), |_| ()).await;
    let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
    let looks = (0..100).map(|_| store.changes(inbox, Token::START, 10));
    for page in futures_util::future::join_all(looks).await {
        assert_eq!(page.expect("changes").changes.len(), 1);
    }
    assert!(store.counters().sessions <= 2, "{:?}", store.counters());
}

#[tokio::test]
async fn what_is_refused_says_why_and_a_server_that_comes_back_is_watched_on() {
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    let url = format!("pop3://{}", dovecot.pop3_addr());
    let wrong = store(url.clone(), |config| config.password = "wrong".to_owned()).await;
    let inbox = wrong.hierarchy().await.expect("a tree").folders[0].id;
    let error = wrong.changes(inbox, Token::START, 10).await.expect_err("it is the wrong password");
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");

    let store = store(url, |_| ()).await;
    let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
    let mut hints = store.watch(&[]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    let append = Command::Append { folder: inbox, raw: "x".into(), flags: Flags::default() };
    assert_eq!(store.apply(append).await.expect_err("POP3").kind(), StoreErrorKind::Unsupported);
    dovecot.kill();
    let error = store.changes(inbox, Token::START, 10).await.expect_err("it is down");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    dovecot.restart().await;
    dovecot.deliver("alice", &message("one")).await;
    assert_eq!(next(&mut hints).await, Hint::Folder(inbox));
}
