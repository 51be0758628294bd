//! A Maildir that other programs use at random, and a device that is told of it: in the end the device has what is on the
//! disk, whatever was missed, watched, restarted or given up in between.

#![cfg(unix)]
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::store::{ChangeKind, Command, Flags, FolderId, Hints, MailStore, Token, Uid, Wanted};
use testkit::Random;

/// Marks as letters, in the order of the format.
const LETTERS: [(char, Flags); 3] = [('F', Flags::FLAGGED), ('R', Flags::ANSWERED), ('S', Flags::SEEN)];

/// A message on the disk: its name up to the marks, and where it is.
#[derive(Clone, Debug)]
struct Message {
    folder: usize,
    file: PathBuf,
    flags: Flags,
}

/// What a device knows of a folder.
#[derive(Debug, Default)]
struct Replica {
    id: Option<FolderId>,
    token: Token,
    messages: BTreeMap<Uid, Flags>,
}

struct World {
    random: Random,
    dir: tempfile::TempDir,
    store: Option<MaildirStore>,
    hints: Option<Hints>,
    /// By unique name.
    messages: BTreeMap<String, Message>,
    replicas: [Replica; 2],
    made: usize,
    /// The directory of the second folder; others rename it.
    sub: String,
}

impl World {
    async fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let sub = ".Sub0".to_owned();
        for folder in ["Maildir", "Maildir/.Sub0"] {
            for name in ["tmp", "new", "cur"] {
                fs::create_dir_all(dir.path().join(folder).join(name)).expect("made");
            }
        }
        let mut world = Self {
            random: Random::new(seed),
            dir,
            store: None,
            hints: None,
            messages: BTreeMap::new(),
            replicas: Default::default(),
            made: 0,
            sub,
        };
        world.up().await;
        let tree = world.store().hierarchy().await.expect("a tree");
        for (replica, folder) in world.replicas.iter_mut().zip(&tree.folders) {
            replica.id = Some(folder.id);
        }
        world
    }

    fn store(&self) -> &MaildirStore {
        self.store.as_ref().expect("it is up")
    }

    async fn up(&mut self) {
        let state = loop {
            match State::open(self.dir.path().join("state")) {
                Ok(state) => break state,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let root = self.dir.path().join("Maildir");
        self.store = Some(MaildirStore::open(root, journal, MaildirConfig::default()).await.expect("a store"));
    }

    fn folder(&self, folder: usize) -> PathBuf {
        let root = self.dir.path().join("Maildir");
        if folder == 0 { root } else { root.join(&self.sub) }
    }

    fn path(&self, message: &Message) -> PathBuf {
        self.folder(message.folder).join(&message.file)
    }

    fn pick(&mut self) -> Option<String> {
        let names: Vec<String> = self.messages.keys().cloned().collect();
        (!names.is_empty()).then(|| self.random.pick(&names).clone())
    }

    async fn step(&mut self) {
        match self.random.below(20) {
            0..6 => self.deliver(),
            6..10 => self.rename(),
            10..12 => self.delete(),
            12 => self.rename_folder(),
            13 => self.command().await,
            14 => self.watch().await,
            15 if self.random.below(4) == 0 => {
                self.hints = None;
                self.store = None;
                for _ in 0..self.random.below(4) {
                    self.rename();
                    self.deliver();
                    self.delete();
                }
                self.up().await;
            }
            16 => self.give_up().await,
            _ => {
                let folder = usize::try_from(self.random.below(2)).expect("small");
                let limit = usize::try_from(1 + self.random.below(5)).expect("small");
                self.page(folder, limit).await;
            }
        }
    }

    fn deliver(&mut self) {
        let name = format!("{}.a", 1000 + self.made);
        self.made += 1;
        let folder = usize::try_from(self.random.below(2)).expect("small");
        let draft = self.folder(folder).join("tmp").join(&name);
        fs::write(&draft, format!("Subject: {name}\n\ntext\n")).expect("written");
        let message = Message { folder, file: Path::new("new").join(&name), flags: Flags::default() };
        fs::rename(draft, self.path(&message)).expect("delivered");
        self.messages.insert(name, message);
    }

    /// Marks it, and moves it perhaps.
    fn rename(&mut self) {
        let Some(name) = self.pick() else { return };
        let flags = self.random.below(8);
        let letters = LETTERS.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, letter)| *letter);
        let file = format!("cur/{name}:2,{}", letters.clone().map(|(letter, _)| letter).collect::<String>());
        let flags = letters.fold(Flags::default(), |flags, (_, flag)| flags.with(flag));
        let before = self.messages[&name].clone();
        let folder = if self.random.below(4) == 0 { 1 - before.folder } else { before.folder };
        let after = Message { folder, file: file.into(), flags };
        fs::rename(self.path(&before), self.path(&after)).expect("renamed");
        self.messages.insert(name, after);
    }

    fn delete(&mut self) {
        let Some(name) = self.pick() else { return };
        let message = self.messages.remove(&name).expect("it was picked");
        fs::remove_file(self.path(&message)).expect("removed");
    }

    fn rename_folder(&mut self) {
        let before = self.folder(1);
        self.sub = format!(".Sub{}", self.random.below(3));
        if before != self.folder(1) {
            fs::rename(before, self.folder(1)).expect("renamed");
        }
    }

    async fn watch(&mut self) {
        if self.hints.take().is_none() {
            let mut hints = self.store().watch(&[]);
            hints.next().await;
            self.hints = Some(hints);
        }
    }

    /// Marks or deletes a message by the store.
    async fn command(&mut self) {
        let replica = &self.replicas[0];
        let (Some(folder), Some(uid)) = (replica.id, replica.messages.keys().next().copied()) else { return };
        let items = self.store().fetch(folder, &[uid], Wanted::Summary { preview_bytes: 1 }).await.expect("fetched");
        let Some(name) = items.first().and_then(|item| item.summary.subject.clone()) else { return };
        if self.random.below(3) == 0 {
            self.store().apply(Command::Delete { folder, uid }).await.expect("deleted");
            self.messages.remove(&name);
            return;
        }
        let mark = Command::Mark { folder, uid, add: Flags::SEEN, remove: Flags::FLAGGED };
        self.store().apply(mark).await.expect("marked");
        let message = self.messages.get_mut(&name).expect("it is there");
        let flags = message.flags.with(Flags::SEEN).without(Flags::FLAGGED);
        if flags != message.flags {
            let letters: String = LETTERS.iter().filter(|(_, flag)| flags.contains(*flag)).map(|(l, _)| *l).collect();
            message.flags = flags;
            message.file = format!("cur/{name}:2,{letters}").into();
        }
        assert!(self.path(&self.messages[&name]).exists(), "{name} is not where it should be");
    }

    /// Asks, and does not wait for the answer.
    async fn give_up(&mut self) {
        let store = self.store().clone();
        let folder = self.replicas[1].id.expect("known");
        let turns = self.random.below(10);
        tokio::select! {
            biased;
            _ = store.changes(folder, Token::START, 10) => {}
            () = async { for _ in 0..turns { tokio::task::yield_now().await; } } => {}
        }
    }

    /// One page of changes. `true` at the end of them.
    async fn page(&mut self, folder: usize, limit: usize) -> bool {
        let replica = &self.replicas[folder];
        let (id, token) = (replica.id.expect("known"), replica.token);
        let page = self.store().changes(id, token, limit).await.expect("changes");
        let replica = &mut self.replicas[folder];
        for change in page.changes {
            let known = match change.kind {
                ChangeKind::Deleted => replica.messages.remove(&change.uid),
                _ => replica.messages.insert(change.uid, change.flags),
            };
            match change.kind {
                ChangeKind::New => assert_eq!(known, None, "{change:?} is told again"),
                // Perhaps to what it was before.
                ChangeKind::Changed => assert!(known.is_some(), "{change:?} was never told"),
                // Between two pages it may have come and gone.
                ChangeKind::Deleted => assert!(known.is_some() || token.paging.is_some(), "{change:?} was never told"),
            }
        }
        replica.token = page.token;
        !page.more
    }

    async fn compare(&mut self) {
        for folder in 0..2 {
            while !self.page(folder, 3).await {}
            let replica = &self.replicas[folder];
            let (id, uids) = (replica.id.expect("known"), replica.messages.keys().copied().collect::<Vec<_>>());
            let items = self.store().fetch(id, &uids, Wanted::Summary { preview_bytes: 1 }).await.expect("fetched");
            let told: BTreeMap<String, Flags> = items
                .into_iter()
                .map(|item| (item.summary.subject.expect("a subject"), replica.messages[&item.uid]))
                .collect();
            let there = self.messages.iter().filter(|(_, message)| message.folder == folder);
            let there: BTreeMap<String, Flags> = there.map(|(name, message)| (name.clone(), message.flags)).collect();
            assert_eq!(told, there, "folder {folder}");
            assert_eq!(uids.len(), told.len(), "{uids:?} {told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_has_in_the_end_what_is_on_the_disk() {
    let mut seeds = Random::from_env();
    let rounds = if std::env::var_os("PUSH_TEST_LONG").is_some() { 200 } else { 12 };
    for _ in 0..rounds {
        let seed = seeds.number();
        println!("round with seed {seed}");
        let mut world = World::new(seed).await;
        for step in 0..240 {
            world.step().await;
            if step % 60 == 59 {
                world.compare().await;
            }
        }
    }
}
