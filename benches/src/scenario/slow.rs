//! Subscribers that stop reading, and what the others feel.

use clap::Args;

use super::capacity::{capacity, each_ns};
use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::{Command, Load, Slowness};
use crate::client::tally::Latency;
use crate::kind::Kind;
use crate::lane::Lane;
use crate::report::plot::{Bar, Bars};
use crate::report::{Report, Spread};

#[derive(Clone, Debug, Args)]
pub(crate) struct SlowArgs {
    #[arg(long, default_value = "ws")]
    pub(crate) transport: Kind,
    #[arg(long, default_value_t = 1000)]
    pub(crate) subscribers: usize,
    /// How many of a hundred subscribers stop; at least one does
    #[arg(long, default_value_t = 1)]
    pub(crate) percent: usize,
    /// Bytes of a payload: enough for the sockets of those who stop to be full soon
    #[arg(long, default_value_t = 4096)]
    pub(crate) size: usize,
    /// How much is published, in percent of what the server can deliver
    #[arg(long, default_value_t = 50)]
    pub(crate) load: u32,
    /// Publish when all who read have the last messages, whatever the rate: latencies are those of queues then
    #[arg(long)]
    pub(crate) full_speed: bool,
    /// Messages of a request at full speed
    #[arg(long, default_value_t = 10)]
    pub(crate) batch: usize,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Messages that one who reads may be behind under paced load: what is on its way.
const AHEAD: usize = 4;

/// Scenario `slow`.
pub(crate) fn slow(args: &SlowArgs) -> Result<()> {
    let SlowArgs { transport, subscribers, percent, size, time, server, .. } = args;
    let stopped = (subscribers * percent / 100).max(1).min(*subscribers);
    let mut lane = Lane::push(server, *size)?;
    progress(&format!("opening {subscribers} connections"));
    lane.client.subscribe(*transport, *subscribers)?;
    let (load, told) = load(args, &mut lane)?;
    let mut rounds: Vec<Slowness> = Vec::new();
    for round in 1..=time.rounds {
        let slowness: Slowness = lane.client.ask(&Command::Slow { stopped, ms: time.ms(), load })?;
        progress(&format!(
            "round {round} of {}: p99 {:.2} ms, with slow ones {:.2} ms",
            time.rounds,
            slowness.before.p99 as f64 / 1e6,
            slowness.during.p99 as f64 / 1e6
        ));
        rounds.push(slowness);
    }
    let settings = format!(
        "{stopped} of {subscribers} {} subscribers stop for {} s, {size} bytes, {told}",
        transport.name(),
        time.secs
    );
    let mut report = Report::new("slow", &settings, server);
    tell(&rounds, &mut report);
    let account = lane.settle()?;
    report.account("push", &account);
    report.print(&[account])
}

/// What is published meanwhile, and how that is told.
fn load(args: &SlowArgs, lane: &mut Lane) -> Result<(Load, String)> {
    let SlowArgs { subscribers, load, full_speed, batch, .. } = args;
    if *full_speed {
        return Ok((Load::Full { batch: *batch }, format!("{batch} to a request at full speed")));
    }
    let [capacity] = capacity([lane], *subscribers)?;
    let each_ns = each_ns(capacity.median, *load)?;
    let told = format!("paced: {:.0} messages/s, {load} % of what it can deliver", 1e9 / each_ns as f64);
    Ok((Load::Paced { each_ns, ahead: AHEAD }, told))
}

fn tell(rounds: &[Slowness], report: &mut Report) {
    let spread = |figure: &dyn Fn(&Slowness) -> f64| Spread::of(rounds.iter().map(figure));
    let over = |of: fn(&Latency) -> u64| spread(&|round| of(&round.during) as f64 / of(&round.before).max(1) as f64);
    report.spread("others' p99 with slow ones over p99 without", over(|latency| latency.p99), "");
    report.spread("others' p50 with slow ones over p50 without", over(|latency| latency.p50), "");
    report.spread("others' max with slow ones over max without", over(|latency| latency.max), "");
    report.spread("deliveries while all read", spread(&|round| round.rate_before.per_sec()), "/s");
    report.spread("deliveries to the others while some do not", spread(&|round| round.rate_during.per_sec()), "/s");
    let mut groups = Vec::new();
    for (name, of) in FIGURES {
        let phases = PHASES.map(|(phase, latency)| (phase, spread(&|round| of(&latency(round)) as f64 / 1e6)));
        groups.push((name.to_owned(), phases.iter().map(|(_, figure)| Bar::from(figure)).collect()));
        for (phase, figure) in phases {
            report.spread(&format!("{name} of the others, {phase}"), figure, "ms");
        }
    }
    report.spread("backlog of the slowest when it goes on", spread(&|round| round.backlog as f64), "messages");
    report.spread("until all are level again", spread(&|round| round.catch_up_ns as f64 / 1e6), "ms");
    let level = rounds.iter().filter(|round| round.is_level).count();
    report.value("rounds in which they were level before publishing ended", level as f64, "");
    report.plot(Bars {
        title: "What the others feel of those who stop reading".to_owned(),
        label: "latency in ms".to_owned(),
        series: PHASES.map(|(phase, _)| phase.to_owned()).into(),
        groups,
        ..Bars::default()
    });
}

type Figure = (&'static str, fn(&Latency) -> u64);

const FIGURES: [Figure; 3] =
    [("p50", |latency| latency.p50), ("p99", |latency| latency.p99), ("max", |latency| latency.max)];

type Phase = (&'static str, fn(&Slowness) -> Latency);

const PHASES: [Phase; 3] = [
    ("all read", |round| round.before),
    ("some do not read", |round| round.during),
    ("some catch up", |round| round.after),
];
