//! A quiet channel beside a busy one.

use super::progress;
use crate::Result;
use crate::args::QuietArgs;
use crate::client::command::{Command, Slice};
use crate::client::tally::{Account, Latency};
use crate::kind::Kind;
use crate::lane::{Client, Lane};
use crate::report::Report;

/// Between two pings of the quiet channel, in milliseconds.
const EACH_MS: u64 = 20;

/// Scenario `quiet`.
pub(crate) fn quiet(args: &QuietArgs) -> Result<()> {
    let QuietArgs { transport, subscribers, rate, size, time, server } = args;
    let settings = format!(
        "a {} channel pinged every {EACH_MS} ms, beside {subscribers} subscribers x {rate}/s",
        transport.name()
    );
    let mut report = Report::new("quiet", &settings, server);
    let mut accounts = Vec::new();
    for (name, lane) in [("push", Lane::push(server, *size)?), ("limit", Lane::limit(*size)?)] {
        let mut side = Side::new(name, lane, args)?;
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for round in 1..=time.rounds {
            alone.push(side.probe.ask(&Command::Probe { ms: time.ms(), each_ms: EACH_MS })?);
            beside.push(side.beside(time.ms(), *rate)?);
            progress(&format!("{name}: round {round} of {}", time.rounds));
        }
        report.latencies(&format!("{name} alone"), &alone);
        report.latencies(&format!("{name} beside the fan-out"), &beside);
        let account = side.settle()?;
        report.account(name, &account);
        accounts.push(account);
    }
    report.print(&accounts)
}

struct Side {
    lane: Lane,
    probe: Client,
}

impl Side {
    fn new(name: &str, mut lane: Lane, args: &QuietArgs) -> Result<Self> {
        let QuietArgs { transport, subscribers, size, .. } = args;
        progress(&format!("opening {subscribers} connections to {name}"));
        lane.client.subscribe(*transport, *subscribers)?;
        let mut probe = lane.probe("quiet", *size)?;
        probe.subscribe(Kind::Ws, 1)?;
        Ok(Self { lane, probe })
    }

    fn beside(&mut self, ms: u64, per_sec: u64) -> Result<Latency> {
        self.lane.client.tell(&Command::Paced { ms, per_sec })?;
        self.probe.tell(&Command::Probe { ms, each_ms: EACH_MS })?;
        let latency = self.probe.answer()?;
        let Slice { .. } = self.lane.client.answer()?;
        Ok(latency)
    }

    fn settle(&mut self) -> Result<Account> {
        let mut account = self.lane.settle()?;
        account.add(&self.probe.ask(&Command::Settle)?);
        Ok(account)
    }
}
