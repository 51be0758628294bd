//! Latency under paced load, at shares of what can be delivered, beside the limit under the same load.

use clap::Args;

use super::capacity::{capacity, each_ns};
use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::Command;
use crate::client::pace::{Paced, quantiles};
use crate::client::tally::{Account, Latency};
use crate::kind::Kind;
use crate::lane::Lane;
use crate::report::plot::{Axis, Line, Lines, Scale};
use crate::report::{Cell, Report, Spread};

#[derive(Clone, Debug, Args)]
pub(crate) struct LatencyArgs {
    /// Transports, with commas between them
    #[arg(long, value_delimiter = ',', default_value = "ws,sse")]
    pub(crate) transport: Vec<Kind>,
    #[arg(long, default_value_t = 1000)]
    pub(crate) subscribers: usize,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    /// How much is published, in percent of what can be delivered
    #[arg(long, value_delimiter = ',', default_value = "50,80")]
    pub(crate) load: Vec<u32>,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

const NAMES: [&str; 2] = ["push", "limit"];

/// One transport under one load: each round, ours and then the limit.
#[derive(Debug)]
struct Setting {
    kind: Kind,
    percent: u32,
    each_ns: u64,
    rounds: Vec<[Paced; 2]>,
}

/// Scenario `latency`.
pub(crate) fn latency(args: &LatencyArgs) -> Result<()> {
    let LatencyArgs { transport, subscribers, size, time, server, .. } = args;
    let settings = format!(
        "{subscribers} subscribers, {size} bytes, {} rounds of {} s; published on schedule, latencies count from then",
        time.rounds, time.secs
    );
    let mut report = Report::new("latency", &settings, server);
    let mut accounts = [Account::default(); 2];
    let mut all: Vec<Setting> = Vec::new();
    for kind in transport {
        let mut lanes = [Lane::push(server, *size)?, Lane::limit(*size)?];
        for (lane, name) in lanes.iter_mut().zip(NAMES) {
            progress(&format!("opening {subscribers} {} connections to {name}", kind.name()));
            lane.client.subscribe(*kind, *subscribers)?;
        }
        let [ours, limit] = &mut lanes;
        let capacities = capacity([ours, limit], *subscribers)?;
        for (capacity, name) in capacities.iter().zip(NAMES) {
            report.spread(&format!("capacity, {name}, {}", kind.name()), capacity.clone(), "messages/s");
        }
        // The same load for both, so that both can carry it.
        let least = capacities[0].median.min(capacities[1].median);
        all.extend(under_load(args, *kind, least, &mut lanes)?);
        for (sum, lane) in accounts.iter_mut().zip(&mut lanes) {
            sum.add(&lane.settle()?);
        }
    }
    tell(&all, &mut report);
    for (account, name) in accounts.iter().zip(NAMES) {
        report.account(name, account);
    }
    report.print(&accounts)
}

/// All loads and both servers in turn, round by round.
fn under_load(args: &LatencyArgs, kind: Kind, per_sec: f64, lanes: &mut [Lane; 2]) -> Result<Vec<Setting>> {
    let new = |percent: &u32| {
        let each_ns = each_ns(per_sec, *percent)?;
        Ok(Setting { kind, percent: *percent, each_ns, rounds: Vec::new() })
    };
    let mut settings: Vec<Setting> = args.load.iter().map(new).collect::<Result<_>>()?;
    for round in 1..=args.time.rounds {
        for setting in &mut settings {
            let command = Command::Pace { ms: args.time.ms(), each_ns: setting.each_ns };
            // Who is first may be at an advantage: each is as often.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut both = [const { None }; 2];
            for side in order {
                both[side] = Some(lanes[side].client.ask::<Paced>(&command)?);
            }
            let [Some(ours), Some(limit)] = both else { return Err("a side was left out".into()) };
            let both = [ours, limit];
            let [a, b] = both.each_ref().map(|paced| paced.latency.p99 as f64 / 1e6);
            progress(&format!("round {round} of {}: {}: p99 {a:.2} and {b:.2} ms", args.time.rounds, setting.name()));
            setting.rounds.push(both);
        }
    }
    Ok(settings)
}

type Figure = (&'static str, fn(&Latency) -> u64);

const FIGURES: [Figure; 5] = [
    ("p50", |latency| latency.p50),
    ("p90", |latency| latency.p90),
    ("p99", |latency| latency.p99),
    ("p99.9", |latency| latency.p999),
    ("max", |latency| latency.max),
];

impl Setting {
    fn name(&self) -> String {
        format!("{} at {} %", self.kind.name(), self.percent)
    }

    fn spread(&self, figure: impl Fn(&[Paced; 2]) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }

    fn row(&self, side: usize) -> Vec<Cell> {
        let mut row: Vec<Cell> = vec![self.kind.name().into(), format!("{} %", self.percent).into()];
        row.push((1e9 / self.each_ns as f64).into());
        row.push(NAMES[side].into());
        for (_, of) in FIGURES {
            row.push(self.spread(|both| of(&both[side].latency) as f64 / 1e6).into());
        }
        row.push(self.spread(|both| both[side].late.p99 as f64 / 1e6).into());
        row
    }

    /// Ours over the limit's, in the same round.
    fn ratio(&self, of: fn(&Latency) -> u64) -> Spread {
        self.spread(|[ours, limit]| of(&ours.latency) as f64 / of(&limit.latency).max(1) as f64)
    }

    /// At each quantile the median over all rounds, in milliseconds.
    fn curve(&self, side: usize) -> Vec<(f64, f64)> {
        let at =
            |number: usize| self.spread(|both| both[side].curve.get(number).map_or(f64::NAN, |ns| *ns as f64 / 1e6));
        quantiles().enumerate().map(|(number, quantile)| (quantile, at(number).median)).collect()
    }
}

const HEADERS: [&str; 10] = [
    "transport",
    "load",
    "messages/s",
    "server",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "p99.9 ms",
    "max ms",
    "published late, p99 ms",
];

fn tell(all: &[Setting], report: &mut Report) {
    for setting in all {
        for (name, of) in FIGURES {
            let figure = format!("{name}, ours over the limit's, {}", setting.name());
            match name {
                "p50" | "p99" => report.spread(&figure, setting.ratio(of), ""),
                _ => report.keep(&figure, setting.ratio(of), ""),
            }
        }
    }
    let rows = all.iter().flat_map(|setting| [setting.row(0), setting.row(1)]).collect();
    report.table("latencies", &HEADERS, rows);
    let mut loads: Vec<u32> = all.iter().map(|setting| setting.percent).collect();
    loads.sort_unstable();
    loads.dedup();
    for (number, load) in loads.iter().enumerate() {
        let of_load = || all.iter().filter(|setting| setting.percent == *load);
        let line = |setting: &Setting, side: usize| Line {
            name: format!("{} {}", NAMES[side], setting.kind.name()),
            points: setting.curve(side),
        };
        report.plot(Lines {
            name: if number == 0 { String::new() } else { format!("{load}") },
            title: format!("Latency from when a message was due, at {load} % of capacity"),
            x: Axis::new("share of deliveries that took no longer", Scale::Percentile),
            y: Axis::new("latency in ms", Scale::Log),
            lines: of_load().flat_map(|setting| [line(setting, 0), line(setting, 1)]).collect(),
            mark: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::command::Slice;

    fn paced(p99: u64) -> Paced {
        let latency = Latency { p99, ..Latency::default() };
        Paced { slice: Slice::default(), latency, curve: vec![p99 / 2, p99], late: Latency::default() }
    }

    #[test]
    fn ratios_are_of_each_round_and_curves_of_the_median_one() {
        let rounds = [(3, 2), (8, 2), (2, 2)].map(|(a, b)| [paced(a * 1_000_000), paced(b * 1_000_000)]);
        let setting = Setting { kind: Kind::Ws, percent: 50, each_ns: 1, rounds: rounds.into() };
        assert_eq!(setting.ratio(|latency| latency.p99).rounds, [1.5, 4.0, 1.0]);
        let curve = setting.curve(0);
        assert_eq!((curve[0], curve[1].1), ((0.0, 1.5), 3.0));
        assert!(curve[2].1.is_nan(), "a point that no round has is no figure");
    }
}
