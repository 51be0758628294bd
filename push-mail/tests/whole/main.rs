//! All of it together: a Maildir that other programs change, a server that is stopped and started, and a device that
//! keeps a copy.

mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use push_mail::device::{ClientSettings, DeviceEvent, DirectPushClient, End, ItemChange, Preset};
use serde_json::Value;
use testkit::Random;

use server::Server;

/// What the device holds: folder and uid, and of each the subject and its marks.
type Copy = BTreeMap<(String, String), (String, Vec<String>)>;

/// What a device has noted.
#[derive(Debug, Default)]
struct Notes {
    copy: Copy,
    /// Items since the last ping that told of changes; `None` before the first.
    since_alarm: Option<usize>,
    alarms: usize,
    in_vain: usize,
}

impl Notes {
    fn note(&mut self, event: &DeviceEvent<'_>) {
        match event {
            DeviceEvent::Item { folder, item } => {
                self.since_alarm = self.since_alarm.map(|items| items + 1);
                let place = (folder.path.clone(), item.uid.clone());
                let marks = item.more.get("flags").and_then(Value::as_array).into_iter().flatten();
                let marks = marks.filter_map(Value::as_str).map(str::to_owned).collect();
                match item.kind {
                    ItemChange::New => {
                        self.copy.insert(place, (item.subject.clone().unwrap_or_default(), marks));
                    }
                    ItemChange::Changed => self.copy.get_mut(&place).expect("it was told before").1 = marks,
                    ItemChange::Deleted => drop(self.copy.remove(&place)),
                    other => panic!("{other:?}"),
                }
            }
            DeviceEvent::Restarted(folder) => self.copy.retain(|(path, _), _| *path != folder.path),
            DeviceEvent::Ping(entry) => {
                self.in_vain += usize::from(self.since_alarm.take() == Some(0));
                if matches!(entry.end, End::Changed { .. }) {
                    self.alarms += 1;
                    self.since_alarm = Some(0);
                }
            }
            _ => {}
        }
    }
}

/// Other programs at a Maildir with folders.
struct Others<'a> {
    root: &'a Path,
    random: Random,
    count: u64,
}

const FOLDERS: [&str; 3] = ["", ".Lists", ".Lists.Rust"];

impl Others<'_> {
    fn dir(&self, folder: &str, sub: &str) -> std::path::PathBuf {
        self.root.join(folder).join(sub)
    }

    fn make(root: &Path) {
        for folder in FOLDERS {
            for sub in ["tmp", "new", "cur"] {
                std::fs::create_dir_all(root.join(folder).join(sub)).expect("made");
            }
        }
    }

    /// Its files, with where they are.
    fn files(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut all = Vec::new();
        for folder in FOLDERS {
            for sub in ["new", "cur"] {
                for entry in std::fs::read_dir(self.dir(folder, sub)).expect("read") {
                    let name = entry.expect("read").file_name().into_string().expect("ASCII");
                    all.push((folder, sub, name));
                }
            }
        }
        all.sort();
        all
    }

    fn deliver(&mut self) {
        self.count += 1;
        let name = format!("{}.{}.host", 1_700_000_000 + self.count, self.count);
        let raw = testkit::mail::plain(&format!("mail {}", self.count), "Hello");
        let folder = *self.random.pick(&FOLDERS);
        let written = self.dir(folder, "tmp").join(&name);
        std::fs::write(&written, raw).expect("written");
        std::fs::rename(written, self.dir(folder, "new").join(name)).expect("delivered");
    }

    /// Whatever somebody may do to a mailbox.
    fn act(&mut self) {
        let files = self.files();
        let what = self.random.below(10);
        if files.is_empty() || what < 4 {
            return self.deliver();
        }
        let (folder, sub, name) = self.random.pick(&files).clone();
        let from = self.dir(folder, sub).join(&name);
        match what {
            4..7 => {
                let marks = ["", "S", "FS", "R", "RS"];
                let marks = *self.random.pick(&marks);
                let base = name.split(":2,").next().unwrap_or_default();
                let to = self.dir(folder, "cur").join(format!("{base}:2,{marks}"));
                std::fs::rename(from, to).expect("marked");
            }
            7..9 => std::fs::remove_file(from).expect("removed"),
            _ => {
                let to = *self.random.pick(&FOLDERS);
                std::fs::rename(from, self.dir(to, sub).join(name)).expect("moved");
            }
        }
    }

    /// What a device is to have in the end, without uids.
    fn truth(&self) -> Vec<(String, String, Vec<String>)> {
        let words = [('F', "flagged"), ('R', "answered"), ('S', "seen")];
        let mut all: Vec<_> = self
            .files()
            .into_iter()
            .map(|(folder, sub, name)| {
                let raw = std::fs::read_to_string(self.dir(folder, sub).join(&name)).expect("read");
                let subject = raw.lines().find_map(|line| line.strip_prefix("Subject: ")).expect("a subject");
                let path = if folder.is_empty() { "INBOX".to_owned() } else { folder[1..].replace('.', "/") };
                let marks = name.split(":2,").nth(1).unwrap_or_default();
                let mut words: Vec<_> = words
                    .iter()
                    .filter(|(letter, _)| marks.contains(*letter))
                    .map(|(_, word)| (*word).to_owned())
                    .collect();
                words.sort();
                (path, subject.to_owned(), words)
            })
            .collect();
        all.sort();
        all
    }
}

fn copied(copy: &Copy) -> Vec<(String, String, Vec<String>)> {
    let mut all: Vec<_> = copy
        .iter()
        .map(|((path, _), (subject, marks))| {
            let mut marks = marks.clone();
            marks.sort();
            (path.clone(), subject.clone(), marks)
        })
        .collect();
    all.sort();
    all
}

fn settings(url: String) -> ClientSettings {
    let mut settings = ClientSettings::new(url, "phone");
    settings.heartbeat = Preset::Fixed.settings();
    settings.heartbeat.initial = Duration::from_secs(60);
    settings.heartbeat.minimum = Duration::from_secs(1);
    settings
}

/// Steps of the others; the server is stopped and started at each hundredth.
fn steps() -> usize {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 3000 } else { 300 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_ends_with_what_lies_in_the_mailbox_whatever_happens_and_is_never_called_in_vain() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("Maildir");
    Others::make(&root);
    let mut others = Others { root: &root, random: Random::from_env(), count: 0 };
    let mut server = Server::start(&root, &folder.path().join("state"), None).await;
    let addr = server.addr;
    let notes = Arc::new(Mutex::new(Notes::default()));
    let noting = Arc::clone(&notes);
    let device = tokio::spawn(async move {
        let mut client = DirectPushClient::new(settings(format!("http://{addr}/push")), Default::default());
        let client = client.as_mut().expect("settings");
        panic!("{}", client.run(|event| noting.lock().expect("whole").note(&event)).await)
    });
    for step in 1..=steps() {
        others.act();
        if step % 100 == 0 {
            server.stop().await;
            others.act();
            server = Server::start(&root, &folder.path().join("state"), Some(addr)).await;
        }
        if others.random.below(3) == 0 {
            tokio::time::sleep(Duration::from_millis(others.random.below(40))).await;
        }
    }
    testkit::api::eventually("the device has what is there", || async {
        assert!(!device.is_finished(), "the device has given up");
        copied(&notes.lock().expect("whole").copy) == others.truth()
    })
    .await;
    let notes = notes.lock().expect("whole");
    println!("{} pings told of changes, {} of them in vain", notes.alarms, notes.in_vain);
    assert!(notes.alarms > 0);
    assert_eq!(notes.in_vain, 0, "a ping told of changes, and no sync did");
}
