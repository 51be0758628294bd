//! What other programs do is told once, and what is asked for is done.

use push_mail::store::{
    Change, ChangeKind, Class, Command, Flags, FolderId, FolderKind, Hint, StoreErrorKind, Token, Uid, Wanted,
};

use super::{CALENDAR, ItemWorld, event};
use crate::tester::guarded;

/// 2026-01-05T11:00:00Z.
const END_MS: u64 = 1_767_610_800_000;
const BEGIN: &str = "20260105T100000Z";

async fn folder<W: ItemWorld>(world: &W, path: &str) -> Option<FolderId> {
    let tree = world.store().hierarchy().await.expect("a tree");
    tree.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id)
}

/// A world, its calendar, and a token behind what was told.
struct Asker<W> {
    world: W,
    calendar: FolderId,
    token: Token,
}

impl<W: ItemWorld> Asker<W> {
    async fn new() -> Self {
        let world = W::new().await;
        let calendar = folder(&world, CALENDAR).await.expect("it is there");
        let mut asker = Self { world, calendar, token: Token::START };
        assert_eq!(asker.told().await, []);
        asker
    }

    async fn told(&mut self) -> Vec<Change> {
        let page = guarded(self.world.store().changes(self.calendar, self.token, 1000)).await.expect("changes");
        assert!(!page.more);
        self.token = page.token;
        page.changes
    }

    async fn raw(&self, folder: FolderId, uid: Uid) -> Option<String> {
        let items = guarded(self.world.store().fetch(folder, &[uid], Wanted::Whole)).await.expect("fetched");
        let raw = items.into_iter().next()?.raw.expect("all of it");
        Some(String::from_utf8(raw.to_vec()).expect("text"))
    }

    async fn refusal(&self, command: Command) -> Option<StoreErrorKind> {
        guarded(self.world.store().apply(command)).await.err().map(|error| error.kind())
    }

    fn append(&self, raw: &str) -> Command {
        Command::Append { folder: self.calendar, raw: raw.as_bytes().to_vec().into(), flags: Flags::default() }
    }
}

pub(crate) async fn an_item_is_told_with_its_class_and_end<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    asker.world.put("a", &event("a", "one", BEGIN)).await;
    let told = asker.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    let Change { kind, uid, class, flags, identity, received_ms, .. } = told[0];
    assert_eq!((kind, class, flags), (ChangeKind::New, Class::Calendar, Flags::default()));
    assert_eq!(received_ms, END_MS);
    assert!(identity.is_some());
    assert_eq!(asker.told().await, []);
    let known = asker.world.store().known(asker.calendar, &[uid]).expect("readable");
    assert_eq!((known[0].identity, known[0].received_ms), (identity, END_MS));
    let wanted = Wanted::Summary { preview_bytes: 10 };
    let item = guarded(asker.world.store().fetch(asker.calendar, &[uid], wanted)).await.expect("fetched").remove(0);
    assert_eq!((item.summary.subject.as_deref(), item.received_ms), (Some("one"), END_MS));
    assert_eq!(asker.raw(asker.calendar, uid).await, Some(event("a", "one", BEGIN)));
}

pub(crate) async fn another_content_is_told_as_a_change<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    asker.world.put("a", &event("a", "one", BEGIN)).await;
    let first = asker.told().await[0];
    // As long as it was, in the same moment.
    asker.world.put("a", &event("a", "two", BEGIN)).await;
    let told = asker.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].kind, told[0].uid), (ChangeKind::Changed, first.uid));
    assert_ne!(told[0].identity, first.identity);
    asker.world.put("a", &event("a", "two", BEGIN)).await;
    assert_eq!(asker.told().await, [], "written again as it was");
    asker.world.put("a", &event("a", "two", "20270105T100000Z")).await;
    assert!(asker.told().await[0].received_ms > END_MS);
}

pub(crate) async fn an_item_that_went_is_told<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    for uid in ["a", "b"] {
        asker.world.put(uid, &event(uid, "one", BEGIN)).await;
    }
    let first = asker.told().await[0];
    asker.world.remove("a").await;
    let told: Vec<_> = asker.told().await.iter().map(|change| (change.kind, change.uid)).collect();
    assert_eq!(told, [(ChangeKind::Deleted, first.uid)]);
    assert_eq!(asker.raw(asker.calendar, first.uid).await, None);
}

pub(crate) async fn what_happens_while_it_is_down_is_told_afterwards<W: ItemWorld>() {
    if !W::SURVIVES {
        return;
    }
    let mut asker = Asker::<W>::new().await;
    for uid in ["a", "b", "c"] {
        asker.world.put(uid, &event(uid, "one", BEGIN)).await;
    }
    let before = asker.told().await;
    asker.world.down().await;
    asker.world.up().await;
    assert_eq!(folder(&asker.world, CALENDAR).await, Some(asker.calendar));
    assert_eq!(asker.told().await, [], "nothing is told again");
    asker.world.down().await;
    asker.world.remove("a").await;
    asker.world.put("b", &event("b", "two", BEGIN)).await;
    asker.world.put("d", &event("d", "one", BEGIN)).await;
    asker.world.up().await;
    let mut told: Vec<_> = asker.told().await.iter().map(|change| (change.uid, change.kind)).collect();
    told.sort_by_key(|(uid, _)| *uid);
    let kinds: Vec<_> = told.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [ChangeKind::Deleted, ChangeKind::Changed, ChangeKind::New]);
    assert_eq!((told[0].0, told[1].0), (before[0].uid, before[1].uid));
}

pub(crate) async fn whatever_happens_to_items_is_hinted<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    let mut hints = asker.world.store().watch(&[]);
    assert_eq!(guarded(hints.next()).await, Hint::Ready);
    for step in 0..3 {
        match step {
            0 => asker.world.put("a", &event("a", "one", BEGIN)).await,
            1 => asker.world.put("a", &event("a", "two", BEGIN)).await,
            _ => asker.world.remove("a").await,
        }
        loop {
            let hint = guarded(hints.next()).await;
            let is_its = matches!(hint, Hint::All) || hint == Hint::Folder(asker.calendar);
            if is_its && !asker.told().await.is_empty() {
                break;
            }
        }
    }
}

pub(crate) async fn items_are_put_changed_and_deleted_by_command<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    let folder = asker.calendar;
    let applied = asker.world.store().apply(asker.append(&event("x/1 ü", "one", BEGIN))).await.expect("put");
    let told = asker.told().await;
    assert_eq!(
        told.iter().map(|change| (change.kind, Some(change.uid))).collect::<Vec<_>>(),
        [(ChangeKind::New, applied.uid)]
    );
    let uid = applied.uid.expect("its number");
    let raw = event("x/1 ü", "two", BEGIN);
    let replace = |raw: &str| Command::Replace { folder, uid, raw: raw.as_bytes().to_vec().into() };
    assert_eq!(asker.world.store().apply(replace(&raw)).await.expect("replaced").uid, Some(uid));
    assert_eq!(asker.told().await.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Changed]);
    assert_eq!(asker.raw(folder, uid).await, Some(raw));
    let twice = asker.append(&event("x/1 ü", "three", BEGIN));
    assert_eq!(asker.refusal(twice).await, Some(StoreErrorKind::Exists));
    asker.world.store().apply(Command::Delete { folder, uid }).await.expect("deleted");
    assert_eq!(asker.told().await.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Deleted]);
    assert_eq!(asker.refusal(Command::Delete { folder, uid }).await, Some(StoreErrorKind::NoSuchItem));
    assert_eq!(asker.refusal(replace(&event("x/1 ü", "two", BEGIN))).await, Some(StoreErrorKind::NoSuchItem));
}

pub(crate) async fn what_is_no_item_of_the_folder_is_refused<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\nEND:VCARD\r\n";
    for wrong in ["", "Subject: mail\r\n\r\ntext", card] {
        assert_eq!(asker.refusal(asker.append(wrong)).await, Some(StoreErrorKind::Invalid), "{wrong:?}");
    }
    let uid =
        asker.world.store().apply(asker.append(&event("a", "one", BEGIN))).await.expect("put").uid.expect("a number");
    let (folder, raw) = (asker.calendar, card.as_bytes().to_vec().into());
    assert_eq!(asker.refusal(Command::Replace { folder, uid, raw }).await, Some(StoreErrorKind::Invalid));
    let mark = Command::Mark { folder, uid, add: Flags::SEEN, remove: Flags::default() };
    assert_eq!(asker.refusal(mark).await, Some(StoreErrorKind::Unsupported));
    assert_eq!(asker.told().await.len(), 1, "nothing was changed");
    let unknown = FolderId(asker.calendar.0 + 77);
    let append = Command::Append { folder: unknown, raw: "x".into(), flags: Flags::default() };
    assert_eq!(asker.refusal(append).await, Some(StoreErrorKind::NoSuchFolder));
    let to = Command::Move { folder, uid, to: unknown };
    assert_eq!(asker.refusal(to).await, Some(StoreErrorKind::NoSuchFolder));
}

pub(crate) async fn folders_of_a_class_are_made_used_renamed_and_removed<W: ItemWorld>() {
    let mut asker = Asker::<W>::new().await;
    let make = |class, path: &str| Command::CreateFolderOf { class, path: path.to_owned() };
    let kinds = [
        (Class::Calendar, "Arbeit & mehr", FolderKind::UserCalendar),
        (Class::Contacts, "Leute", FolderKind::Contacts),
        (Class::Tasks, "Zu tun", FolderKind::Tasks),
        (Class::Notes, "Zettel", FolderKind::Notes),
    ];
    let mut made = Vec::new();
    for (class, path, kind) in kinds {
        let id = asker.world.store().apply(make(class, path)).await.expect("made").folder.expect("its number");
        let tree = asker.world.store().hierarchy().await.expect("a tree");
        let folder = tree.get(id).expect("it is there").clone();
        assert_eq!((folder.path.as_str(), folder.class, folder.kind), (path, class, kind));
        made.push(id);
    }
    assert_eq!(asker.refusal(make(Class::Tasks, "Zu tun")).await, Some(StoreErrorKind::Exists));
    assert_eq!(asker.refusal(make(Class::Tasks, "")).await, Some(StoreErrorKind::Invalid));
    let uid =
        asker.world.store().apply(asker.append(&event("a", "one", BEGIN))).await.expect("put").uid.expect("a number");
    let folder = asker.calendar;
    let moved = asker.world.store().apply(Command::Move { folder, uid, to: made[0] }).await.expect("moved").uid;
    assert_eq!(asker.told().await, [], "it came and went");
    let raw = asker.raw(made[0], moved.expect("its number")).await;
    assert_eq!(raw, Some(event("a", "one", BEGIN)));
    let elsewhere = Command::Move { folder: made[0], uid: moved.expect("its number"), to: made[1] };
    assert_eq!(asker.refusal(elsewhere).await, Some(StoreErrorKind::Unsupported));
    let rename = Command::RenameFolder { folder: made[0], path: "Beruf".to_owned() };
    asker.world.store().apply(rename).await.expect("renamed");
    assert_eq!(self::folder(&asker.world, "Beruf").await, Some(made[0]));
    asker.world.store().apply(Command::DeleteFolder { folder: made[0] }).await.expect("deleted");
    assert_eq!(self::folder(&asker.world, "Beruf").await, None);
    let again =
        asker.world.store().apply(make(Class::Calendar, "Beruf")).await.expect("made").folder.expect("its number");
    assert!(again > made[3], "a number is never given again");
}
