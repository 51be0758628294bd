//! Direct Push over Maildirs: how long it takes from a file's rename until the ping's answer is read.

use std::fs;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use super::progress;
use crate::Result;
use crate::args::PingArgs;
use crate::client::tally::{Latency, histogram};
use crate::clock::{Guard, MS, now_ns};
use crate::device::{Control, Devices, Manners, Speech};
use crate::lane::Lane;
use crate::mailbox::{account, letter};
use crate::notices::Notices;
use crate::report::Report;

/// Payloads do not matter here.
const SIZE: usize = 100;

/// Scenario `ping`.
pub(crate) fn ping(args: &PingArgs) -> Result<()> {
    let PingArgs { accounts, rate, parked, time, server } = args;
    let mut server = server.clone();
    let dir = tempfile::tempdir()?;
    server.mail.mail_dir = Some(dir.path().to_owned());
    server.mail.maildirs = *accounts;
    server.mail.folders = 1;
    if server.mail.mailboxes == 0 {
        server.mail.mailboxes = *parked;
    }
    let maildirs: Vec<_> = (0..*accounts).map(|number| dir.path().join(account(number))).collect();
    maildirs.iter().try_for_each(|maildir| make(maildir))?;
    let mut postman = Postman::new(maildirs)?;
    let lane = Lane::push(&server, SIZE)?;
    let mut control = Control::new(lane.target()?)?;
    let mut devices = Devices::new(control.target()?, Speech::Ping)?;
    (0..*accounts).for_each(|number| devices.add(account(number), 1));
    for number in 0..*parked {
        devices.add(account(accounts + number % server.mail.mailboxes), 1);
    }
    progress("devices get to know their mailboxes");
    devices.prepare(0)?;
    devices.park(0, &mut control)?;
    devices.behave(Manners::GoOn)?;
    let settings = format!(
        "{rate} files/s into {accounts} Maildirs, linger {} ms, {parked} other pings parked",
        server.mail.linger
    );
    let mut report = Report::new("ping", &settings, &server);
    let (mut answers, mut floors) = (Vec::new(), Vec::new());
    let (mut cpu_ns, mut files) = (0, 0);
    for round in 1..=time.rounds {
        let before = lane.cpu_ns()?;
        let heard = postman.round(&mut devices, *rate, time.ms())?;
        cpu_ns += lane.cpu_ns()? - before;
        files += heard.answers.len();
        answers.push(Latency::of(&heard.answers));
        floors.push(Latency::of(&heard.floors));
        progress(&format!("round {round} of {}", time.rounds));
    }
    report.latencies("rename to answer", &answers);
    report.latencies("rename to a plain reader of inotify", &floors);
    report.value("server CPU a file: look, answer, sync, ping again", cpu_ns as f64 / 1000.0 / files as f64, "us");
    let told: u64 = devices.told[..*accounts].iter().sum();
    let missed = postman.moved.saturating_sub(told);
    report.value("files moved", postman.moved as f64, "");
    report.value("files not told", missed as f64, "");
    report.value("files that met no waiting ping", postman.met_nobody as f64, "");
    report.value("wakes in vain", (devices.faults.in_vain + postman.wrong) as f64, "");
    report.print(&[])?;
    devices.check()?;
    if missed + postman.wrong > 0 { Err("pings were missed, or told in vain".into()) } else { Ok(()) }
}

/// A Maildir with a message that was seen before.
fn make(maildir: &Path) -> Result<()> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(part))?;
    }
    Ok(fs::write(maildir.join("cur/1.first:2,S"), letter(0))?)
}

/// What a round has shown.
struct Heard {
    answers: Histogram<u64>,
    floors: Histogram<u64>,
}

/// Who moves files into Maildirs, and knows when.
struct Postman {
    maildirs: Vec<PathBuf>,
    notices: Notices,
    /// The file that each Maildir's ping is to be answered for, and when it was moved.
    last: Vec<Option<(String, u64)>>,
    moved: u64,
    /// While the device was not waiting, but syncing.
    met_nobody: u64,
    /// Answers of pings for which no file was moved.
    wrong: u64,
}

impl Postman {
    fn new(maildirs: Vec<PathBuf>) -> Result<Self> {
        let new: Vec<_> = maildirs.iter().map(|maildir| maildir.join("new")).collect();
        let last = vec![None; maildirs.len()];
        Ok(Self { notices: Notices::listen(&new)?, maildirs, last, moved: 0, met_nobody: 0, wrong: 0 })
    }

    /// Moves files at an even pace for `ms`, and waits for the last answer and sync.
    fn round(&mut self, devices: &mut Devices, rate: u64, ms: u64) -> Result<Heard> {
        let mut heard = Heard { answers: histogram(), floors: histogram() };
        let (begin, each) = (now_ns(), 1000 * MS / rate.max(1));
        for turn in 0..ms * MS / each {
            let at = (self.moved % self.maildirs.len() as u64) as usize;
            let name = self.write(at)?;
            while now_ns() < begin + turn * each {
                devices.pump((begin + turn * each).saturating_sub(now_ns()))?;
                self.take(devices, &mut heard);
            }
            self.send(devices, at, name)?;
        }
        let guard = Guard::new(30, "the last files to be told");
        let count = self.maildirs.len();
        while devices.told[..count].iter().sum::<u64>() < self.moved || !(0..count).all(|key| devices.is_pinging(key)) {
            devices.pump(100 * MS)?;
            self.take(devices, &mut heard);
            guard.check()?;
        }
        Ok(heard)
    }

    /// A file that is not delivered yet.
    fn write(&self, at: usize) -> Result<String> {
        let name = format!("17{:08}.M{}P1.bench", self.moved, self.moved);
        fs::write(self.maildirs[at].join("tmp").join(&name), letter(self.moved))?;
        Ok(name)
    }

    fn send(&mut self, devices: &Devices, at: usize, name: String) -> Result<()> {
        let maildir = &self.maildirs[at];
        let (from, to) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
        let is_awaited = devices.is_pinging(at) && self.last[at].is_none();
        let moved_ns = now_ns();
        fs::rename(from, to)?;
        self.moved += 1;
        match is_awaited {
            true => self.last[at] = Some((name, moved_ns)),
            false => self.met_nobody += 1,
        }
        Ok(())
    }

    /// Counts the pings that were answered.
    fn take(&mut self, devices: &mut Devices, heard: &mut Heard) {
        for woken in devices.woken.drain(..) {
            let last = self.last.get_mut(woken.device).and_then(Option::take);
            let Some((name, moved_ns)) = last.filter(|(_, moved_ns)| *moved_ns > woken.asked_ns) else {
                // Of a file that met nobody the next ping tells at once.
                self.wrong += u64::from(woken.device >= self.maildirs.len());
                continue;
            };
            heard.answers.saturating_record(woken.at_ns.saturating_sub(moved_ns));
            if let Some(heard_ns) = self.notices.heard_ns(&name) {
                heard.floors.saturating_record(heard_ns.saturating_sub(moved_ns));
            }
        }
    }
}
