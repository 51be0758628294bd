use std::time::Duration;

use push_mail::store::imap::ImapStore;
use push_mail::store::{Hint, Hints, MailStore, StoreErrorKind, Token};
use testkit::{Dovecot, DovecotConfig};
use tokio::time::sleep;

use super::{changes, config, folder, message, next, store, until, with};

#[tokio::test]
async fn after_a_restart_everything_is_looked_at_and_the_watch_goes_on() {
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    let store = store(&dovecot).await;
    let inbox = folder(&store, "INBOX").await;
    let mut hints = store.watch(&[inbox]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    let (_, mut token) = changes(&store, inbox, Token::START).await;
    for round in 0..3 {
        if round == 1 {
            dovecot.kill()
        } else {
            dovecot.stop()
        }
        // While it is down nobody waits long for an answer.
        let error = store.hierarchy().await.expect_err("it is down");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        // What comes before the watch is in force again is not missed.
        dovecot.restart().await;
        dovecot.deliver("alice", message("one").as_bytes()).await;
        until(&mut hints, Hint::All).await;
        let (found, next) = changes(&store, inbox, token).await;
        let (found_later, next) = if found.is_empty() {
            until(&mut hints, Hint::Folder(inbox)).await;
            changes(&store, inbox, next).await
        } else {
            (Vec::new(), next)
        };
        assert_eq!(found.len() + found_later.len(), 1, "round {round}");
        token = next;
        dovecot.deliver("alice", message("two").as_bytes()).await;
        until(&mut hints, Hint::Folder(inbox)).await;
        let (found, next) = changes(&store, inbox, token).await;
        assert_eq!(found.len(), 1, "round {round}");
        token = next;
    }
}

#[tokio::test]
async fn a_server_that_can_do_less_or_more_after_a_restart_is_watched_as_it_can() {
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    let store = store(&dovecot).await;
    let inbox = folder(&store, "INBOX").await;
    let mut hints = store.watch(&[]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    let mut seen = 0;
    for hidden in super::CASES.into_iter().rev().chain([&[][..]]) {
        dovecot.reconfigure(DovecotConfig::new().hide(hidden)).await;
        until(&mut hints, Hint::All).await;
        dovecot.deliver("alice", message("one").as_bytes()).await;
        seen += 1;
        until(&mut hints, Hint::Folder(inbox)).await;
        assert_eq!(changes(&store, inbox, Token::START).await.0.len(), seen, "{hidden:?}");
    }
}

/// What somebody who follows the hints knows of a folder in the end.
async fn follow(store: &ImapStore, hints: &mut Hints, wanted: usize) -> usize {
    let inbox = folder(store, "INBOX").await;
    loop {
        if let Ok((found, _)) = store.changes(inbox, Token::START, 1000).await.map(|page| (page.changes, page.token))
            && found.len() >= wanted
        {
            return found.len();
        }
        next(hints).await;
    }
}

#[tokio::test]
async fn nothing_is_missed_while_the_server_is_killed_again_and_again() {
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut config = config(&dovecot);
    config.retry = (Duration::from_millis(10), Duration::from_millis(50));
    let store = with(config).await;
    let mut hints = store.watch(&[]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    for round in 0..4 {
        let mut client = dovecot.client("alice").await;
        for number in 0..5 {
            client.append("INBOX", &message(&number.to_string())).await;
        }
        // Dovecot tells of changes half a second later. The time itself is what is tried: the kill falls before, into and
        // behind that moment, and nothing tells when it is.
        sleep(Duration::from_millis(480 + 15 * round)).await;
        dovecot.kill();
        dovecot.restart().await;
    }
    let followed = tokio::time::timeout(testkit::GUARD, follow(&store, &mut hints, 20)).await;
    assert_eq!(followed.expect("hints lead to all of it"), 20);
}
