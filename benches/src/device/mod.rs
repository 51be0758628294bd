//! Devices that do Direct Push: each pings, syncs the folders that it is told, and pings again, over a connection that is
//! kept alive. All on one epoll, on the thread that leads the bench.
//!
//! What a ping tells is checked by the sync that follows: a folder of which it has nothing new was told in vain.

mod control;
mod eas;
mod talk;

pub(crate) use self::control::Control;
use self::talk::Answer;
pub(crate) use self::talk::Speech;
use crate::Result;
use crate::clock::{Guard, MS, now_ns};
use crate::line::{Line, Target};
use crate::poller::{Poller, Read};

/// Requests that are unanswered at a time while devices are prepared or begin to wait.
const UNDER_WAY: usize = 64;

/// Longest time that anything may take, in seconds.
const PATIENCE_SECS: u64 = 60;

/// Bytes of one read.
const SCRATCH_BYTES: usize = 16 * 1024;

/// What a device has asked and is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    /// What comes before all else.
    Beginning,
    Pinging,
    /// Nothing, though it was told of these folders.
    Holding(Vec<u32>),
    /// The first of these folders; the others follow.
    Syncing(Vec<u32>),
}

/// What devices do with answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Told of changes they sync, and end.
    Prepare,
    /// Told of changes they do nothing.
    Hold,
    /// Told of changes they sync, and ping again.
    GoOn,
    /// Whatever they are told they ping again.
    PingOn,
}

/// One device.
#[derive(Debug)]
struct Device {
    account: String,
    name: String,
    /// The sync key of folder 1 and so on.
    keys: Vec<String>,
    connection: Option<Line>,
    doing: Doing,
    spill: Vec<u8>,
    /// When the ping was sent that waits.
    asked_ns: u64,
}

/// A ping that was answered `changes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Woken {
    pub(crate) device: usize,
    /// When the ping was sent.
    pub(crate) asked_ns: u64,
    /// When the last byte of the answer was read.
    pub(crate) at_ns: u64,
}

/// What was wrong, which is to be nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Folders that a ping told of and of which the sync had nothing.
    pub(crate) in_vain: u64,
    /// Answers that are neither `changes` nor `ok`.
    pub(crate) refused: u64,
    /// Connections that ended by themselves.
    pub(crate) closed: u64,
}

impl Faults {
    pub(crate) fn sum(&self) -> u64 {
        self.in_vain + self.refused + self.closed
    }
}

/// See the module.
pub(crate) struct Devices {
    target: Target,
    speech: Speech,
    host: String,
    poller: Poller,
    devices: Vec<Device>,
    manners: Manners,
    /// Since it was taken last.
    pub(crate) woken: Vec<Woken>,
    /// Messages that syncs told as new, by device.
    pub(crate) told: Vec<u64>,
    pub(crate) faults: Faults,
    /// Pings answered that nothing has changed.
    pub(crate) superseded: u64,
    /// Devices that are preparing themselves.
    preparing: usize,
    scratch: Vec<u8>,
}

impl Devices {
    pub(crate) fn new(target: Target, speech: Speech) -> Result<Self> {
        Ok(Self {
            host: target.addr.to_string(),
            target,
            speech,
            poller: Poller::new()?,
            devices: Vec::new(),
            manners: Manners::Hold,
            woken: Vec::new(),
            told: Vec::new(),
            faults: Faults::default(),
            superseded: 0,
            preparing: 0,
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    /// Adds a device that knows nothing yet.
    pub(crate) fn add(&mut self, account: String, folders: usize) {
        let name = format!("device-{:08}", self.devices.len());
        self.add_named(name, account, folders);
    }

    /// The same under a name that another may have, too: each supersedes the other's pings.
    pub(crate) fn add_named(&mut self, name: String, account: String, folders: usize) {
        let keys = vec!["0".to_owned(); folders];
        let (doing, spill) = (Doing::Nothing, Vec::new());
        self.devices.push(Device { account, name, keys, connection: None, doing, spill, asked_ns: 0 });
        self.told.push(0);
    }

    pub(crate) fn len(&self) -> usize {
        self.devices.len()
    }

    /// Lets each device from `first` on ping, which makes the ping known and is answered at once, and sync what it is told,
    /// over a connection that it then closes. One of Exchange ActiveSync syncs its folders without being told.
    pub(crate) fn prepare(&mut self, first: usize) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS + self.len() as u64 / 50, "devices to be prepared");
        self.manners = Manners::Prepare;
        for key in first..self.len() {
            self.connect(key)?;
            self.preparing += 1;
            self.begin(key)?;
            while self.preparing >= UNDER_WAY {
                self.pump(1000 * MS)?;
                guard.check()?;
            }
        }
        while self.preparing > 0 {
            self.pump(1000 * MS)?;
            guard.check()?;
        }
        self.manners = Manners::Hold;
        self.woken.clear();
        self.check()
    }

    /// Lets all devices from `first` on ping, and waits until their pings are parked. Few at a time: what is measured is no
    /// crowd of requests under way.
    pub(crate) fn park(&mut self, first: usize, control: &mut Control) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS + self.len() as u64 / 50, "pings to be parked");
        let base = control.waiting()?;
        for key in first..self.len() {
            if self.devices[key].connection.is_none() {
                self.connect(key)?;
            }
            self.ask_ping(key)?;
            let asked = key + 1 - first;
            if asked.is_multiple_of(UNDER_WAY) || asked == self.len() - first {
                while control.waiting()? < base + asked {
                    self.pump(MS)?;
                    guard.check()?;
                }
            }
        }
        self.check()
    }

    /// Lets all devices ping at once.
    pub(crate) fn ask_all(&mut self) -> Result<()> {
        for key in 0..self.len() {
            self.connect(key)?;
            self.ask_ping(key)?;
        }
        Ok(())
    }

    /// What devices do from now on; those who hold what they were told begin at once.
    pub(crate) fn behave(&mut self, manners: Manners) -> Result<()> {
        self.manners = manners;
        if manners != Manners::GoOn {
            return Ok(());
        }
        for key in 0..self.len() {
            let device = &mut self.devices[key];
            if let Doing::Holding(folders) = &mut device.doing {
                device.doing = Doing::Syncing(std::mem::take(folders));
                self.ask_sync(key)?;
            }
        }
        Ok(())
    }

    /// Closes all connections with a reset.
    pub(crate) fn close(&mut self) -> Result<()> {
        for device in &mut self.devices {
            if let Some(socket) = device.connection.take() {
                socket.reset()?;
            }
            device.doing = Doing::Nothing;
            device.spill.clear();
        }
        Ok(())
    }

    /// Fails where something was wrong.
    pub(crate) fn check(&self) -> Result<()> {
        if self.faults.sum() == 0 {
            Ok(())
        } else {
            Err(format!("devices were not served right: {:?}", self.faults).into())
        }
    }

    /// Whether the device's ping waits, as far as it knows.
    pub(crate) fn is_pinging(&self, key: usize) -> bool {
        self.devices[key].doing == Doing::Pinging
    }

    fn connect(&mut self, key: usize) -> Result<()> {
        let line = Line::open(&self.target)?;
        self.poller.add(&line, key)?;
        self.devices[key].connection = Some(line);
        Ok(())
    }

    /// Lets a device that knows nothing ask for what it needs.
    fn begin(&mut self, key: usize) -> Result<()> {
        let device = &mut self.devices[key];
        let Some(hello) = self.speech.hello(&self.host, &device.account, &device.name) else {
            return self.ask_ping(key);
        };
        device.doing = Doing::Beginning;
        self.send(key, &hello)
    }

    /// Sends a ping on the device's connection, or on another, so that the one before is superseded.
    fn ask_ping(&mut self, key: usize) -> Result<()> {
        let device = &mut self.devices[key];
        device.doing = Doing::Pinging;
        device.asked_ns = now_ns();
        let request = self.speech.ping(&self.host, &device.account, &device.name, device.keys.len());
        self.send(key, &request)
    }

    fn ask_sync(&mut self, key: usize) -> Result<()> {
        let device = &self.devices[key];
        let Doing::Syncing(folders) = &device.doing else { return Ok(()) };
        let Some(folder) = folders.first() else { return Ok(()) };
        let sync_key = &device.keys[*folder as usize - 1];
        let request = self.speech.sync(&self.host, &device.account, &device.name, *folder, sync_key);
        self.send(key, &request)
    }

    fn send(&mut self, key: usize, request: &[u8]) -> Result<()> {
        let line = self.devices[key].connection.as_mut().ok_or("a device without a connection")?;
        if line.send(request) { Ok(()) } else { Err("a device's connection broke".into()) }
    }

    /// Takes what happens, for which it waits `timeout_ns` at most.
    pub(crate) fn pump(&mut self, timeout_ns: u64) -> Result<()> {
        let count = self.poller.wait(timeout_ns)?;
        for at in 0..count {
            let event = self.poller.ready(at);
            self.read(event.key)?;
        }
        Ok(())
    }

    fn read(&mut self, key: usize) -> Result<()> {
        loop {
            let device = &mut self.devices[key];
            let Some(line) = &mut device.connection else { return Ok(()) };
            match line.read(&mut self.scratch, &mut device.spill) {
                Read::Bytes(_) => {}
                Read::Nothing => return Ok(()),
                Read::End => {
                    self.faults.closed += 1;
                    device.connection = None;
                    return Ok(());
                }
            }
            let at_ns = now_ns();
            while let Some((answer, len)) = self.speech.answer(&self.devices[key].spill)? {
                self.devices[key].spill.drain(..len);
                self.take(key, answer, at_ns)?;
            }
        }
    }

    fn take(&mut self, key: usize, answer: Answer, at_ns: u64) -> Result<()> {
        let device = &mut self.devices[key];
        match (std::mem::replace(&mut device.doing, Doing::Nothing), answer) {
            (Doing::Pinging, Answer::Changes { folders }) => {
                self.woken.push(Woken { device: key, asked_ns: device.asked_ns, at_ns });
                match self.manners {
                    Manners::Hold => device.doing = Doing::Holding(folders),
                    Manners::PingOn => return self.ask_ping(key),
                    Manners::Prepare | Manners::GoOn => {
                        device.doing = Doing::Syncing(folders);
                        return self.ask_sync(key);
                    }
                }
                Ok(())
            }
            (Doing::Pinging, Answer::NoChanges) if self.manners == Manners::PingOn => {
                self.superseded += 1;
                self.ask_ping(key)
            }
            (Doing::Beginning, Answer::Hello) => {
                let count = u32::try_from(device.keys.len())?;
                device.doing = Doing::Syncing((1..=count).collect());
                self.ask_sync(key)
            }
            (Doing::Syncing(folders), Answer::Synced { sync_key, new, more }) => {
                let held = std::mem::replace(&mut device.keys[folders[0] as usize - 1], sync_key);
                self.told[key] += new;
                // The first answer may be a key, and nothing else.
                let is_first = held == "0" && new == 0;
                self.faults.in_vain += u64::from(new == 0 && !is_first);
                let rest = if more || is_first { folders } else { folders[1..].to_vec() };
                if rest.is_empty() {
                    return self.synced(key);
                }
                device.doing = Doing::Syncing(rest);
                self.ask_sync(key)
            }
            _ => {
                self.faults.refused += 1;
                Ok(())
            }
        }
    }

    /// The device has all there is.
    fn synced(&mut self, key: usize) -> Result<()> {
        if self.manners != Manners::Prepare {
            return self.ask_ping(key);
        }
        self.preparing -= 1;
        self.told[key] = 0;
        if let Some(socket) = self.devices[key].connection.take() {
            socket.reset()?;
        }
        Ok(())
    }
}
