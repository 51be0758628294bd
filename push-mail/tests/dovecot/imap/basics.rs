use push_mail::store::{ChangeKind, Flags, Hint, MailStore, Token, Wanted};
use testkit::{Dovecot, DovecotConfig};

use super::{CASES, changes, folder, next, store};

#[tokio::test]
async fn changes_are_found_whatever_the_server_can_do() {
    for hidden in CASES {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden)).await;
        let mut client = dovecot.client("alice").await;
        for subject in ["one", "two", "three"] {
            client.append("INBOX", &format!("Subject: {subject}\r\n\r\nbody of {subject}\r\n")).await;
        }
        let store = store(&dovecot).await;
        let inbox = folder(&store, "INBOX").await;
        let (all, token) = changes(&store, inbox, Token::START).await;
        let kinds: Vec<_> = all.iter().map(|change| (change.kind, change.uid.0, change.flags)).collect();
        let new = |uid| (ChangeKind::New, uid, Flags::default());
        assert_eq!(kinds, [new(1), new(2), new(3)], "{hidden:?}");
        assert_eq!(changes(&store, inbox, token).await.0, [], "{hidden:?}");

        client.ok("SELECT INBOX").await;
        client.ok("UID STORE 1 +FLAGS (\\Seen $Forwarded strange)").await;
        client.ok("UID STORE 2 +FLAGS (\\Deleted)").await;
        client.ok("EXPUNGE").await;
        client.append("INBOX", "Subject: four\r\n\r\nbody\r\n").await;
        let (mut now, token) = changes(&store, inbox, token).await;
        now.sort_by_key(|change| change.uid);
        let kinds: Vec<_> = now.iter().map(|change| (change.kind, change.uid.0)).collect();
        assert_eq!(kinds, [(ChangeKind::Changed, 1), (ChangeKind::Deleted, 2), (ChangeKind::New, 4)], "{hidden:?}");
        assert_eq!(now[0].flags, Flags::SEEN.with(Flags::FORWARDED), "{hidden:?}");
        assert_eq!(changes(&store, inbox, token).await.0, [], "{hidden:?}");

        // As many came as went: counts alone would not show it.
        client.ok("UID STORE 4 +FLAGS (\\Deleted)").await;
        client.ok("EXPUNGE").await;
        client.append("INBOX", "Subject: five\r\n\r\nbody\r\n").await;
        let (mut now, _) = changes(&store, inbox, token).await;
        now.sort_by_key(|change| change.uid);
        let kinds: Vec<_> = now.iter().map(|change| (change.kind, change.uid.0)).collect();
        assert_eq!(kinds, [(ChangeKind::Deleted, 4), (ChangeKind::New, 5)], "{hidden:?}");

        let items = store
            .fetch(
                inbox,
                &[push_mail::store::Uid(3), push_mail::store::Uid(2), push_mail::store::Uid(1)],
                Wanted::Summary { preview_bytes: 20 },
            )
            .await;
        let items = items.expect("messages");
        let subjects: Vec<_> = items.iter().map(|item| item.summary.subject.as_deref()).collect();
        assert_eq!(subjects, [Some("three"), Some("one")], "{hidden:?}");
        assert_eq!(items[1].flags, Flags::SEEN.with(Flags::FORWARDED));
        assert_eq!(store.counters().connections, 1, "{hidden:?}");
    }
}

#[tokio::test]
async fn a_change_is_hinted_whatever_the_server_can_do() {
    for hidden in CASES {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden)).await;
        let mut client = dovecot.client("alice").await;
        client.ok("CREATE Work").await;
        let store = store(&dovecot).await;
        let (inbox, work) = (folder(&store, "INBOX").await, folder(&store, "Work").await);
        let mut hints = store.watch(&[]);
        assert_eq!(next(&mut hints).await, Hint::Ready);
        client.append("INBOX", "Subject: one\r\n\r\nbody\r\n").await;
        assert_eq!(next(&mut hints).await, Hint::Folder(inbox), "{hidden:?}");
        let (all, token) = changes(&store, inbox, Token::START).await;
        assert_eq!(all.len(), 1, "{hidden:?}");
        client.append("Work", "Subject: one\r\n\r\nbody\r\n").await;
        assert_eq!(next(&mut hints).await, Hint::Folder(work), "{hidden:?}");
        assert_eq!(changes(&store, work, Token::START).await.0.len(), 1, "{hidden:?}");
        client.ok("SELECT INBOX").await;
        client.ok("STORE 1 +FLAGS (\\Seen)").await;
        assert_eq!(next(&mut hints).await, Hint::Folder(inbox), "{hidden:?}");
        assert_eq!(changes(&store, inbox, token).await.0.len(), 1, "{hidden:?}");
        assert_eq!(hints.try_next(), None, "{hidden:?}");
    }
}
