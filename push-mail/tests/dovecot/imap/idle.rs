use std::time::Duration;

use push_mail::store::{Hint, MailStore, Token};
use testkit::{Dovecot, DovecotConfig};
use tokio::time::{Instant, sleep};

use super::{changes, config, folder, message, next, store, with};

#[tokio::test]
async fn a_hundred_devices_share_one_connection_and_send_nothing_while_they_wait() {
    for hidden in [&[][..], &["NOTIFY"]] {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden).extra("verbose_proctitle = yes")).await;
        let mut config = config(&dovecot);
        // What is asked for beside IDLE is asked for every 15 s at the most often; nothing is due in this time.
        config.poll = (Duration::from_secs(15), Duration::from_secs(600));
        let store = with(config).await;
        let inbox = folder(&store, "INBOX").await;
        let mut devices: Vec<_> = (0..100).map(|_| store.watch(&[inbox])).collect();
        for device in &mut devices {
            assert_eq!(next(device).await, Hint::Ready);
        }
        // At first it is asked once more for what was listed.
        let mut before = store.counters();
        loop {
            sleep(Duration::from_secs(3)).await;
            let now = store.counters();
            if now == std::mem::replace(&mut before, now) {
                break;
            }
        }
        sleep(Duration::from_secs(3)).await;
        let after = store.counters();
        assert_eq!(after.commands, before.commands, "{hidden:?}");
        assert_eq!((after.connections, after.connected), (1, true));
        let who = dovecot.doveadm(&["who", "-1", "alice"], b"").await;
        assert_eq!(who.lines().filter(|line| line.starts_with("alice")).count(), 1, "{who}");

        dovecot.deliver("alice", message("one").as_bytes()).await;
        for device in &mut devices {
            assert_eq!(next(device).await, Hint::Folder(inbox));
        }
        // All of them look at once, and few looks are for all.
        let looks = devices.iter().map(|_| changes(&store, inbox, Token::START));
        for (found, _) in futures_util::future::join_all(looks).await {
            assert_eq!(found.len(), 1);
        }
        assert!(store.counters().looks <= 3, "{:?}", store.counters());
    }
}

#[tokio::test]
async fn who_does_not_watch_a_folder_hears_nothing_of_it() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut client = dovecot.client("alice").await;
    client.ok("CREATE Work").await;
    let store = store(&dovecot).await;
    let (inbox, work) = (folder(&store, "INBOX").await, folder(&store, "Work").await);
    let (mut one, mut other) = (store.watch(&[inbox]), store.watch(&[work]));
    assert_eq!((next(&mut one).await, next(&mut other).await), (Hint::Ready, Hint::Ready));
    client.append("INBOX", &message("one")).await;
    assert_eq!(next(&mut one).await, Hint::Folder(inbox));
    client.append("Work", &message("two")).await;
    assert_eq!(next(&mut other).await, Hint::Folder(work));
    assert_eq!(one.try_next(), None);
}

#[tokio::test]
async fn there_is_no_connection_while_nobody_watches_or_asks() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut config = config(&dovecot);
    config.linger = Duration::from_millis(100);
    let store = with(config).await;
    assert_eq!(store.counters(), Default::default());
    let inbox = folder(&store, "INBOX").await;
    let gone = async |what: &str| {
        let end = Instant::now() + testkit::GUARD;
        while store.counters().connected {
            assert!(Instant::now() < end, "{what}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    gone("the connection outlives a question").await;
    let mut hints = store.watch(&[inbox]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    // Thrice the time after which it would be closed: what does not happen in it is what is tried.
    sleep(Duration::from_millis(300)).await;
    assert!(store.counters().connected, "while somebody watches it stays");
    drop(hints);
    gone("the connection outlives the watch").await;
    assert_eq!(store.counters().connections, 2);
    assert_eq!(store.counters().failures, 0);
}

/// Prints what is added to Dovecot's own half second; the bound is a guard and no claim.
#[tokio::test]
async fn a_change_is_hinted_soon_after_dovecot_tells_of_it() {
    for hidden in [&[][..], &["NOTIFY"]] {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden)).await;
        let store = store(&dovecot).await;
        let inbox = folder(&store, "INBOX").await;
        let mut hints = store.watch(&[inbox]);
        assert_eq!(next(&mut hints).await, Hint::Ready);
        let (mut client, mut token, mut times) = (dovecot.client("alice").await, Token::START, Vec::new());
        for number in 0..10 {
            client.append("INBOX", &message(&number.to_string())).await;
            let began = Instant::now();
            assert_eq!(next(&mut hints).await, Hint::Folder(inbox));
            let hinted = began.elapsed();
            let (found, next) = changes(&store, inbox, token).await;
            assert_eq!(found.len(), 1, "{hidden:?}");
            token = next;
            times.push((hinted, began.elapsed()));
            // Dovecot gathers what comes within half a second of what it told, and nothing tells that the half second is over.
            sleep(Duration::from_millis(700)).await;
        }
        times.sort();
        eprintln!("without {hidden:?}: append to hint, and to known: median {:?}, worst {:?}", times[5], times[9]);
        assert!(times[9].0 < Duration::from_secs(10));
        assert_eq!(hints.try_next(), None);
    }
}
