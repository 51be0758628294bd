//! Pings that are woken: one of many mailboxes at a time, and all those of one together.

use super::{progress, with_mail};
use crate::Result;
use crate::args::WakeArgs;
use crate::client::tally::{Latency, histogram};
use crate::clock::{Guard, MS, now_ns};
use crate::device::{Control, Devices, Manners, Speech};
use crate::lane::Lane;
use crate::mailbox::account;
use crate::report::{Report, Spread};

/// How long is waited for answers that nobody is to get.
const QUIET_NS: u64 = 300 * MS;

/// Pairs of connections that supersede each other's pings.
const PAIRS: usize = 16;

/// How long they do, in milliseconds.
const PAIRS_MS: u64 = 2000;

/// Scenario `wake`.
pub(crate) fn wake(args: &WakeArgs) -> Result<()> {
    let WakeArgs { kind, pings, changes, rounds, server } = args;
    let (_dir, server, lane) = with_mail(server)?;
    let (mailboxes, folders) = (server.mail.mailboxes, server.mail.folders);
    let mut control = Control::new(lane.target()?)?;
    let devices = Devices::new(control.target()?, *kind)?;
    let mut crowd = Crowd { control, devices, lane, speech: *kind, mailboxes };
    (0..*pings).for_each(|number| crowd.devices.add(account(number % mailboxes), folders));
    progress("devices get to know their mailboxes");
    crowd.devices.prepare(0)?;
    crowd.devices.park(0, &mut crowd.control)?;
    let settings = format!(
        "{pings} pings ({kind:?}) of {folders} folders over {mailboxes} mailboxes, linger {} ms",
        server.mail.linger
    );
    let mut report = Report::new("wake", &settings, &server);
    match mailboxes {
        1 => crowd.all_of_one(*rounds, &mut report)?,
        _ => crowd.one_of_many(*rounds, *changes, &mut report)?,
    }
    crowd.rounds_of_pings(*rounds, &mut report)?;
    report.print(&[])
}

struct Crowd {
    lane: Lane,
    control: Control,
    devices: Devices,
    speech: Speech,
    mailboxes: usize,
}

impl Crowd {
    /// Changes one mailbox after another: those of its devices are woken, and nobody else.
    fn one_of_many(&mut self, rounds: usize, changes: usize, report: &mut Report) -> Result<()> {
        self.devices.behave(Manners::GoOn)?;
        let mut latencies = Vec::new();
        let mut wrong = 0;
        let mut number: usize = 0;
        for round in 1..=rounds {
            let mut answers = histogram();
            for _ in 0..changes {
                // A prime, so that they are from all over.
                number = (number + 7919) % self.mailboxes;
                let (sent, woken) = self.change(number)?;
                wrong += woken.iter().filter(|key| **key % self.mailboxes != number).count();
                for at_ns in sent {
                    answers.saturating_record(at_ns);
                }
            }
            wrong += self.quiet()?;
            latencies.push(Latency::of(&answers));
            progress(&format!("round {round} of {rounds}"));
        }
        report.latencies("change asked for to answer read", &latencies);
        report.value("changes", (rounds * changes) as f64, "");
        report.value("pings woken that were not to be", wrong as f64, "");
        self.devices.check()?;
        if wrong > 0 { Err("the wrong pings were woken".into()) } else { Ok(()) }
    }

    /// Changes a mailbox and waits until its devices are told and ping again: how long each took, and who they are.
    fn change(&mut self, number: usize) -> Result<(Vec<u64>, Vec<usize>)> {
        let expected = (self.devices.len() - number).div_ceil(self.mailboxes);
        let sent_ns = now_ns();
        self.control.tell_deliver(number, 1)?;
        let guard = Guard::new(30, "a ping to be answered");
        while self.devices.woken.len() < expected {
            self.devices.pump(100 * MS)?;
            guard.check()?;
        }
        self.control.answer()?;
        while self.control.waiting()? < self.devices.len() {
            self.devices.pump(MS)?;
            guard.check()?;
        }
        let woken = std::mem::take(&mut self.devices.woken);
        let took = woken.iter().map(|woken| woken.at_ns.saturating_sub(sent_ns)).collect();
        Ok((took, woken.iter().map(|woken| woken.device).collect()))
    }

    /// Waits, and tells how many pings were answered meanwhile.
    fn quiet(&mut self) -> Result<usize> {
        let until = now_ns() + QUIET_NS;
        while now_ns() < until {
            self.devices.pump(until.saturating_sub(now_ns()))?;
        }
        Ok(std::mem::take(&mut self.devices.woken).len())
    }

    /// Changes the one mailbox: all are woken, then all sync and ping again.
    fn all_of_one(&mut self, rounds: usize, report: &mut Report) -> Result<()> {
        let (mut first, mut last, mut cpu, mut again, mut asked) = (vec![], vec![], vec![], vec![], vec![]);
        let count = self.devices.len();
        // Somebody else, who asks the same server over and over.
        let mut other = Control::new(self.lane.target()?)?;
        for round in 1..=rounds {
            self.devices.behave(Manners::Hold)?;
            let (before, sent_ns) = (self.lane.cpu_ns()?, now_ns());
            self.control.tell_deliver(0, 1)?;
            let guard = Guard::new(60, "all pings to be answered");
            let mut longest = 0;
            while self.devices.woken.len() < count {
                self.devices.pump(0)?;
                let asked_ns = now_ns();
                other.waiting()?;
                longest = longest.max(now_ns() - asked_ns);
                guard.check()?;
            }
            self.control.answer()?;
            cpu.push((self.lane.cpu_ns()? - before) as f64 / 1000.0 / count as f64);
            let took = |at_ns: Option<u64>| at_ns.unwrap_or_default().saturating_sub(sent_ns) as f64 / MS as f64;
            first.push(took(self.devices.woken.iter().map(|woken| woken.at_ns).min()));
            last.push(took(self.devices.woken.iter().map(|woken| woken.at_ns).max()));
            asked.push(longest as f64 / MS as f64);
            self.devices.woken.clear();
            let begin_ns = now_ns();
            self.devices.behave(Manners::GoOn)?;
            while self.control.waiting()? < count {
                self.devices.pump(MS)?;
                guard.check()?;
            }
            again.push((now_ns() - begin_ns) as f64 / MS as f64);
            self.devices.check()?;
            progress(&format!("round {round} of {rounds}"));
        }
        report.spread("change asked for to the first answer", Spread::of(first), "ms");
        report.spread("change asked for to the last answer", Spread::of(last), "ms");
        report.spread("longest that somebody else's request took meanwhile", Spread::of(asked), "ms");
        report.spread("server CPU an answer", Spread::of(cpu), "us");
        report.spread("until all have synced and wait again", Spread::of(again), "ms");
        Ok(())
    }

    /// What a ping costs: each is parked, and answered when the next of its device comes.
    fn rounds_of_pings(&mut self, rounds: usize, report: &mut Report) -> Result<()> {
        let mut pairs = Devices::new(self.control.target()?, self.speech)?;
        for number in 0..PAIRS {
            let first = pairs.len();
            pairs.add_named(format!("pair-{number}"), account(number % self.mailboxes), 1);
            pairs.prepare(first)?;
        }
        for number in 0..PAIRS {
            pairs.add_named(format!("pair-{number}"), account(number % self.mailboxes), 1);
        }
        pairs.behave(Manners::PingOn)?;
        pairs.ask_all()?;
        let mut each = Vec::new();
        for _ in 0..rounds {
            let (before, count, begin) = (self.lane.cpu_ns()?, pairs.superseded, now_ns());
            while now_ns() < begin + PAIRS_MS * MS {
                pairs.pump(100 * MS)?;
            }
            let done = (pairs.superseded - count).max(1);
            each.push((self.lane.cpu_ns()? - before) as f64 / 1000.0 / done as f64);
        }
        report.spread("server CPU of a ping: request, park, wake, answer", Spread::of(each), "us");
        pairs.check()
    }
}
