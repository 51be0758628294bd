//! What is special about Maildirs: other programs rename files at any moment, names mean things, and folders go away.

#![cfg(unix)]
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::maildir::{FolderNames, MaildirConfig, MaildirStore};
use push_mail::store::{
    Change, ChangeKind, Command, Flags, FolderId, Hint, Hints, MailStore, StoreErrorKind, Token, Wanted,
};
use tempfile::TempDir;

/// Longest wait for what must come.
const GUARD: Duration = Duration::from_secs(60);

async fn guarded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future).await.expect("it never came")
}

struct Site {
    dir: TempDir,
    store: MaildirStore,
    inbox: FolderId,
    token: Token,
}

impl Site {
    async fn new() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    /// A Maildir that `prepare` has filled.
    async fn with(prepare: impl FnOnce(&Path), configure: impl FnOnce(&mut MaildirConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("Maildir");
        make(&root);
        prepare(&root);
        let mut config = MaildirConfig::default();
        config.poll = Duration::from_millis(20);
        configure(&mut config);
        let store = open(&root, config).await;
        let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
        Self { dir, store, inbox, token: Token::START }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("Maildir")
    }

    fn put(&self, file: &str) {
        let draft = self.root().join("tmp/draft");
        fs::write(&draft, format!("Subject: {file}\n\ntext\n")).expect("written");
        fs::rename(draft, self.root().join(file)).expect("delivered");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.root().join(from), self.root().join(to)).expect("renamed");
    }

    async fn changes(&mut self) -> Vec<Change> {
        let mut all = Vec::new();
        loop {
            let page = guarded(self.store.changes(self.inbox, self.token, 10_000)).await.expect("changes");
            all.extend(page.changes);
            self.token = page.token;
            if !page.more {
                return all;
            }
        }
    }

    async fn kinds(&mut self) -> Vec<ChangeKind> {
        self.changes().await.iter().map(|change| change.kind).collect()
    }

    async fn paths(&self) -> Vec<String> {
        self.store.hierarchy().await.expect("a tree").folders.into_iter().map(|folder| folder.path).collect()
    }

    async fn watch(&self) -> Hints {
        let mut hints = self.store.watch(&[]);
        assert_eq!(guarded(hints.next()).await, Hint::Ready);
        hints
    }
}

fn make(dir: &Path) {
    for name in ["tmp", "new", "cur"] {
        fs::create_dir_all(dir.join(name)).expect("made");
    }
}

async fn open(root: &Path, config: MaildirConfig) -> MaildirStore {
    let journal = Journal::open(&State::in_memory().expect("a state"), "alice").await.expect("a journal");
    MaildirStore::open(root, journal, config).await.expect("a store")
}

/// The messages' names are read while other programs move every one of them back and forth.
async fn storm(is_watched: bool) {
    const MESSAGES: usize = 60;
    let mut site = Site::new().await;
    for n in 0..MESSAGES {
        site.put(&format!("new/{n}.a"));
    }
    assert_eq!(site.changes().await.len(), MESSAGES);
    let hints = if is_watched { Some(site.watch().await) } else { None };
    let ends = Arc::new(AtomicBool::new(false));
    let (root, end) = (site.root(), Arc::clone(&ends));
    let storm = std::thread::spawn(move || {
        let names = |n: usize| [format!("new/{n}.a"), format!("cur/{n}.a:2,"), format!("cur/{n}.a:2,S")];
        let mut rounds = 0;
        while !end.load(Ordering::Relaxed) {
            for n in 0..MESSAGES {
                let names = names(n);
                let (from, to) = (&names[rounds % 3], &names[(rounds + 1) % 3]);
                fs::rename(root.join(from), root.join(to)).expect("renamed");
            }
            rounds += 1;
        }
        rounds
    });
    for _ in 0..200 {
        let other: Vec<_> =
            site.changes().await.into_iter().filter(|change| change.kind != ChangeKind::Changed).collect();
        assert!(other.is_empty(), "{other:?}");
    }
    ends.store(true, Ordering::Relaxed);
    assert!(storm.join().expect("no panic") > 0);
    site.changes().await;
    assert_eq!(site.kinds().await, []);
    drop(hints);
}

#[tokio::test]
async fn messages_that_are_renamed_while_they_are_read_are_not_gone() {
    storm(false).await;
}

#[tokio::test]
async fn messages_that_are_renamed_while_they_are_watched_are_not_gone() {
    storm(true).await;
}

#[tokio::test]
async fn a_maildir_is_made_only_if_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = Journal::open(&State::in_memory().expect("a state"), "alice").await.expect("a journal");
    let root = dir.path().join("to/be/made");
    let refused = MaildirStore::open(&root, journal.clone(), MaildirConfig::default()).await;
    assert_eq!(refused.map(|_| ()).map_err(|error| error.kind()), Err(StoreErrorKind::Unavailable));
    assert!(!root.exists());
    let mut config = MaildirConfig::default();
    config.create = true;
    let store = MaildirStore::open(&root, journal, config).await.expect("a store");
    assert_eq!(store.path(), root);
    assert!(["tmp", "new", "cur"].iter().all(|name| root.join(name).is_dir()));
}

/// A file system that is not mounted is not a mailbox whose mail was deleted.
#[tokio::test]
async fn mail_that_cannot_be_reached_is_not_gone() {
    let mut site = Site::with(|root| make(&root.join(".Sub")), |_| {}).await;
    site.put("new/1.a");
    assert_eq!(site.kinds().await, [ChangeKind::New]);
    let paths = site.paths().await;
    for is_watched in [false, true] {
        let mut hints = if is_watched { Some(site.watch().await) } else { None };
        let away = site.dir.path().join("away");
        fs::rename(site.root(), &away).expect("renamed");
        fs::create_dir(site.root()).expect("an empty mount point");
        let refused = guarded(site.store.changes(site.inbox, site.token, 10)).await.map_err(|error| error.kind());
        assert_eq!(refused.map(|page| page.changes.len()), Err(StoreErrorKind::Unavailable), "watched: {is_watched}");
        assert!(site.store.hierarchy().await.is_err_and(|error| error.is_retryable()));
        fs::remove_dir(site.root()).expect("removed");
        fs::rename(&away, site.root()).expect("renamed");
        assert_eq!(site.kinds().await, []);
        assert_eq!(site.paths().await, paths);
        let Some(hints) = &mut hints else { continue };
        site.put("new/2.b");
        let mut told = Vec::new();
        while told.is_empty() {
            guarded(hints.next()).await;
            told = site.kinds().await;
        }
        assert_eq!(told, [ChangeKind::New]);
    }
}

#[tokio::test]
async fn letters_that_other_programs_gave_meanings_to_stay() {
    let mut site = Site::new().await;
    site.put("cur/1.a,S=9:2,Sab");
    let change = site.changes().await[0];
    assert_eq!(change.flags, Flags::SEEN);
    let mark = |add, remove| Command::Mark { folder: site.inbox, uid: change.uid, add, remove };
    site.store.apply(mark(Flags::FLAGGED, Flags::SEEN)).await.expect("marked");
    assert!(site.root().join("cur/1.a,S=9:2,Fab").exists());
}

#[tokio::test]
async fn mail_stays_in_new_until_it_is_marked() {
    let mut site = Site::new().await;
    let raw = testkit::mail::plain("x", "text");
    let append = Command::Append { folder: site.inbox, raw: raw.clone().into(), flags: Flags::default() };
    let uid = site.store.apply(append).await.expect("appended").uid.expect("a uid");
    site.changes().await;
    site.store.fetch(site.inbox, &[uid], Wanted::Whole).await.expect("fetched");
    let count = |place: &str| fs::read_dir(site.root().join(place)).expect("a directory").count();
    assert_eq!((count("tmp"), count("new"), count("cur")), (0, 1, 0));
    let mark = |add, remove| Command::Mark { folder: site.inbox, uid, add, remove };
    site.store.apply(mark(Flags::default(), Flags::SEEN)).await.expect("nothing to do");
    assert_eq!(count("new"), 1);
    site.store.apply(mark(Flags::SEEN, Flags::default())).await.expect("marked");
    assert_eq!((count("tmp"), count("new"), count("cur")), (0, 0, 1));
    assert_eq!(
        site.store.fetch(site.inbox, &[uid], Wanted::Whole).await.expect("fetched")[0].raw.as_deref(),
        Some(&*raw)
    );
}

#[tokio::test]
async fn names_of_directories_that_mean_the_same_are_kept_apart() {
    let prepare = |root: &Path| {
        for name in [".INBOX", ".Entw&APw-rfe", ".Entwürfe", ".R&D", ".A.B"] {
            make(&root.join(name));
        }
        fs::create_dir(root.join(".git")).expect("made");
        make(&root.join(std::ffi::OsStr::from_bytes(b".\xff")));
    };
    let site = Site::with(prepare, |_| {}).await;
    let paths = site.paths().await;
    assert_eq!(paths, ["INBOX", "%2EEntwürfe", "%2EINBOX", "%FF", "A/B", "Entwürfe", "R&D"]);
    let again = Command::CreateFolder { path: "Entwürfe".to_owned() };
    assert_eq!(site.store.apply(again).await.map_err(|error| error.kind()), Err(StoreErrorKind::Exists));
    let lower = Command::CreateFolder { path: "inbox".to_owned() };
    assert_eq!(site.store.apply(lower).await.map_err(|error| error.kind()), Err(StoreErrorKind::Exists));
    assert_eq!(site.paths().await, paths);
}

#[tokio::test]
async fn new_folders_are_named_as_it_is_configured() {
    for (names, dir) in [(FolderNames::ModifiedUtf7, ".Entw&APw-rfe.x"), (FolderNames::Utf8, ".Entwürfe.x")] {
        let site = Site::with(|_| {}, |config| config.names = names).await;
        site.store.apply(Command::CreateFolder { path: "Entwürfe/x".to_owned() }).await.expect("made");
        let made = site.root().join(dir);
        for name in ["tmp", "new", "cur", "maildirfolder"] {
            assert!(made.join(name).exists(), "{name}");
        }
        assert_eq!(fs::read_dir(site.root().join("tmp")).expect("a directory").count(), 0);
    }
}

#[tokio::test]
async fn paths_never_lead_out_of_the_maildir() {
    let site = Site::new().await;
    let everything = |dir: &Path| -> BTreeSet<PathBuf> {
        fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()).collect()
    };
    let before = (everything(site.dir.path()), everything(&site.root()));
    for path in [
        "..",
        "../outside",
        "a/../../outside",
        "/tmp/outside",
        ".",
        ".hidden",
        "a/.b",
        "%2F..%2Foutside",
        "cur/..",
        "a\0",
    ] {
        let create = Command::CreateFolder { path: path.to_owned() };
        let refused = site.store.apply(create).await.map_err(|error| error.kind());
        assert_eq!(refused, Err(StoreErrorKind::Invalid), "{path:?}");
    }
    assert_eq!((everything(site.dir.path()), everything(&site.root())), before);
}

#[tokio::test]
async fn files_without_utf8_names_are_messages_too() {
    let mut site = Site::new().await;
    let name = std::ffi::OsStr::from_bytes(b"1.\xfe\xff:2,F");
    fs::write(site.root().join("cur").join(name), "Subject: odd\n\n").expect("written");
    let change = site.changes().await[0];
    assert_eq!(change.flags, Flags::FLAGGED);
    for is_watched in [false, true] {
        let _hints = if is_watched { Some(site.watch().await) } else { None };
        let items = site.store.fetch(site.inbox, &[change.uid], Wanted::Summary { preview_bytes: 9 }).await;
        assert_eq!(items.expect("fetched")[0].summary.subject.as_deref(), Some("odd"));
    }
    site.store.apply(Command::Delete { folder: site.inbox, uid: change.uid }).await.expect("deleted");
    assert_eq!(site.kinds().await, [ChangeKind::Deleted]);
}

#[tokio::test]
async fn a_message_that_is_moved_by_others_keeps_its_identity() {
    let mut site = Site::with(|root| make(&root.join(".Trash")), |_| {}).await;
    site.put("new/1.a");
    let came = site.changes().await[0];
    let trash = site.store.hierarchy().await.expect("a tree").folders[1].id;
    site.rename("new/1.a", ".Trash/cur/1.a:2,S");
    assert_eq!(site.kinds().await, [ChangeKind::Deleted]);
    let page = site.store.changes(trash, Token::START, 10).await.expect("changes");
    assert_eq!((page.changes[0].identity, page.changes[0].flags), (came.identity, Flags::SEEN));
    assert!(came.identity.is_some());
}

#[tokio::test]
async fn many_messages_are_told_in_the_order_of_their_arrival() {
    const COUNT: usize = 12_000;
    let mut site = Site::with(
        |root| {
            for n in (0..COUNT).rev() {
                fs::write(root.join(format!("cur/{}.a:2,S", 100 + n)), "x").expect("written");
            }
        },
        |_| {},
    )
    .await;
    let _hints = site.watch().await;
    let changes = site.changes().await;
    assert_eq!(changes.len(), COUNT);
    for n in [0, 1, 5_000, COUNT - 1] {
        let name = site.root().join(format!("cur/{}.a:2,S", 100 + n));
        fs::write(&name, format!("Subject: {n}\n\n")).expect("written");
        let items = site.store.fetch(site.inbox, &[changes[n].uid], Wanted::Summary { preview_bytes: 1 }).await;
        assert_eq!(items.expect("fetched")[0].summary.subject.as_deref(), Some(&*n.to_string()));
    }
    // As many as a folder remembers.
    for n in 0..10_000 {
        fs::remove_file(site.root().join(format!("cur/{}.a:2,S", 100 + n))).expect("removed");
    }
    assert_eq!(site.kinds().await.len(), 10_000);
}

/// Whoever waits for changes may give up at any point.
#[tokio::test]
async fn a_look_that_is_given_up_loses_nothing() {
    let mut site = Site::new().await;
    let _hints = site.watch().await;
    site.changes().await;
    for n in 0..60 {
        site.put(&format!("new/{n}.a"));
        let store = site.store.clone();
        let look = store.changes(site.inbox, site.token, 10);
        tokio::select! {
            biased;
            _ = look => {}
            () = async { for _ in 0..n { tokio::task::yield_now().await; } } => {}
        }
    }
    assert_eq!(site.kinds().await, [ChangeKind::New; 60]);
}

#[tokio::test]
async fn two_stores_share_a_maildir() {
    let mut site = Site::new().await;
    let other = open(&site.root(), MaildirConfig::default()).await;
    let (mut hints, mut others) = (site.watch().await, other.watch(&[]));
    assert_eq!(guarded(others.next()).await, Hint::Ready);
    site.put("new/1.a");
    assert_eq!(guarded(hints.next()).await, Hint::Folder(site.inbox));
    assert!(matches!(guarded(others.next()).await, Hint::Folder(_)));
    drop(others);
    drop(other);
    assert_eq!(site.kinds().await, [ChangeKind::New]);
    site.put("new/2.b");
    assert_eq!(guarded(hints.next()).await, Hint::Folder(site.inbox));
    assert_eq!(site.kinds().await, [ChangeKind::New]);
}

#[tokio::test]
async fn what_is_made_is_for_those_who_may_read_the_maildir() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("Maildir");
    let mut config = MaildirConfig::default();
    config.create = true;
    let store = open(&root, config).await;
    let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    store.apply(Command::Append { folder: inbox, raw: "x".into(), flags: Flags::default() }).await.expect("appended");
    let message =
        fs::read_dir(root.join("new")).expect("a directory").next().expect("a message").expect("readable").path();
    assert_eq!((mode(&root), mode(&root.join("cur")), mode(&message)), (0o700, 0o700, 0o600));
    fs::set_permissions(&root, fs::Permissions::from_mode(0o750)).expect("set");
    store.apply(Command::CreateFolder { path: "Shared".to_owned() }).await.expect("made");
    assert_eq!(mode(&root.join(".Shared/new")), 0o750);
}

#[tokio::test]
async fn a_moved_message_never_replaces_another() {
    let mut site = Site::with(|root| make(&root.join(".Sub")), |_| {}).await;
    let sub = site.store.hierarchy().await.expect("a tree").folders[1].id;
    site.put("cur/1.a:2,S");
    site.put(".Sub/cur/1.a:2,S");
    let uid = site.changes().await[0].uid;
    site.store.apply(Command::Move { folder: site.inbox, uid, to: sub }).await.expect("moved");
    assert_eq!(site.kinds().await, [ChangeKind::Deleted]);
    let page = site.store.changes(sub, Token::START, 10).await.expect("changes");
    assert_eq!(page.changes.iter().map(|change| change.flags).collect::<Vec<_>>(), [Flags::SEEN; 2]);
}

/// Of the directories of this Maildir, how many the system watches for this process.
#[cfg(target_os = "linux")]
fn watched(root: &Path) -> usize {
    let mut inodes = Vec::new();
    for dir in ["", "cur", "new", ".Sub/cur", ".Sub/new"] {
        inodes.push(format!(" ino:{:x} ", fs::metadata(root.join(dir)).expect("a directory").ino()));
    }
    let files = fs::read_dir("/proc/self/fdinfo").expect("the process").flatten();
    let infos = files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect::<String>();
    // The queue is open twice: its reader has a descriptor of its own.
    let lines: BTreeSet<&str> = infos.lines().filter(|line| line.starts_with("inotify ")).collect();
    lines.into_iter().filter(|line| inodes.iter().any(|inode| line.contains(inode))).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_watch_takes_one_queue_for_the_process_and_leaves_nothing() {
    let site = Site::with(|root| make(&root.join(".Sub")), |_| {}).await;
    assert_eq!(watched(&site.root()), 0);
    let (first, second) = (site.watch().await, site.watch().await);
    // The two share what is watched: the root, and two directories of each folder.
    assert_eq!(watched(&site.root()), 5);
    drop(first);
    drop(second);
    guarded(async {
        while watched(&site.root()) != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
