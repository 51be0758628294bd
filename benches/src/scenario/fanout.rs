//! One channel: what one more delivery costs, for transports, subscribers and sizes, beside the limit against itself.

use clap::Args;

use super::duel::{Bouts, Duel, slice_ms};
use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::Command;
use crate::client::tally::Account;
use crate::kind::Kind;
use crate::report::plot::{Axis, Bar, Bars, Line, Lines, Scale};
use crate::report::{Cell, Report, Spread};

#[derive(Clone, Debug, Args)]
pub(crate) struct FanoutArgs {
    /// Transports, with commas between them
    #[arg(long, value_delimiter = ',', default_value = "ws,sse")]
    pub(crate) transport: Vec<Kind>,
    /// Counts of subscribers
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    pub(crate) subscribers: Vec<usize>,
    /// Bytes of a payload
    #[arg(long, value_delimiter = ',', default_value = "100,1024,16384")]
    pub(crate) size: Vec<usize>,
    /// Take only the limit for both sides, to see what differences are noise
    #[arg(long)]
    pub(crate) control: bool,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// One setting and what it came to.
#[derive(Debug)]
struct Cross {
    kind: Kind,
    subscribers: usize,
    size: usize,
    /// Nothing where only controls are taken.
    bouts: Option<Bouts>,
    /// The limit by itself, with the first size.
    control: Spread,
}

/// Scenario `fanout`.
pub(crate) fn fanout(args: &FanoutArgs) -> Result<()> {
    let FanoutArgs { transport, subscribers, size, control, time, server } = args;
    let mut accounts = [Account::default(); 2];
    let mut crosses = Vec::new();
    let total = transport.len() * subscribers.len() * size.len();
    for (kind, count) in transport.iter().flat_map(|kind| subscribers.iter().map(move |count| (*kind, *count))) {
        let first = *size.first().ok_or("no size")?;
        progress(&format!("control: {} x {count}, {first} bytes", kind.name()));
        let [_, limit] = &mut accounts;
        let (bouts, checked) = closed_loop(args, (kind, count), first, true)?;
        checked.iter().for_each(|account| limit.add(account));
        let ratio = bouts.cpu_ratio();
        for &size in size {
            let mut cross = Cross { kind, subscribers: count, size, bouts: None, control: ratio.clone() };
            if !control {
                progress(&format!("{} of {total}: {}", crosses.len() + 1, cross.name()));
                let (bouts, checked) = closed_loop(args, (kind, count), size, false)?;
                accounts.iter_mut().zip(checked).for_each(|(sum, account)| sum.add(&account));
                cross.bouts = Some(bouts);
            }
            crosses.push(cross);
            if *control {
                break;
            }
        }
    }
    let settings = format!("closed loop, {} rounds of {} s each side", time.rounds, time.secs);
    let mut report = Report::new("fanout", &settings, server);
    tell(&crosses, &mut report);
    for (name, account) in ["push", "limit"].into_iter().zip(&accounts).skip(usize::from(*control)) {
        report.account(name, account);
    }
    report.print(&accounts)
}

fn closed_loop(
    args: &FanoutArgs,
    (kind, count): (Kind, usize),
    size: usize,
    is_control: bool,
) -> Result<(Bouts, [Account; 2])> {
    let mut duel = Duel::new(&args.server, size, is_control)?;
    duel.subscribe(kind, count)?;
    let command = Command::Fanout { ms: slice_ms(count) };
    let bouts = duel.run([&command, &command], &args.time)?;
    Ok((bouts, duel.settle()?))
}

impl Cross {
    fn name(&self) -> String {
        format!("{} x {}, {} bytes", self.kind.name(), self.subscribers, self.size)
    }

    /// The CPU ratio by that of the limit to itself: what is noise of the method is in both.
    fn over_control(&self) -> Option<Spread> {
        let control = self.control.median;
        self.bouts.as_ref().map(|bouts| bouts.cpu_ratio().map(|ratio| ratio / control))
    }

    fn row(&self) -> Vec<Cell> {
        let mut row: Vec<Cell> = vec![self.kind.name().into(), self.subscribers.into(), self.size.into()];
        let none = || Cell::from("-");
        let spread = |spread: Option<Spread>| spread.map_or_else(none, Cell::from);
        row.push(spread(self.bouts.as_ref().map(Bouts::cpu_ratio)));
        row.push(self.control.clone().into());
        row.push(spread(self.over_control()));
        row.push(spread(self.bouts.as_ref().map(Bouts::rate_ratio)));
        match self.bouts.as_ref().map(Bouts::us_each) {
            Some(us_each) => row.extend(us_each.map(Cell::from)),
            None => row.extend([none(), none()]),
        }
        row
    }
}

const HEADERS: [&str; 9] = [
    "transport",
    "subscribers",
    "bytes",
    "CPU ratio limit / ours",
    "control: limit / limit again",
    "ratio over control",
    "rate ratio ours / limit",
    "us a delivery, push",
    "us a delivery, limit",
];

fn tell(crosses: &[Cross], report: &mut Report) {
    report.table("a delivery's cost", &HEADERS, crosses.iter().map(Cross::row).collect());
    for cross in crosses {
        report.keep(&format!("control, {}", cross.name()), cross.control.clone(), "");
        if let (Some(bouts), Some(ratio)) = (&cross.bouts, cross.over_control()) {
            report.keep(&format!("CPU ratio, {}", cross.name()), bouts.cpu_ratio(), "");
            report.keep(&format!("CPU ratio over control, {}", cross.name()), ratio, "");
        }
    }
    let bars = |cross: &Cross| {
        let ours = cross.bouts.iter().map(|bouts| Bar::from(&bouts.cpu_ratio()));
        (cross.name(), ours.chain([Bar::from(&cross.control)]).collect())
    };
    let is_control = crosses.iter().all(|cross| cross.bouts.is_none());
    let series: &[&str] = if is_control { &["limit against itself"] } else { &["push", "limit against itself"] };
    report.plot(Bars {
        title: "Server CPU of a delivery: that of bare send(2), over ours".to_owned(),
        label: "CPU ratio; 1 is all that the kernel can do".to_owned(),
        series: series.iter().map(|name| (*name).to_owned()).collect(),
        groups: crosses.iter().map(bars).collect(),
        mark: Some(1.0),
        ..Bars::default()
    });
    let lines = costs(crosses);
    if lines.iter().any(|line| line.points.len() > 1) {
        report.plot(Lines {
            name: "cost".to_owned(),
            title: "Server CPU of a delivery".to_owned(),
            x: Axis::new("subscribers", Scale::Log),
            y: Axis::new("us of CPU a delivery", Scale::Linear),
            lines,
            mark: None,
        });
    }
}

/// How a delivery's cost goes with the count of subscribers: of the first size, ours and the limit's, for each transport.
fn costs(crosses: &[Cross]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let first = crosses.first().map(|cross| cross.size);
    for cross in crosses.iter().filter(|cross| Some(cross.size) == first) {
        let Some(us_each) = cross.bouts.as_ref().map(Bouts::us_each) else { continue };
        for (name, us) in ["push", "limit"].into_iter().zip(us_each) {
            let name = format!("{name} {}, {} bytes", cross.kind.name(), cross.size);
            let point = (cross.subscribers as f64, us.median);
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(point),
                None => lines.push(Line { name, points: vec![point] }),
            }
        }
    }
    lines
}
