//! What connections hold, and whether it is given back.

use std::thread::sleep;
use std::time::Duration;

use super::progress;
use crate::Result;
use crate::args::{ChurnArgs, IdleArgs, IdleKind};
use crate::client::command::{Command, Done};
use crate::kind::Kind;
use crate::lane::Lane;
use crate::report::Report;

/// Payloads do not matter here.
const SIZE: usize = 100;

/// Between two looks at memory that is to settle.
const LOOK_EACH: Duration = Duration::from_millis(100);

/// Looks without a change after which memory has settled, and most looks.
const SAME: usize = 10;
const LOOKS: usize = 100;

/// Connections between two looks at a churn's memory.
const SAMPLE: usize = 20_000;

/// Resident memory once it stays the same.
pub(super) fn settled_rss(lane: &Lane) -> Result<u64> {
    let (mut last, mut same) = (lane.rss_bytes()?, 0);
    for _ in 0..LOOKS {
        sleep(LOOK_EACH);
        let now = lane.rss_bytes()?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same == SAME {
            break;
        }
    }
    Ok(last)
}

/// Scenario `idle`.
pub(crate) fn idle(args: &IdleArgs) -> Result<()> {
    let IdleArgs { kind, connections, cycles, secs, at_most, server } = args;
    let kind = match kind {
        IdleKind::Of(kind) => kind,
        IdleKind::Parked(speech) => return super::parked::idle(args, *speech),
    };
    let mut lane = Lane::push(server, SIZE)?;
    // What the first connections of a process load and allocate is not theirs.
    warm_up(&mut lane, *kind)?;
    let begin = settled_rss(&lane)?;
    let settings = format!("{} x {connections}, heartbeat {} s", kind.name(), server.heartbeat);
    let mut report = Report::new("idle", &settings, server);
    report.value("RSS before", begin as f64 / 1024.0, "KiB");
    let mut most: f64 = 0.0;
    for cycle in 1..=*cycles {
        let name = |what: &str| if *cycles == 1 { what.to_owned() } else { format!("{what}, cycle {cycle}") };
        progress(&format!("cycle {cycle} of {cycles}: opening {connections} {} connections", kind.name()));
        let before = lane.cpu_ns()?;
        let Done {} = lane.client.ask(&Command::Open { kind: *kind, count: *connections })?;
        let rss = settled_rss(&lane)?;
        let opening = lane.cpu_ns()?;
        let Done {} = lane.client.ask(&Command::Rest { ms: (secs * 1000.0) as u64 })?;
        let share = (lane.cpu_ns()? - opening) as f64 / (secs * 1e9);
        report.value(&name("RSS open"), rss as f64 / 1024.0, "KiB");
        let each = (rss as f64 - begin as f64) / *connections as f64;
        report.value(&name("RSS a connection"), each, "B");
        most = most.max(each);
        let connect = (opening - before) as f64 / 1000.0 / *connections as f64;
        report.value(&name("server CPU a connection opened"), connect, "us");
        report.value(&name("server CPU while idle"), share * 100.0, "% of a core");
        let rss = settled_rss(&lane)?;
        report.value(&name("RSS after idling"), rss as f64 / 1024.0, "KiB");
        let account = lane.settle()?;
        if !account.is_clean() {
            return Err(format!("connections were to be left alone: {account:?}").into());
        }
        let Done {} = lane.client.ask(&Command::Close)?;
        let rss = settled_rss(&lane)?;
        report.value(&name("RSS closed"), rss as f64 / 1024.0, "KiB");
    }
    report.print(&[])?;
    match at_most {
        Some(at_most) if most > *at_most => Err(format!("{most:.0} bytes a connection, more than {at_most}").into()),
        _ => Ok(()),
    }
}

/// Opens some connections and closes them again.
pub(super) fn warm_up(lane: &mut Lane, kind: Kind) -> Result<()> {
    const COUNT: usize = 64;
    let Done {} = lane.client.ask(&Command::Open { kind, count: COUNT })?;
    let Done {} = lane.client.ask(&Command::Close)?;
    Ok(())
}

/// Scenario `churn`.
pub(crate) fn churn(args: &ChurnArgs) -> Result<()> {
    let ChurnArgs { total, held, server } = args;
    let mut lane = Lane::push(server, SIZE)?;
    let mut report = Report::new("churn", &format!("{total} connections of all kinds, {held} at a time"), server);
    let mut begin = settled_rss(&lane)?;
    report.value("RSS at start", begin as f64 / 1024.0, "KiB");
    let Done {} = lane.client.ask(&Command::Churn { count: *held, held: *held })?;
    begin = begin.max(settled_rss(&lane)?);
    report.value(&format!("RSS with the first {held}"), begin as f64 / 1024.0, "KiB");
    let mut done = *held;
    while done < *total {
        let count = (SAMPLE - done % SAMPLE).min(total - done);
        let Done {} = lane.client.ask(&Command::Churn { count, held: *held })?;
        done += count;
        let rss = settled_rss(&lane)? as f64 / 1024.0;
        progress(&format!("{done} of {total} connections: {rss:.0} KiB"));
        report.value(&format!("RSS after {done}"), rss, "KiB");
    }
    let Done {} = lane.client.ask(&Command::Close)?;
    report.value("RSS closed", settled_rss(&lane)? as f64 / 1024.0, "KiB");
    report.print(&[])
}
