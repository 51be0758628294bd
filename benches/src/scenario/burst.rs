//! Publishing faster than one send for each delivery could carry.

use clap::Args;

use super::duel::{Bouts, Duel, slice_ms};
use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::Command;
use crate::kind::Kind;
use crate::report::plot::{Bar, Bars};
use crate::report::{Cell, Report};

#[derive(Clone, Debug, Args)]
pub(crate) struct BurstArgs {
    #[arg(long, default_value = "ws")]
    pub(crate) transport: Kind,
    #[arg(long, default_value_t = 1000)]
    pub(crate) subscribers: usize,
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    /// Messages of a request; 1 are single POSTs
    #[arg(long, value_delimiter = ',', default_value = "50,1")]
    pub(crate) batch: Vec<usize>,
    /// Requests that may be unanswered
    #[arg(long, default_value_t = 1)]
    pub(crate) pipeline: usize,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Scenario `burst`: ours as fast as answers come, against the limit's closed loop of single sends.
pub(crate) fn burst(args: &BurstArgs) -> Result<()> {
    let BurstArgs { transport, subscribers, size, batch, pipeline, time, server } = args;
    let mut duel = Duel::new(server, *size, false)?;
    duel.subscribe(*transport, *subscribers)?;
    let ms = slice_ms(*subscribers);
    let mut bursts = Vec::new();
    for &batch in batch {
        progress(&format!("{}, {pipeline} requests ahead", name(batch)));
        let burst = Command::Burst { ms, batch, pipeline: *pipeline };
        bursts.push((batch, duel.run([&burst, &Command::Fanout { ms }], time)?));
    }
    let settings = format!(
        "{} x {subscribers}, {size} bytes, {pipeline} requests ahead; limit: one send a delivery, closed loop",
        transport.name()
    );
    let mut report = Report::new("burst", &settings, server);
    for (batch, bouts) in &bursts {
        let figure = format!("deliveries a second over the limit's one-send rate, {}", name(*batch));
        report.spread(&figure, bouts.rate_ratio(), "");
    }
    report.table("bursts", &HEADERS, bursts.iter().map(|(batch, bouts)| row(*batch, bouts)).collect());
    let groups = bursts.iter().map(|(batch, bouts)| (name(*batch), vec![Bar::from(&bouts.rate_ratio())]));
    report.plot(Bars {
        title: "Deliveries a second over those of one send each".to_owned(),
        label: "rate ratio; 1 is as fast as single sends can be".to_owned(),
        groups: groups.collect(),
        mark: Some(1.0),
        ..Bars::default()
    });
    duel.end(report)
}

const HEADERS: [&str; 6] = [
    "published",
    "deliveries/s, push",
    "deliveries/s, limit",
    "us of CPU a delivery, push",
    "us of CPU a delivery, limit",
    "CPU ratio limit / ours",
];

fn row(batch: usize, bouts: &Bouts) -> Vec<Cell> {
    let mut row: Vec<Cell> = vec![name(batch).into()];
    row.extend(bouts.per_sec().map(Cell::from));
    row.extend(bouts.us_each().map(Cell::from));
    row.push(bouts.cpu_ratio().into());
    row
}

fn name(batch: usize) -> String {
    if batch == 1 { "single POSTs".to_owned() } else { format!("batches of {batch}") }
}
