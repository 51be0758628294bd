//! Collections as other programs leave them: what is an item, what a directory holds, what it is called.
#![cfg(unix)]
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::vdir::{VdirConfig, VdirStore};
use push_mail::store::{
    ChangeKind, Class, Command, Flags, Folder, FolderId, FolderKind, Hint, Hints, MailStore, StoreErrorKind, Token,
    Wanted,
};
use tempfile::TempDir;

struct Site {
    dir: TempDir,
    store: VdirStore,
}

impl Site {
    async fn with(fill: impl FnOnce(&Path)) -> Self {
        Self::configured(fill, VdirConfig::default()).await
    }

    async fn configured(fill: impl FnOnce(&Path), config: VdirConfig) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fill(dir.path());
        let state = State::in_memory().expect("a state");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let store = VdirStore::open(dir.path(), journal, config).await.expect("a store");
        Self { dir, store }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    async fn folders(&self) -> Vec<Folder> {
        self.store.hierarchy().await.expect("a tree").folders
    }

    async fn told(&self, folder: FolderId, since: Token) -> (Vec<ChangeKind>, Token) {
        let page = self.store.changes(folder, since, 1000).await.expect("changes");
        (page.changes.iter().map(|change| change.kind).collect(), page.token)
    }
}

fn put(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(path, text).expect("written");
}

fn item(component: &str, uid: &str, summary: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nBEGIN:{component}\r\nUID:{uid}\r\nDTSTART:20260105T100000Z\r\nSUMMARY:{summary}\r\nEND:{component}\r\nEND:VCALENDAR\r\n"
    )
}

fn card(uid: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{uid}\r\nEND:VCARD\r\n")
}

async fn guarded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it never came")
}

async fn ready(store: &VdirStore) -> Hints {
    let mut hints = store.watch(&[]);
    assert_eq!(guarded(hints.next()).await, Hint::Ready);
    hints
}

#[tokio::test]
async fn directories_are_what_their_items_are_or_their_names_tell() {
    let site = Site::with(|root| {
        put(root, "work/1.ics", &item("VEVENT", "1", "x"));
        put(root, "work/displayname", "  Arbeit/50%  \n");
        put(root, "private/1.ics", &item("VEVENT", "1", "x"));
        put(root, "private/displayname", "Arbeit/50%");
        put(root, "x1/1.ics", "broken");
        put(root, "x1/2.ics", &item("VTODO", "1", "x"));
        put(root, "x2/1.vcf", &card("1"));
        put(root, "x3/1.ics", &item("VJOURNAL", "1", "x"));
        put(root, "unknown/readme.txt", "x");
        put(root, ".hidden/1.ics", &item("VEVENT", "1", "x"));
        put(root, "file.ics", &item("VEVENT", "1", "x"));
        fs::create_dir(root.join("addressbook")).expect("made");
        fs::create_dir(root.join("personal")).expect("made");
        put(root, "personal/1.ics", &item("VEVENT", "1", "x"));
    })
    .await;
    let told: Vec<_> = site.folders().await.into_iter().map(|folder| (folder.path, folder.kind)).collect();
    let expected = [
        ("Arbeit%2F50%", FolderKind::UserCalendar),
        ("Arbeit%2F50% (work)", FolderKind::UserCalendar),
        ("addressbook", FolderKind::Contacts),
        ("personal", FolderKind::Calendar),
        ("x1", FolderKind::Tasks),
        ("x2", FolderKind::UserContacts),
        ("x3", FolderKind::Notes),
    ];
    assert_eq!(told, expected.map(|(path, kind)| (path.to_owned(), kind)));
}

#[tokio::test]
async fn files_that_are_no_items_are_left_alone() {
    let mut config = VdirConfig::default();
    config.max_item_bytes = 1000;
    let fill = |root: &Path| {
        put(root, "calendar/1.ics", &item("VEVENT", "1", "x"));
        put(root, "calendar/2.ics", &item("VEVENT", "1", "the same UID"));
        put(root, "calendar/3.ics", &item("VTODO", "3", "another class"));
        put(root, "calendar/4.vcf", &card("4"));
        put(root, "calendar/5.ics", "nothing");
        put(root, "calendar/6.ics", &item("VEVENT", "6", &"long ".repeat(300)));
        put(root, "calendar/.7.ics", &item("VEVENT", "7", "hidden"));
        put(root, "calendar/8.ics.tmp", &item("VEVENT", "8", "being written"));
        put(root, "calendar/9.ics/1.ics", &item("VEVENT", "9", "a directory"));
        put(root, "calendar/10.ICS", &item("VEVENT", "10", "x"));
    };
    let site = Site::configured(fill, config).await;
    let calendar = site.folders().await[0].id;
    let (told, token) = site.told(calendar, Token::START).await;
    assert_eq!(told, [ChangeKind::New; 2]);
    // The first goes: now the other is the one of that UID.
    fs::remove_file(site.path("calendar/1.ics")).expect("removed");
    let (mut told, _) = site.told(calendar, token).await;
    told.sort_by_key(|kind| kind.as_str());
    assert_eq!(told, [ChangeKind::Deleted, ChangeKind::New]);
    let large = item("VEVENT", "11", &"long ".repeat(300)).into_bytes().into();
    let append = Command::Append { folder: calendar, raw: large, flags: Flags::default() };
    assert_eq!(site.store.apply(append).await.expect_err("too large").kind(), StoreErrorKind::Invalid);
}

/// 1. A program writes a file in place. 2. It is looked at half-way. 3. It is done.
#[tokio::test]
async fn an_item_that_is_being_written_stays_what_it_was() {
    let site = Site::with(|root| put(root, "calendar/1.ics", &item("VEVENT", "1", "before"))).await;
    let calendar = site.folders().await[0].id;
    let (told, token) = site.told(calendar, Token::START).await;
    assert_eq!(told, [ChangeKind::New]);
    let after = item("VEVENT", "1", "after");
    put(site.dir.path(), "calendar/1.ics", &after[..40]);
    assert_eq!(site.told(calendar, token).await.0, []);
    put(site.dir.path(), "calendar/1.ics", &after);
    let (told, token) = site.told(calendar, token).await;
    assert_eq!(told, [ChangeKind::Changed]);
    fs::remove_file(site.path("calendar/1.ics")).expect("removed");
    assert_eq!(site.told(calendar, token).await.0, [ChangeKind::Deleted]);
}

#[tokio::test]
async fn what_is_written_here_others_can_read_as_the_directory() {
    let site = Site::with(|root| fs::create_dir(root.join("calendar")).expect("made")).await;
    fs::set_permissions(site.path("calendar"), fs::Permissions::from_mode(0o750)).expect("set");
    let calendar = site.folders().await[0].id;
    let append = |uid: &str| Command::Append {
        folder: calendar,
        raw: item("VEVENT", uid, "x").into_bytes().into(),
        flags: Flags::default(),
    };
    for uid in ["a@example.org", "../../etc/x", ".hidden", &"long".repeat(100)] {
        site.store.apply(append(uid)).await.expect("put");
    }
    // Another program has that name for something else.
    put(site.dir.path(), "calendar/b.ics", &item("VEVENT", "other", "x"));
    site.store.apply(append("b")).await.expect("put");
    let mut names: Vec<_> = fs::read_dir(site.path("calendar"))
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 6, "no draft is left: {names:?}");
    for name in ["a@example.org.ics", "b.ics", "b-1.ics", "..%2F..%2Fetc%2Fx.ics"] {
        let is_there = names.iter().any(|other| other == name);
        assert_eq!(is_there, !name.starts_with('.'), "{name} of {names:?}");
    }
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    let mode = fs::metadata(site.path("calendar/a@example.org.ics")).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);
    assert_eq!(site.told(calendar, Token::START).await.0.len(), 6);
}

#[tokio::test]
async fn another_uid_does_not_take_the_place_of_an_item() {
    let site = Site::with(|root| put(root, "calendar/1.ics", &item("VEVENT", "1", "x"))).await;
    let folder = site.folders().await[0].id;
    let uid = site.store.changes(folder, Token::START, 10).await.expect("changes").changes[0].uid;
    let replace = Command::Replace { folder, uid, raw: item("VEVENT", "2", "x").into_bytes().into() };
    assert_eq!(site.store.apply(replace).await.expect_err("another").kind(), StoreErrorKind::Invalid);
    let raw = site.store.fetch(folder, &[uid], Wanted::Whole).await.expect("fetched")[0].raw.clone();
    assert_eq!(raw.as_deref(), Some(item("VEVENT", "1", "x").as_bytes()));
}

#[tokio::test]
async fn collections_that_come_go_and_are_renamed_are_hinted() {
    let site = Site::with(|root| put(root, "calendar/1.ics", &item("VEVENT", "1", "x"))).await;
    let calendar = site.folders().await[0].id;
    let mut hints = ready(&site.store).await;
    let mut expect = async |paths: &[&str]| {
        loop {
            if matches!(guarded(hints.next()).await, Hint::All | Hint::Tree) {
                let told: Vec<_> = site.folders().await.into_iter().map(|folder| folder.path).collect();
                if told == paths {
                    return;
                }
            }
        }
    };
    put(site.dir.path(), "calendar/displayname", "Kalender");
    expect(&["Kalender"]).await;
    // Nothing tells what it is until something is in it.
    fs::create_dir(site.path("stuff")).expect("made");
    put(site.dir.path(), "stuff/1.vcf", &card("1"));
    expect(&["Kalender", "stuff"]).await;
    fs::rename(site.path("calendar"), site.path("termine")).expect("renamed");
    fs::remove_dir_all(site.path("stuff")).expect("removed");
    expect(&["Kalender"]).await;
    assert_eq!(site.folders().await[0].id, calendar, "a directory that is renamed stays the folder that it was");
    put(site.dir.path(), "termine/2.ics", &item("VEVENT", "2", "x"));
    while guarded(hints.next()).await != Hint::Folder(calendar) {}
    assert_eq!(site.told(calendar, Token::START).await.0, [ChangeKind::New; 2]);
}

#[tokio::test]
async fn a_root_that_is_not_there_is_made_if_that_is_wanted_and_else_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = State::in_memory().expect("a state");
    let root = dir.path().join("dav");
    let open = async |config: VdirConfig| {
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        VdirStore::open(&root, journal, config).await
    };
    let error = open(VdirConfig::default()).await.expect_err("not there");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    let mut config = VdirConfig::default();
    config.create = true;
    let store = open(config).await.expect("made");
    assert_eq!(store.hierarchy().await.expect("a tree").folders, []);
    let make = Command::CreateFolderOf { class: Class::Contacts, path: "Leute".to_owned() };
    let made = store.apply(make).await.expect("made").folder.expect("its number");
    assert_eq!(store.hierarchy().await.expect("a tree").get(made).map(|folder| folder.class), Some(Class::Contacts));
    let mail = Command::CreateFolder { path: "Mail".to_owned() };
    assert_eq!(store.apply(mail).await.expect_err("no mail").kind(), StoreErrorKind::Unsupported);
}
