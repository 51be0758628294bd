//! Many are cut off, and all come back at once.

use clap::Args;

use super::{progress, spread_over};
use crate::Result;
use crate::args::{ServerArgs, kind_names};
use crate::client::command::{Comeback, Command, Done, Return};
use crate::kind::Kind;
use crate::lane::Lane;
use crate::report::{Report, Spread};

/// What is cut off, how often, and what is published meanwhile.
#[derive(Clone, Debug, Args)]
pub(crate) struct StormArgs {
    /// Kinds of subscribers, evenly mixed; they are told cursors. Each message is a whole request to `poll`
    #[arg(long, value_delimiter = ',', default_values = ["ws-json", "sse", "stream"])]
    pub(crate) kinds: Vec<Kind>,
    #[arg(long, default_value_t = 15_000)]
    pub(crate) subscribers: usize,
    /// How many of a hundred are cut off, others in each round
    #[arg(long, default_value_t = 20)]
    pub(crate) percent: usize,
    /// How long they stay away, in milliseconds
    #[arg(long, default_value_t = 0)]
    pub(crate) away: u64,
    /// Requests to publish, each second, from before they are cut off until all have caught up
    #[arg(long, default_value_t = 4.0)]
    pub(crate) rate: f64,
    /// Messages of a request
    #[arg(long, default_value_t = 5)]
    pub(crate) batch: usize,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    /// Rounds; figures are their median
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// How long publishing goes on before the cut, in seconds
    #[arg(long, default_value_t = 1.0)]
    pub(crate) secs: f64,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Scenario `storm`.
pub(crate) fn storm(args: &StormArgs) -> Result<()> {
    let StormArgs { kinds, subscribers, percent, away, rate, batch, size, rounds, secs, server } = args;
    if let Some(kind) = kinds.iter().find(|kind| !kind.can_resume()) {
        return Err(format!("{} is told no cursors: it cannot come back", kind.name()).into());
    }
    let mut lane = Lane::push(server, *size)?;
    let Done {} = lane.client.ask(&Command::Remember)?;
    for (kind, count) in spread_over(kinds, *subscribers) {
        progress(&format!("opening {count} {} connections", kind.name()));
        let Done {} = lane.client.ask(&Command::Open { kind, count })?;
    }
    let Done {} = lane.client.ask(&Command::Greet)?;
    let mut seen: Vec<(Return, u64)> = Vec::new();
    for round in 0..*rounds {
        let before_ms = (secs * 1000.0) as u64;
        let order = Comeback { percent: *percent, round, before_ms, away_ms: *away, per_sec: *rate, batch: *batch };
        let before = lane.cpu_ns()?;
        let back: Return = lane.client.ask(&Command::Comeback(order))?;
        seen.push((back, lane.cpu_ns()? - before));
        progress(&format!(
            "round {} of {rounds}: {} back and level after {:.0} ms",
            round + 1,
            back.gone,
            back.level_ns as f64 / 1e6
        ));
    }
    let settings = format!(
        "{percent} % of {subscribers} ({}) reset at once and back with their cursors after {away} ms, {rate} requests/s of \
         {batch} messages of {size} bytes",
        kind_names(kinds)
    );
    let mut report = Report::new("storm", &settings, server);
    describe(&mut report, &seen);
    let account = lane.settle()?;
    report.account("all subscribers, those who came back from where they were", &account);
    report.print(&[account])
}

fn describe(report: &mut Report, seen: &[(Return, u64)]) {
    let spread = |figure: fn(&Return) -> f64| Spread::of(seen.iter().map(|(back, _)| figure(back)));
    report.spread("subscribers cut off", spread(|back| back.gone as f64), "");
    report.spread("from the first cut to the last", spread(|back| back.cut_ns as f64 / 1e6), "ms");
    report.spread("until the last has asked to go on", spread(|back| back.asked_ns as f64 / 1e6), "ms");
    report.spread("until the last is answered", spread(|back| back.answered_ns as f64 / 1e6), "ms");
    report.spread("until all have caught up", spread(|back| back.level_ns as f64 / 1e6), "ms");
    report.spread(
        "messages missed and sent on return, a subscriber",
        spread(|back| back.missed as f64 / back.gone.max(1) as f64),
        "",
    );
    report.spread("requests to publish meanwhile", spread(|back| back.published as f64), "");
    let cpu = Spread::of(seen.iter().map(|(_, cpu_ns)| *cpu_ns as f64 / 1e6));
    report.spread("server CPU a round, publishing before and after included", cpu, "ms");
}
