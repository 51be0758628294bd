//! Scenarios in which the server under test and the limit work in turn.

use super::progress;
use crate::Result;
use crate::args::{BurstArgs, ConnectArgs, FanoutArgs, PollArgs, ServerArgs, TimeArgs};
use crate::client::command::Command;
use crate::client::tally::Account;
use crate::kind::Kind;
use crate::lane::{Effort, Lane, duel};
use crate::report::{Report, Spread};

/// Length of one side's turn, in milliseconds: long against a fan-out, short against what drifts.
pub(super) fn slice_ms(subscribers: usize) -> u64 {
    if subscribers > 3000 { 400 } else { 150 }
}

/// Both sides of a duel: a server, or the limit in its place, and mostly the limit.
pub(super) struct Duel {
    lanes: [Lane; 2],
    names: [&'static str; 2],
    rounds: Vec<[Effort; 2]>,
}

impl Duel {
    fn new(server: &ServerArgs, size: usize, is_control: bool) -> Result<Self> {
        let (ours, name) =
            if is_control { (Lane::limit(size)?, "limit again") } else { (Lane::push(server, size)?, "push") };
        Ok(Self::between([ours, Lane::limit(size)?], [name, "limit"]))
    }

    pub(super) fn between(lanes: [Lane; 2], names: [&'static str; 2]) -> Self {
        Self { lanes, names, rounds: Vec::new() }
    }

    pub(super) fn subscribe(&mut self, kinds: [Kind; 2], count: usize) -> Result<()> {
        for ((lane, name), kind) in self.lanes.iter_mut().zip(self.names).zip(kinds) {
            progress(&format!("opening {count} {} connections to {name}", kind.name()));
            lane.client.subscribe(kind, count)?;
        }
        Ok(())
    }

    /// One round to warm up, and then those that count.
    pub(super) fn run(&mut self, commands: [&Command; 2], time: &TimeArgs) -> Result<()> {
        for round in 0..=time.rounds {
            let [ours, limit] = &mut self.lanes;
            let ms = if round == 0 { time.ms().min(500) } else { time.ms() };
            let efforts = duel([ours, limit], commands, ms)?;
            let [a, b] = efforts.map(|effort| effort.us_each());
            progress(&format!(
                "round {round} of {}: {} {a:.2} us, {} {b:.2} us",
                time.rounds, self.names[0], self.names[1]
            ));
            if round > 0 {
                self.rounds.push(efforts);
            }
        }
        Ok(())
    }

    fn report(&self, report: &mut Report, what: &str) {
        report.spread("CPU ratio limit / ours", self.cpu_ratio(), "");
        report.spread("rate ratio ours / limit", self.rate_ratio(), "");
        for (at, name) in self.names.into_iter().enumerate() {
            report.spread(&format!("server CPU a {what}, {name}"), self.us_each(at), "us");
            report.spread(&format!("rate, {name}"), self.spread(|round| round[at].slice.per_sec()), "/s");
        }
    }

    fn spread(&self, figure: impl Fn(&[Effort; 2]) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }

    /// Processor time for each delivery, the second's over the first's.
    pub(super) fn cpu_ratio(&self) -> Spread {
        self.spread(|[a, b]| b.us_each() / a.us_each())
    }

    /// Deliveries a second, the first's over the second's.
    pub(super) fn rate_ratio(&self) -> Spread {
        self.spread(|[a, b]| a.slice.per_sec() / b.slice.per_sec())
    }

    /// Processor time of one side for each delivery.
    pub(super) fn us_each(&self, side: usize) -> Spread {
        self.spread(|round| round[side].us_each())
    }

    /// What the subscribers of both sides have been sent in all.
    pub(super) fn settle(&mut self) -> Result<[Account; 2]> {
        let [first, second] = &mut self.lanes;
        Ok([first.settle()?, second.settle()?])
    }

    /// Checks every delivery, then prints.
    fn end(mut self, mut report: Report) -> Result<()> {
        let accounts = self.settle()?;
        self.names.into_iter().zip(&accounts).for_each(|(name, account)| report.account(name, account));
        report.print(&accounts)
    }
}

/// Scenario `fanout`.
pub(crate) fn fanout(args: &FanoutArgs) -> Result<()> {
    let FanoutArgs { transport, subscribers, size, control, time, server } = args;
    let settings = format!("{} x {subscribers}, {size} bytes, closed loop{}", transport.name(), control_note(*control));
    closed_loop("fanout", &settings, (*transport, *subscribers), *size, *control, time, server)
}

/// Scenario `poll`.
pub(crate) fn poll(args: &PollArgs) -> Result<()> {
    let PollArgs { pollers, size, time, server } = args;
    let settings = format!("{pollers} long polls, {size} bytes, a request for each delivery");
    closed_loop("poll", &settings, (Kind::Poll, *pollers), *size, false, time, server)
}

fn closed_loop(
    scenario: &str,
    settings: &str,
    (kind, count): (Kind, usize),
    size: usize,
    is_control: bool,
    time: &TimeArgs,
    server: &ServerArgs,
) -> Result<()> {
    let mut duel = Duel::new(server, size, is_control)?;
    duel.subscribe([kind; 2], count)?;
    let command = Command::Fanout { ms: slice_ms(count) };
    duel.run([&command, &command], time)?;
    let mut report = Report::new(scenario, settings, server);
    duel.report(&mut report, "delivery");
    duel.end(report)
}

/// Scenario `burst`: ours as fast as answers come, against the limit's closed loop of single sends.
pub(crate) fn burst(args: &BurstArgs) -> Result<()> {
    let BurstArgs { transport, subscribers, size, batch, pipeline, time, server } = args;
    let mut duel = Duel::new(server, *size, false)?;
    // The limit has no notices of loss; its single sends are the same for both formats.
    let kinds = [*transport, if *transport == Kind::WsJson { Kind::Ws } else { *transport }];
    duel.subscribe(kinds, *subscribers)?;
    let ms = slice_ms(*subscribers);
    let burst = Command::Burst { ms, batch: *batch, pipeline: *pipeline };
    duel.run([&burst, &Command::Fanout { ms }], time)?;
    let settings = format!(
        "{} x {subscribers}, {size} bytes, {batch} to a request, {pipeline} requests ahead; limit: one send a delivery",
        transport.name()
    );
    let mut report = Report::new("burst", &settings, server);
    duel.report(&mut report, "delivery");
    duel.end(report)
}

/// Scenario `connect`.
pub(crate) fn connect(args: &ConnectArgs) -> Result<()> {
    /// Payloads do not matter here.
    const SIZE: usize = 100;
    let ConnectArgs { transport, control, time, server } = args;
    let mut duel = Duel::new(server, SIZE, *control)?;
    let command = Command::Storm { kind: *transport, ms: slice_ms(0) };
    duel.run([&command, &command], time)?;
    let note = control_note(*control);
    let settings = format!("{}, 64 under way, closed with a reset{note}", transport.name());
    let mut report = Report::new("connect", &settings, server);
    duel.report(&mut report, "connection");
    report.print(&[])
}

fn control_note(is_control: bool) -> &'static str {
    if is_control { ", control: the limit on both sides" } else { "" }
}
