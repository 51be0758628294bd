//! Half of what the server can do, for long, while subscribers come and go and some do not read.

mod trend;
mod watch;

use clap::Args;

use self::trend::{LEAST_MINUTES, Trend, second_half, slope, trend};
use self::watch::{Look, Observer};
use super::memory::settled_rss;
use super::{progress, spread_over};
use crate::Result;
use crate::args::{ServerArgs, kind_names};
use crate::client::command::{Command, Done, Milled, Slice, Watch};
use crate::client::tally::Account;
use crate::clock::Guard;
use crate::kind::Kind;
use crate::lane::{CHANNEL, Client, Lane};
use crate::report::plot::{Axis, Line, Lines};
use crate::report::{Report, Spread};

/// How long, how many, and how many come and go.
#[derive(Clone, Debug, Args)]
pub(crate) struct SoakArgs {
    #[arg(long, default_value_t = 30.0)]
    pub(crate) minutes: f64,
    /// Kinds of subscribers that stay, evenly mixed
    #[arg(long, value_delimiter = ',', default_values = ["ws", "ws-json", "sse"])]
    pub(crate) kinds: Vec<Kind>,
    #[arg(long, default_value_t = 1000)]
    pub(crate) subscribers: usize,
    /// How many of a hundred of them do not read for half of the time between two looks
    #[arg(long, default_value_t = 1)]
    pub(crate) slow: usize,
    /// Connections of all kinds that come and go, at a time
    #[arg(long, default_value_t = 500)]
    pub(crate) passing: usize,
    /// How many of these leave each second, and come back or are followed by others
    #[arg(long, default_value_t = 200.0)]
    pub(crate) churn: f64,
    /// Seconds from one look at the server to the next
    #[arg(long, default_value_t = 10.0)]
    pub(crate) each: f64,
    /// Bytes of a payload: enough for the sockets of those who do not read to be full soon
    #[arg(long, default_value_t = 1024)]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Publications that the channel retains at most: it is to be full before memory is looked at.
const RETENTION: usize = 8192;

/// Messages of a request while it is filled.
const FILL_BATCH: usize = 50;

/// How long capacity is measured, in milliseconds.
const CAPACITY_MS: u64 = 2000;

/// Kinds that come and go.
const PASSING: [Kind; 7] = [Kind::Ws, Kind::WsJson, Kind::Sse, Kind::Stream, Kind::Poll, Kind::Silent, Kind::Keepalive];

/// Growth of memory that is left at the end and held to be none: a share of what there was, and these KiB.
const LEFT_SHARE: f64 = 0.05;
const LEFT_KIB: f64 = 1024.0;

/// Scenario `soak`.
pub(crate) fn soak(args: &SoakArgs) -> Result<()> {
    let mut args = args.clone();
    args.server.retention = args.server.retention.min(RETENTION);
    let mut soak = Soak::start(&args)?;
    let settings = format!(
        "{} min, {} subscribers ({}) of which {} % read half of the time, {} more of all kinds of which {} a second come and \
         go, {} bytes",
        args.minutes,
        args.subscribers,
        kind_names(&args.kinds),
        args.slow,
        args.passing,
        args.churn,
        args.size
    );
    let mut report = Report::new("soak", &settings, &args.server);
    soak.open()?;
    let capacity = soak.capacity(&mut report)?;
    soak.close()?;
    let begin = soak.settled()?;
    soak.open()?;
    soak.run(capacity / 2.0, &mut report)?;
    let accounts = soak.end()?;
    soak.close()?;
    let end = soak.settled()?;
    soak.describe(&begin, &end, &mut report);
    for (who, account) in ["those who stay", "those who come and go"].into_iter().zip(&accounts) {
        report.account(who, account);
    }
    report.print(&accounts)?;
    soak.judge(&begin, &end)
}

struct Soak<'a> {
    args: &'a SoakArgs,
    lane: Lane,
    passing: Client,
    observer: Observer,
    looks: Vec<Look>,
    /// Of each time between two looks.
    watches: Vec<Watch>,
    milled: Milled,
    last_seq: u64,
}

impl<'a> Soak<'a> {
    fn start(args: &'a SoakArgs) -> Result<Self> {
        let lane = Lane::push(&args.server, args.size)?;
        let mut passing = lane.second(CHANNEL, args.size)?;
        let Done {} = passing.ask(&Command::Remember)?;
        let Done {} = passing.ask(&Command::Follow)?;
        let observer = Observer::new(&lane)?;
        let (looks, watches, milled) = (Vec::new(), Vec::new(), Milled::default());
        Ok(Self { args, lane, passing, observer, looks, watches, milled, last_seq: 0 })
    }

    fn open(&mut self) -> Result<()> {
        let SoakArgs { kinds, subscribers, passing, .. } = self.args;
        progress(&format!("opening {subscribers} and {passing} connections"));
        // Those who will not read come first, some of each kind.
        for count in [self.stopped(), subscribers - self.stopped()] {
            for (kind, count) in spread_over(kinds, count) {
                let Done {} = self.lane.client.ask(&Command::Open { kind, count })?;
            }
        }
        let Done {} = self.lane.client.ask(&Command::Greet)?;
        for (kind, count) in spread_over(&PASSING, *passing) {
            let Done {} = self.passing.ask(&Command::Open { kind, count })?;
        }
        let Done {} = self.passing.ask(&Command::Calm)?;
        Ok(())
    }

    /// Subscribers that do not read for half of the time.
    fn stopped(&self) -> usize {
        (self.args.subscribers * self.args.slow).div_ceil(100)
    }

    /// Fills the history; then messages a second where each waits for the one before to be everywhere.
    fn capacity(&mut self, report: &mut Report) -> Result<f64> {
        progress("filling the history, then measuring capacity");
        let retention = self.args.server.retention;
        let count = FILL_BATCH.min(retention);
        for _ in 0..retention.div_ceil(count) {
            let Slice { .. } = self.lane.client.ask(&Command::Publish { count })?;
        }
        if self.args.minutes >= 2.0 * LEAST_MINUTES {
            self.fill_forms(count)?;
        }
        let ms = CAPACITY_MS.min((self.args.each * 1000.0) as u64);
        let slice: Slice = self.lane.client.ask(&Command::Fanout { ms })?;
        let capacity = slice.per_sec() / self.args.subscribers.max(1) as f64;
        report.value("capacity, one message after the other", capacity, "messages/s");
        report.value("capacity, deliveries to those who stay", slice.per_sec(), "/s");
        Ok(capacity)
    }

    /// Publishes until the cache of wire forms is full as well: what it grows by later is growth.
    fn fill_forms(&mut self, count: usize) -> Result<()> {
        const SAME: usize = 5;
        let (mut most, mut same) = (0, 0);
        while same < SAME {
            let Slice { .. } = self.lane.client.ask(&Command::Publish { count })?;
            let now = self.observer.form_bytes()?;
            same = if now > most { 0 } else { same + 1 };
            most = most.max(now);
        }
        Ok(())
    }

    fn run(&mut self, per_sec: f64, report: &mut Report) -> Result<()> {
        let SoakArgs { minutes, churn, each, .. } = self.args;
        let per_sec = per_sec.max(1.0);
        report.value("published, half of it", per_sec, "messages/s");
        let ms = (each * 1000.0) as u64;
        let stopped = self.stopped();
        let looks = ((minutes * 60.0 / each).ceil() as usize).max(1);
        for number in 0..looks {
            self.passing.tell(&Command::Mill { ms, per_sec: *churn })?;
            let watch: Watch = self.lane.client.ask(&Command::Steady { ms, per_sec, stopped })?;
            let Milled { resumed, replaced } = self.passing.answer()?;
            self.milled.resumed += resumed;
            self.milled.replaced += replaced;
            self.last_seq = watch.last_seq;
            self.watches.push(watch);
            let look = self.observer.look(&self.lane, (number + 1) as f64 * each / 60.0)?;
            progress(&format!(
                "{:.1} of {minutes} min: {:.0} KiB, {} descriptors, p99 {:.1} ms",
                look.minute,
                look.rss_kib,
                look.descriptors,
                watch.latency.p99 as f64 / 1e6
            ));
            self.looks.push(look);
        }
        Ok(())
    }

    /// Everybody is to have all of it: those who came last have a message more to wait for.
    fn end(&mut self) -> Result<[Account; 2]> {
        let Done {} = self.passing.ask(&Command::Calm)?;
        let staying = self.lane.settle()?;
        let Slice { .. } = self.lane.client.ask(&Command::Publish { count: 1 })?;
        let passing = self.passing.ask(&Command::Reach { seq: self.last_seq + 1 })?;
        let mut account = self.lane.settle()?;
        account.missing = account.missing.max(staying.missing);
        Ok([account, passing])
    }

    fn close(&mut self) -> Result<()> {
        let Done {} = self.lane.client.ask(&Command::Close)?;
        let Done {} = self.passing.ask(&Command::Close)?;
        Ok(())
    }

    /// The server when all have left and it has seen that.
    fn settled(&mut self) -> Result<Look> {
        let guard = Guard::new(60, "the server to see that all have left");
        while self.observer.connections()? > 0 {
            guard.check()?;
        }
        settled_rss(&self.lane)?;
        self.observer.look(&self.lane, 0.0)
    }

    fn rss(&self) -> Vec<(f64, f64)> {
        self.looks.iter().map(|look| (look.minute, look.rss_kib)).collect()
    }

    fn describe(&self, begin: &Look, end: &Look, report: &mut Report) {
        let Milled { resumed, replaced } = self.milled;
        report.value("came back with a cursor", resumed as f64, "");
        report.value("left and were followed by another", replaced as f64, "");
        let spread = |figure: fn(&Watch) -> f64| Spread::of(self.watches.iter().map(figure));
        report.spread("deliveries to those who stay", spread(|watch| watch.slice.per_sec()), "/s");
        report.spread("p50 of those who read all the time", spread(|watch| watch.latency.p50 as f64 / 1e6), "ms");
        report.spread("p99 of those who read all the time", spread(|watch| watch.latency.p99 as f64 / 1e6), "ms");
        report.spread("messages that the slow were behind", spread(|watch| watch.backlog as f64), "");
        let rss = self.rss();
        report.value("RSS before, history full, nobody there", begin.rss_kib, "KiB");
        report.spread("RSS under load", Spread::of(rss.iter().map(|(_, kib)| *kib)), "KiB");
        report.value("RSS after all have left", end.rss_kib, "KiB");
        report.value("slope of RSS over the second half", slope(second_half(&rss)), "KiB/min");
        report.value("descriptors before", begin.descriptors as f64, "");
        report.value("descriptors after", end.descriptors as f64, "");
        let verdict = [
            ("memory under load", trend(&rss).name()),
            ("memory after all have left", if is_back(begin, end) { "back" } else { "**not back**" }),
            ("descriptors", if end.descriptors == begin.descriptors { "back" } else { "**not back**" }),
        ];
        let rows = verdict.map(|(what, verdict)| vec![what.into(), verdict.into()]);
        report.table("verdict", &["what", "verdict"], rows.into());
        report.table("looks", &Look::HEADERS, self.looks.iter().map(Look::cells).collect());
        report.plot(Lines {
            name: "memory".to_owned(),
            title: "soak: resident memory of the server".to_owned(),
            x: Axis { label: "minutes".to_owned(), ..Axis::default() },
            y: Axis { label: "KiB".to_owned(), ..Axis::default() },
            lines: vec![Line { name: "RSS".to_owned(), points: rss }],
            mark: Some(begin.rss_kib),
        });
    }

    /// Fails where something was left behind, or memory grows.
    fn judge(&self, begin: &Look, end: &Look) -> Result<()> {
        if end.descriptors != begin.descriptors {
            return Err(format!("{} descriptors after {}", end.descriptors, begin.descriptors).into());
        }
        if trend(&self.rss()) == Trend::Growing {
            return Err("memory grows".into());
        }
        if !is_back(begin, end) {
            return Err(format!("{:.0} KiB are left of {:.0}", end.rss_kib, begin.rss_kib).into());
        }
        Ok(())
    }
}

fn is_back(begin: &Look, end: &Look) -> bool {
    end.rss_kib <= begin.rss_kib * (1.0 + LEFT_SHARE) + LEFT_KIB
}
