use bytes::Bytes;
use push_mail::store::{ChangeKind, Command, Flags, Hint, MailStore, StoreErrorKind, Token, Uid, Wanted};
use testkit::{Dovecot, DovecotConfig};

use super::{CASES, changes, folder, message, next, store, until};

#[tokio::test]
async fn what_is_asked_for_is_done_and_seen_by_the_next_look_and_hinted_at() {
    for hidden in CASES {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden)).await;
        let store = store(&dovecot).await;
        let inbox = folder(&store, "INBOX").await;
        let mut hints = store.watch(&[]);
        assert_eq!(next(&mut hints).await, Hint::Ready);
        let made = store.apply(Command::CreateFolder { path: "Grüße".to_owned() }).await.expect("made");
        let other = made.folder.expect("its number");
        until(&mut hints, Hint::Tree).await;

        let raw = Bytes::from(message("one") + &"\u{1f4ec} long\r\n".repeat(10_000));
        let append = Command::Append { folder: inbox, raw: raw.clone(), flags: Flags::SEEN.with(Flags::FORWARDED) };
        let applied = store.apply(append).await.expect("put there");
        assert!(applied.uid.is_some() || hidden.contains(&"UIDPLUS"), "{hidden:?}");
        until(&mut hints, Hint::Folder(inbox)).await;
        let (all, token) = changes(&store, inbox, Token::START).await;
        let uid = all[0].uid;
        assert_eq!((all.len(), all[0].flags), (1, Flags::SEEN.with(Flags::FORWARDED)), "{hidden:?}");
        let whole = store.fetch(inbox, &[uid], Wanted::Whole).await.expect("a message");
        assert_eq!(whole[0].raw.as_ref(), Some(&raw), "{hidden:?}");
        assert_eq!(whole[0].size, Some(raw.len() as u64));

        let mark = Command::Mark { folder: inbox, uid, add: Flags::FLAGGED, remove: Flags::SEEN };
        store.apply(mark).await.expect("marked");
        let (now, token) = changes(&store, inbox, token).await;
        let flags = Flags::FLAGGED.with(Flags::FORWARDED);
        assert_eq!(now.iter().map(|it| (it.kind, it.flags)).collect::<Vec<_>>(), [(ChangeKind::Changed, flags)]);

        store.apply(Command::Move { folder: inbox, uid, to: other }).await.expect("moved");
        let (now, _) = changes(&store, inbox, token).await;
        assert_eq!(now.iter().map(|it| it.kind).collect::<Vec<_>>(), [ChangeKind::Deleted], "{hidden:?}");
        let (there, token) = changes(&store, other, Token::START).await;
        assert_eq!(there.iter().map(|it| (it.kind, it.flags)).collect::<Vec<_>>(), [(ChangeKind::New, flags)]);

        store.apply(Command::RenameFolder { folder: other, path: "Else".to_owned() }).await.expect("renamed");
        assert_eq!(folder(&store, "Else").await, other, "{hidden:?}");
        store.apply(Command::Delete { folder: other, uid: there[0].uid }).await.expect("removed");
        let (now, _) = changes(&store, other, token).await;
        assert_eq!(now.iter().map(|it| it.kind).collect::<Vec<_>>(), [ChangeKind::Deleted], "{hidden:?}");
        store.apply(Command::DeleteFolder { folder: other }).await.expect("removed");
        assert!(store.hierarchy().await.expect("folders").get(other).is_none());
    }
}

#[tokio::test]
async fn what_cannot_be_done_says_why_and_changes_nothing() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut client = dovecot.client("alice").await;
    client.ok("CREATE Work").await;
    let store = store(&dovecot).await;
    let (inbox, work) = (folder(&store, "INBOX").await, folder(&store, "Work").await);
    let raw = Bytes::from(vec![b'x'; (50 << 20) + 1]);
    let path = |path: &str| path.to_owned();
    let (add, remove) = (Flags::SEEN, Flags::default());
    for (command, kind) in [
        (Command::CreateFolder { path: path("Work") }, StoreErrorKind::Exists),
        (Command::CreateFolder { path: path("inbox") }, StoreErrorKind::Exists),
        (Command::CreateFolder { path: path("a//b") }, StoreErrorKind::Invalid),
        (Command::CreateFolder { path: path("a%2Fb") }, StoreErrorKind::Invalid),
        (Command::RenameFolder { folder: inbox, path: path("Old") }, StoreErrorKind::Invalid),
        (Command::RenameFolder { folder: work, path: path("INBOX") }, StoreErrorKind::Exists),
        (Command::DeleteFolder { folder: inbox }, StoreErrorKind::Invalid),
        (Command::DeleteFolder { folder: push_mail::store::FolderId(99) }, StoreErrorKind::NoSuchFolder),
        (Command::Mark { folder: inbox, uid: Uid(7), add, remove }, StoreErrorKind::NoSuchItem),
        (Command::Delete { folder: inbox, uid: Uid(u64::MAX >> 11) }, StoreErrorKind::NoSuchItem),
        (Command::Move { folder: inbox, uid: Uid(7), to: work }, StoreErrorKind::NoSuchItem),
        (Command::Append { folder: inbox, raw, flags: Flags::default() }, StoreErrorKind::Invalid),
    ] {
        let error = store.apply(command).await.expect_err("it cannot be done");
        assert_eq!(error.kind(), kind, "{error}");
    }
    let counters = store.counters();
    assert_eq!((counters.connections, counters.failures), (1, 0), "the connection is as good as before");
    assert_eq!(store.hierarchy().await.expect("folders").folders.len(), 2);
}
