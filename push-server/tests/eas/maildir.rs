//! A Maildir that other programs change.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::Random;

/// Folders by their names, and where they lie.
pub(crate) const FOLDERS: [(&str, &str); 3] = [("INBOX", ""), ("Lists", ".Lists"), ("Archive", ".Archive")];

pub(crate) struct Maildir {
    dir: tempfile::TempDir,
    random: Random,
    count: u64,
}

impl Maildir {
    pub(crate) fn new(random: Random) -> Self {
        let made = Self { dir: tempfile::tempdir().expect("a directory"), random, count: 0 };
        for (_, folder) in FOLDERS {
            for sub in ["tmp", "new", "cur"] {
                fs::create_dir_all(made.path().join(folder).join(sub)).expect("made");
            }
        }
        made
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("Maildir")
    }

    /// Where the server keeps what it knows.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn folder(&self, name: &str) -> PathBuf {
        let (_, folder) = FOLDERS.iter().find(|(known, _)| *known == name).expect("a folder");
        self.path().join(folder)
    }

    pub(crate) fn deliver(&mut self) {
        let (name, _) = *self.random.pick(&FOLDERS);
        self.deliver_to(name);
    }

    pub(crate) fn deliver_to(&mut self, name: &str) {
        self.count += 1;
        let file = format!("{}.M{}P1.host", 1_795_320_476 + self.count, self.count);
        let raw = testkit::mail::plain(&format!("mail {:05}", self.count), "Hello.");
        let folder = self.folder(name);
        fs::write(folder.join("tmp").join(&file), raw).expect("written");
        fs::rename(folder.join("tmp").join(&file), folder.join("new").join(&file)).expect("delivered");
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let of = |sub| fs::read_dir(folder.join(sub)).expect("read").map(|entry| entry.expect("an entry").path());
        let mut all: Vec<_> = of("new").chain(of("cur")).collect();
        all.sort();
        all
    }

    /// Whatever a mail program may do.
    pub(crate) fn act(&mut self) {
        let (name, _) = *self.random.pick(&FOLDERS);
        let folder = self.folder(name);
        let files = Self::files(&folder);
        let what = self.random.below(10);
        if files.is_empty() || what < 4 {
            return self.deliver_to(name);
        }
        let from = self.random.pick(&files).clone();
        let file = from.file_name().and_then(|file| file.to_str()).expect("ASCII");
        let base = file.split(":2,").next().expect("a first part");
        match what {
            4..7 => {
                let marks = self.random.pick(&["", "S", "FS", "F"]);
                fs::rename(&from, folder.join("cur").join(format!("{base}:2,{marks}"))).expect("marked");
            }
            7 => fs::remove_file(&from).expect("removed"),
            _ => {
                let (to, _) = *self.random.pick(&FOLDERS);
                fs::rename(&from, self.folder(to).join("cur").join(file_with_marks(file))).expect("moved");
            }
        }
    }

    /// Subjects, with whether each is read and flagged.
    pub(crate) fn rows(&self, name: &str) -> Vec<(String, bool, bool)> {
        let row = |path: PathBuf| {
            let raw = fs::read_to_string(&path).expect("read");
            let subject = raw.lines().find_map(|line| line.strip_prefix("Subject: ")).expect("a subject").to_owned();
            let file = path.file_name().and_then(|file| file.to_str()).expect("ASCII");
            let marks = file.split(":2,").nth(1).unwrap_or_default();
            (subject, marks.contains('S'), marks.contains('F'))
        };
        let mut all: Vec<_> = Self::files(&self.folder(name)).into_iter().map(row).collect();
        all.sort();
        all
    }
}

/// Where mail was looked at, its name has marks, if only none.
fn file_with_marks(file: &str) -> String {
    if file.contains(":2,") { file.to_owned() } else { format!("{file}:2,") }
}
