//! Two servers that work in turn, round by round: what slows the machine down slows both.

use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::{Command, Done};
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
}

impl Duel {
    pub(super) fn new(server: &ServerArgs, size: usize, is_control: bool) -> Result<Self> {
        let (ours, name) =
            if is_control { (Lane::limit(size)?, "limit again") } else { (Lane::push(server, size)?, "push") };
        Ok(Self::between([ours, Lane::limit(size)?], [name, "limit"]))
    }

    pub(super) fn between(lanes: [Lane; 2], names: [&'static str; 2]) -> Self {
        Self { lanes, names }
    }

    /// Opens `count` subscribers to each.
    pub(super) fn subscribe(&mut self, kind: Kind, count: usize) -> Result<()> {
        // The limit has no notices of loss; its single sends are the same for both formats.
        self.subscribe_each([kind, if kind == Kind::WsJson { Kind::Ws } else { kind }], count)
    }

    /// The same where they speak differently.
    pub(super) fn subscribe_each(&mut self, kinds: [Kind; 2], count: usize) -> Result<()> {
        for ((lane, name), kind) in self.lanes.iter_mut().zip(self.names).zip(kinds) {
            progress(&format!("opening {count} {} connections to {name}", kind.name()));
            lane.client.subscribe(kind, count)?;
        }
        Ok(())
    }

    /// Has both clients do as `command` says.
    pub(super) fn prepare(&mut self, what: &str, command: &Command) -> Result<()> {
        for (lane, name) in self.lanes.iter_mut().zip(self.names) {
            progress(&format!("{what} to {name}"));
            let Done {} = lane.client.ask(command)?;
        }
        Ok(())
    }

    /// One round to warm up, and then those that count.
    pub(super) fn run(&mut self, commands: [&Command; 2], time: &TimeArgs) -> Result<Bouts> {
        let mut bouts = Vec::new();
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
                bouts.push(efforts);
            }
        }
        Ok(Bouts { names: self.names, bouts })
    }

    /// Checks every delivery to both sides.
    pub(super) fn settle(&mut self) -> Result<[Account; 2]> {
        let [ours, limit] = &mut self.lanes;
        Ok([ours.settle()?, limit.settle()?])
    }

    /// Checks every delivery, then prints.
    pub(super) fn end(mut self, mut report: Report) -> Result<()> {
        let accounts = self.settle()?;
        for (account, name) in accounts.iter().zip(self.names) {
            report.account(name, account);
        }
        report.print(&accounts)
    }
}

/// The rounds of a duel.
#[derive(Clone, Debug)]
pub(super) struct Bouts {
    names: [&'static str; 2],
    bouts: Vec<[Effort; 2]>,
}

impl Bouts {
    fn spread(&self, figure: impl Fn(&[Effort; 2]) -> f64) -> Spread {
        Spread::of(self.bouts.iter().map(figure))
    }

    /// The limit's CPU for each delivery over ours: 1 is all that the kernel can do.
    pub(super) fn cpu_ratio(&self) -> Spread {
        self.spread(|[ours, limit]| limit.us_each() / ours.us_each())
    }

    /// Our deliveries a second over the limit's.
    pub(super) fn rate_ratio(&self) -> Spread {
        self.spread(|[ours, limit]| ours.slice.per_sec() / limit.slice.per_sec())
    }

    /// CPU for each delivery in microseconds, ours and the limit's.
    pub(super) fn us_each(&self) -> [Spread; 2] {
        [0, 1].map(|side| self.spread(|bout| bout[side].us_each()))
    }

    /// Deliveries a second, ours and the limit's.
    pub(super) fn per_sec(&self) -> [Spread; 2] {
        [0, 1].map(|side| self.spread(|bout| bout[side].slice.per_sec()))
    }

    /// All of it, where `what` was counted.
    pub(super) fn report(&self, report: &mut Report, what: &str) {
        report.spread("CPU ratio limit / ours", self.cpu_ratio(), "");
        report.spread("rate ratio ours / limit", self.rate_ratio(), "");
        for ((us, per_sec), name) in self.us_each().into_iter().zip(self.per_sec()).zip(self.names) {
            report.spread(&format!("server CPU a {what}, {name}"), us, "us");
            report.spread(&format!("rate, {name}"), per_sec, "/s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::command::Slice;

    #[test]
    fn ratios_are_of_each_round_and_ours_is_better_above_one() {
        let effort = |count, ns, cpu_ns| Effort { slice: Slice { count, ns }, cpu_ns };
        let second = 1_000_000_000;
        let bouts = vec![
            [effort(100, second, 200_000), effort(200, second, 200_000)],
            [effort(100, second, 100_000), effort(100, second, 100_000)],
            [effort(400, second, 100_000), effort(100, second, 100_000)],
        ];
        let bouts = Bouts { names: ["push", "limit"], bouts };
        assert_eq!(bouts.cpu_ratio().rounds, [0.5, 1.0, 4.0]);
        assert_eq!(bouts.rate_ratio().rounds, [0.5, 1.0, 4.0]);
        assert_eq!(bouts.us_each().map(|us| us.median), [1.0, 1.0]);
        assert_eq!(bouts.per_sec().map(|rate| rate.max), [400.0, 200.0]);
    }
}
