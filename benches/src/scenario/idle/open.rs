//! Connections of a transport that do nothing: what one takes.

use super::{Found, IdleArgs};
use crate::Result;
use crate::args::ServerArgs;
use crate::client::command::{Command, Done};
use crate::device::Control;
use crate::kind::Kind;
use crate::lane::Lane;
use crate::report::Report;
use crate::scenario::memory::settled_rss;
use crate::scenario::progress;
use crate::system::Kernel;

/// Payloads do not matter here.
const SIZE: usize = 100;

/// Opens as many as asked for, lets them be, and closes them, as many times as asked for.
pub(super) fn measure(args: &IdleArgs, kind: Kind, server: &ServerArgs, report: &mut Report) -> Result<Found> {
    let IdleArgs { connections, cycles, secs, .. } = args;
    let mut lane = Lane::push(server, SIZE)?;
    // What the first connections of a process load and allocate is not theirs.
    warm_up(&mut lane, kind)?;
    let mut control = Control::new(lane.target()?)?;
    let (heap_begin, begin) = (control.heap_bytes()?, settled_rss(&lane)?);
    report.value("RSS before", begin as f64 / 1024.0, "KiB");
    let each = |now: u64, then: u64| (now as f64 - then as f64) / *connections as f64;
    let mut found = Found::default();
    for cycle in 1..=*cycles {
        let name = |what: &str| if *cycles == 1 { what.to_owned() } else { format!("{what}, cycle {cycle}") };
        progress(&format!("cycle {cycle} of {cycles}: opening {connections} {} connections", kind.name()));
        let (before, kernel) = (lane.cpu_ns()?, Kernel::read()?);
        let Done {} = lane.client.ask(&Command::Open { kind, count: *connections })?;
        let rss = settled_rss(&lane)?;
        found.kernel = each(Kernel::read()?.slab, kernel.slab);
        let heap = control.heap_bytes()?;
        let opening = lane.cpu_ns()?;
        let Done {} = lane.client.ask(&Command::Rest { ms: (secs * 1000.0) as u64 })?;
        found.share = (lane.cpu_ns()? - opening) as f64 / (secs * 1e9) * 100.0;
        report.value(&name("RSS open"), rss as f64 / 1024.0, "KiB");
        report.value(&name("RSS a connection"), each(rss, begin), "B");
        found.rss = found.rss.max(each(rss, begin));
        if heap_begin > 0 {
            found.heap = Some(each(heap, heap_begin));
            report.value(&name("allocated for a connection"), each(heap, heap_begin), "B");
        }
        found.cpu_us = (opening - before) as f64 / 1000.0 / *connections as f64;
        report.value(&name("kernel memory of a connection, both ends, slab"), found.kernel, "B");
        report.value(&name("server CPU a connection opened"), found.cpu_us, "us");
        report.value(&name("server CPU while idle"), found.share, "% of a core");
        let rss = settled_rss(&lane)?;
        report.value(&name("RSS after idling"), rss as f64 / 1024.0, "KiB");
        let account = lane.settle()?;
        if !account.is_clean() {
            return Err(format!("connections were to be left alone: {account:?}").into());
        }
        let Done {} = lane.client.ask(&Command::Close)?;
        let rss = settled_rss(&lane)?;
        found.left = each(rss, begin);
        report.value(&name("RSS closed"), rss as f64 / 1024.0, "KiB");
    }
    Ok(found)
}

/// Opens some connections and closes them again.
pub(in crate::scenario) fn warm_up(lane: &mut Lane, kind: Kind) -> Result<()> {
    const COUNT: usize = 64;
    let Done {} = lane.client.ask(&Command::Open { kind, count: COUNT })?;
    let Done {} = lane.client.ask(&Command::Close)?;
    Ok(())
}
