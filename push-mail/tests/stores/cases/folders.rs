//! Folders come, go and are renamed; an id is for ever.

use push_mail::store::{ChangeKind, Command, Flags, FolderId, FolderKind, StoreErrorKind, Token};

use crate::tester::Tester;
use crate::world::World;

async fn paths<W: World>(tester: &Tester<W>) -> Vec<String> {
    let tree = tester.world.store().hierarchy().await.expect("a tree");
    tree.folders.into_iter().map(|folder| folder.path).collect()
}

async fn create<W: World>(tester: &Tester<W>, path: &str) -> FolderId {
    let applied = tester.apply(Command::CreateFolder { path: path.to_owned() }).await.expect("made");
    let id = tester.id(path).await.expect("it is there");
    assert_eq!(applied.folder, Some(id));
    id
}

pub(crate) async fn the_inbox_is_first_and_there<W: World>() {
    let tester = Tester::<W>::new().await;
    let tree = tester.world.store().hierarchy().await.expect("a tree");
    assert_eq!((tree.folders[0].path.as_str(), tree.folders[0].kind), ("INBOX", FolderKind::Inbox));
    assert_eq!(tester.world.store().hierarchy().await.expect("a tree"), tree);
}

pub(crate) async fn a_folder_is_made_and_used<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    let version = tester.world.store().hierarchy().await.expect("a tree").version;
    let folder = create(&tester, "Entwürfe").await;
    let below = create(&tester, "Entwürfe/日本").await;
    assert_ne!(folder, below);
    assert!(tester.world.store().hierarchy().await.expect("a tree").version > version);
    tester.append(below, "in it.", Flags::default()).await;
    let (changes, _) = tester.changes_since(below, Token::START, 10).await;
    assert_eq!(changes.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::New]);
    assert_eq!(tester.changes_since(folder, Token::START, 10).await.0, []);
    let again = Command::CreateFolder { path: "Entwürfe".to_owned() };
    assert_eq!(tester.refusal(again).await, Some(StoreErrorKind::Exists));
}

pub(crate) async fn a_renamed_folder_keeps_its_id_and_its_messages<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    let folder = create(&tester, "Old").await;
    tester.append(folder, "in it.", Flags::default()).await;
    let (changes, token) = tester.changes_since(folder, Token::START, 10).await;
    let rename = Command::RenameFolder { folder, path: "New/Name".to_owned() };
    tester.apply(rename).await.expect("renamed");
    assert_eq!(tester.id("New/Name").await, Some(folder));
    assert_eq!(tester.id("Old").await, None);
    assert_eq!(tester.changes_since(folder, token, 10).await, (Vec::new(), token));
    assert_eq!(tester.subject(folder, changes[0].uid).await.as_deref(), Some("in it."));
    let inbox = tester.id("INBOX").await.expect("an inbox");
    let refused = Command::RenameFolder { folder: inbox, path: "Other".to_owned() };
    assert_eq!(tester.refusal(refused).await, Some(StoreErrorKind::Invalid));
}

pub(crate) async fn a_folder_that_others_rename_keeps_its_id<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    tester.world.create_folder("Old").await;
    tester.world.deliver("Old", &testkit::mail::plain("in it.", "text")).await;
    let folder = tester.id("Old").await.expect("it is there");
    let (changes, token) = tester.changes_since(folder, Token::START, 10).await;
    assert_eq!(changes.len(), 1);
    tester.world.rename_folder("Old", "New").await;
    // Asked by its id before anybody has looked at the tree.
    assert_eq!(tester.changes_since(folder, token, 10).await, (Vec::new(), token));
    assert_eq!(tester.id("New").await, Some(folder));
    tester.world.deliver("New", &testkit::mail::plain("more.", "text")).await;
    assert_eq!(tester.changes_since(folder, token, 10).await.0.len(), 1);
}

pub(crate) async fn folders_below_are_renamed_with_it<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    let top = create(&tester, "Top").await;
    let below = create(&tester, "Top/Middle/Low").await;
    let other = create(&tester, "Topper").await;
    tester.apply(Command::RenameFolder { folder: top, path: "Peak".to_owned() }).await.expect("renamed");
    assert_eq!(tester.id("Peak").await, Some(top));
    assert_eq!(tester.id("Peak/Middle/Low").await, Some(below));
    assert_eq!(tester.id("Topper").await, Some(other));
    let onto = Command::RenameFolder { folder: other, path: "Peak".to_owned() };
    assert_eq!(tester.refusal(onto).await, Some(StoreErrorKind::Exists));
}

pub(crate) async fn a_removed_folder_is_gone_and_its_id_with_it<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    let before = paths(&tester).await;
    let folder = create(&tester, "Short").await;
    tester.append(folder, "in it.", Flags::default()).await;
    tester.apply(Command::DeleteFolder { folder }).await.expect("removed");
    assert_eq!(paths(&tester).await, before);
    let refused = tester.world.store().changes(folder, Token::START, 10).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(StoreErrorKind::NoSuchFolder));
    let again = create(&tester, "Short").await;
    assert!(again > folder, "{again} was given again");
    assert_eq!(tester.changes_since(again, Token::START, 10).await.0, []);
    tester.world.delete_folder("Short").await;
    assert_eq!(paths(&tester).await, before);
    let inbox = tester.id("INBOX").await.expect("an inbox");
    assert_eq!(tester.refusal(Command::DeleteFolder { folder: inbox }).await, Some(StoreErrorKind::Invalid));
}

pub(crate) async fn paths_that_cannot_be_are_refused<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    let before = paths(&tester).await;
    let long = "x".repeat(5000);
    for path in ["", "/", "a//b", "/a", "a/", "a\0b", "a\nb", &long] {
        let create = Command::CreateFolder { path: path.to_owned() };
        assert_eq!(tester.refusal(create).await, Some(StoreErrorKind::Invalid), "{path:?}");
    }
    let inbox = Command::CreateFolder { path: "INBOX".to_owned() };
    assert_eq!(tester.refusal(inbox).await, Some(StoreErrorKind::Exists));
    assert_eq!(paths(&tester).await, before);
}
