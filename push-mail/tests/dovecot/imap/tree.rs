use push_mail::store::{ChangeKind, FolderKind, Hint, MailStore, Token};
use testkit::{Dovecot, DovecotConfig};

use super::{CASES, changes, folder, message, next, store, until};

#[tokio::test]
async fn folders_have_decoded_paths_kinds_and_numbers_that_stay() {
    for hidden in CASES {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden)).await;
        let mut client = dovecot.client("alice").await;
        for name in ["Sent", "Drafts", "Gone", "Gr&APwA3w-e", "Gr&APwA3w-e/&U,BTFw-", "R&-D 100%", "\\\"odd\\\""] {
            client.ok(&format!("CREATE \"{name}\"")).await;
        }
        let store = store(&dovecot).await;
        let tree = store.hierarchy().await.expect("folders");
        let kinds: Vec<_> = tree.folders.iter().map(|folder| (folder.path.as_str(), folder.kind)).collect();
        // Without SPECIAL-USE a name says it, where it is one of those that say something.
        let gone = if hidden.contains(&"SPECIAL-USE") { FolderKind::Mail } else { FolderKind::Trash };
        let gone = if kinds.contains(&("Gone", FolderKind::Trash)) { FolderKind::Trash } else { gone };
        let expected = [
            ("INBOX", FolderKind::Inbox),
            ("\"odd\"", FolderKind::Mail),
            ("Drafts", FolderKind::Drafts),
            ("Gone", gone),
            ("Grüße", FolderKind::Mail),
            ("Grüße/台北", FolderKind::Mail),
            ("R&D 100%", FolderKind::Mail),
            ("Sent", FolderKind::Sent),
        ];
        assert_eq!(kinds, expected, "{hidden:?}");

        let below = folder(&store, "Grüße/台北").await;
        client.append("Gr&APwA3w-e/&U,BTFw-", &message("one")).await;
        let (all, token) = changes(&store, below, Token::START).await;
        assert_eq!(all.len(), 1);
        client.ok("RENAME \"Gr&APwA3w-e\" Else").await;
        assert_eq!(folder(&store, "Else/台北").await, below, "{hidden:?}");
        assert_eq!(changes(&store, below, token).await.0, [], "{hidden:?}");
        client.ok("DELETE \"Else/&U,BTFw-\"").await;
        let error = store.changes(below, token, 10).await.expect_err("it is gone");
        assert_eq!(error.kind(), push_mail::store::StoreErrorKind::NoSuchFolder, "{hidden:?}: {error}");
        let tree = store.hierarchy().await.expect("folders");
        assert!(tree.get(below).is_none());
    }
}

#[tokio::test]
async fn folders_that_come_go_and_are_renamed_are_hinted_at() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let mut client = dovecot.client("alice").await;
    let store = store(&dovecot).await;
    let mut hints = store.watch(&[]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    for command in ["CREATE Work", "RENAME Work Play", "DELETE Play"] {
        client.ok(command).await;
        until(&mut hints, Hint::Tree).await;
        let tree = store.hierarchy().await.expect("folders");
        let paths: Vec<_> = tree.folders.iter().map(|folder| folder.path.as_str()).collect();
        match command {
            "CREATE Work" => assert_eq!(paths, ["INBOX", "Work"]),
            "RENAME Work Play" => assert_eq!(paths, ["INBOX", "Play"]),
            _ => assert_eq!(paths, ["INBOX"]),
        }
    }
}

#[tokio::test]
async fn a_folder_whose_numbers_mean_other_messages_begins_anew() {
    for hidden in CASES {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(hidden)).await;
        let mut client = dovecot.client("alice").await;
        client.ok("CREATE Work").await;
        for subject in ["one", "two"] {
            client.append("Work", &message(subject)).await;
        }
        let store = store(&dovecot).await;
        let work = folder(&store, "Work").await;
        let (all, token) = changes(&store, work, Token::START).await;
        assert_eq!(all.len(), 2);
        // The same name, and other messages behind the same numbers.
        client.ok("DELETE Work").await;
        client.ok("CREATE Work").await;
        client.append("Work", &message("three")).await;
        let error = store.changes(work, token, 10).await.expect_err("the token is of what was");
        assert_eq!(error.kind(), push_mail::store::StoreErrorKind::TokenExpired, "{hidden:?}");
        let (all, token) = changes(&store, work, Token::START).await;
        assert_eq!(all.iter().map(|it| (it.kind, it.uid.0)).collect::<Vec<_>>(), [(ChangeKind::New, 1)], "{hidden:?}");

        let validity = 2_000_000_005;
        let args = ["mailbox", "update", "--uid-validity", &validity.to_string(), "-u", "alice", "Work"];
        dovecot.doveadm(&args, b"").await;
        let error = store.changes(work, token, 10).await.expect_err("the token is of what was");
        assert_eq!(error.kind(), push_mail::store::StoreErrorKind::TokenExpired, "{hidden:?}");
        assert_eq!(changes(&store, work, Token::START).await.0.len(), 1, "{hidden:?}");
    }
}
