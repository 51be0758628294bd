//! Many pings, each ended by a change at Dovecot, and followed by a sync.

use std::time::Duration;

use push_mail::store::Hint;
use testkit::Random;
use testkit::dovecot::RawImap;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{Ask, Phone};
use super::{World, held, shown};

/// Another IMAP client, and what it knows to be there.
struct Other {
    client: RawImap,
    random: Random,
    count: usize,
}

const FOLDERS: [&str; 3] = ["INBOX", "Lists", "Archive"];

impl Other {
    async fn append(&mut self, folder: &str) {
        self.count += 1;
        let raw = testkit::mail::plain(&format!("mail {:05}", self.count), "Hello.");
        self.client.append(folder, &String::from_utf8(raw).expect("ASCII")).await;
    }

    /// Changes something that a phone shows, in a folder.
    async fn change(&mut self) {
        let folder = *self.random.pick(&FOLDERS);
        let rows = shown(&mut self.client, folder).await;
        let what = self.random.below(10);
        if rows.len() < 3 || what < 4 {
            return self.append(folder).await;
        }
        self.client.ok(&format!("SELECT {folder}")).await;
        let number = 1 + self.random.below(rows.len() as u64);
        let flags = self.client.ok(&format!("FETCH {number} (FLAGS)")).await;
        let is_seen = flags[0].contains("\\Seen");
        let sign = if is_seen { '-' } else { '+' };
        match what {
            4..7 => drop(self.client.ok(&format!("STORE {number} {sign}FLAGS (\\Seen)")).await),
            7 => {
                let is_flagged = flags[0].contains("\\Flagged");
                let sign = if is_flagged { '-' } else { '+' };
                self.client.ok(&format!("STORE {number} {sign}FLAGS (\\Flagged)")).await;
            }
            8 => {
                let to = if folder == "INBOX" { "Lists" } else { "INBOX" };
                self.client.ok(&format!("MOVE {number} {to}")).await;
            }
            _ => {
                self.client.ok(&format!("STORE {number} +FLAGS (\\Deleted)")).await;
                self.client.ok("EXPUNGE").await;
            }
        }
        self.client.ok("UNSELECT").await;
    }
}

/// When Dovecot's word reached the store.
fn notices(world: &World) -> mpsc::UnboundedReceiver<Instant> {
    let mut hints = push_mail::store::MailStore::watch(&world.store, &[]);
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let hint = hints.next().await;
            if matches!(hint, Hint::Folder(_) | Hint::All) && sender.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Rounds and phones: a change ends the pings of all phones.
fn size() -> (usize, usize) {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { (100, 10) } else { (12, 5) }
}

#[tokio::test]
async fn pings_end_with_what_dovecot_tells_and_the_syncs_behind_find_it() {
    let (rounds, count) = size();
    let world = World::new().await;
    let mut client = world.dovecot.client("alice").await;
    for folder in &FOLDERS[1..] {
        client.ok(&format!("CREATE {folder}")).await;
    }
    let mut other = Other { client, random: Random::from_env(), count: 0 };
    for folder in FOLDERS {
        for _ in 0..5 {
            other.append(folder).await;
        }
    }
    let mut phones = Vec::new();
    for number in 0..count {
        let mut phone = world.phone(&format!("D{number}"));
        phone.set_up().await;
        let folders = FOLDERS.map(|name| phone.folder(name));
        for folder in &folders {
            phone.sync_all(folder).await;
        }
        phones.push((phone, folders));
    }
    let mut notices = notices(&world);
    let mut waits = Vec::new();
    for _ in 0..rounds {
        round(&world, &mut phones, &mut other, &mut notices, &mut waits).await;
    }
    for (phone, folders) in &mut phones {
        for (name, id) in FOLDERS.iter().zip(folders.iter()) {
            phone.sync_all(id).await;
            assert_eq!(held(phone, id), shown(&mut other.client, name).await, "{name}");
        }
        assert_eq!(phone.restarts, 0);
    }
    report(&mut waits);
}

/// All phones wait, something changes, all are told and find it.
async fn round(
    world: &World,
    phones: &mut [(Phone, [String; 3])],
    other: &mut Other,
    notices: &mut mpsc::UnboundedReceiver<Instant>,
    waits: &mut Vec<Duration>,
) {
    loop {
        let mut parked = Vec::new();
        for (phone, folders) in phones.iter_mut() {
            let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
            parked.push(phone.start_ping(600, &folders));
        }
        testkit::api::eventually("pings wait or are answered", || async {
            let answered = parked.iter().filter(|parked| parked.is_answered()).count();
            world.mail.stats().waiting + answered == phones.len()
        })
        .await;
        // Dovecot may tell of one change in two parts, as of a move: the rest of the last round.
        let is_late = parked.iter().any(|parked| parked.is_answered());
        while notices.try_recv().is_ok() {}
        if !is_late {
            other.change().await;
        }
        let noticed = if is_late { None } else { notices.recv().await };
        for ((phone, _), parked) in phones.iter_mut().zip(parked) {
            if is_late && !parked.is_answered() {
                parked.cut().await;
                continue;
            }
            let pinged = phone.answered(parked).await;
            assert_eq!(pinged.status, 2);
            waits.extend(noticed.map(|noticed| pinged.at.saturating_duration_since(noticed)));
            for folder in &pinged.folders {
                phone.sync_one(Ask::of(folder)).await;
            }
        }
        if !is_late {
            return;
        }
    }
}

/// How long after Dovecot's word the answers came: for people to read.
fn report(waits: &mut [Duration]) {
    waits.sort();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
    println!(
        "{} pings answered behind Dovecot's notice: median {:?}, 99 % {:?}, longest {:?}",
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
