//! Pings of Direct Push that are parked: what one takes, and what nothing to do costs.

use super::{Found, IdleArgs};
use crate::Result;
use crate::args::ServerArgs;
use crate::clock::MS;
use crate::device::{Control, Devices, Speech};
use crate::lane::Lane;
use crate::mailbox::account;
use crate::report::Report;
use crate::scenario::memory::settled_rss;
use crate::scenario::{progress, with_mail};
use crate::system::Kernel;

/// Devices that are there before memory is looked at: what the first of a process load and allocate is not the others'.
const WARM_UP: usize = 64;

/// Kinds `ping` and `eas`.
pub(super) fn measure(args: &IdleArgs, speech: Speech, server: &ServerArgs, report: &mut Report) -> Result<Found> {
    let IdleArgs { connections: pings, cycles, secs, .. } = args;
    let (_dir, server, lane) = with_mail(server)?;
    let (mailboxes, folders) = (server.mail.mailboxes, server.mail.folders);
    let mut control = Control::new(lane.target()?)?;
    let mut devices = Devices::new(control.target()?, speech)?;
    progress("devices get to know their mailboxes");
    let mut add = |devices: &mut Devices, count: usize| -> Result<()> {
        let first = devices.len();
        (first..first + count).for_each(|number| devices.add(account(number % mailboxes), folders));
        devices.prepare(first)?;
        devices.park(first, &mut control)?;
        devices.close()
    };
    add(&mut devices, WARM_UP)?;
    let (nobody, heap_nobody) = (settled_rss(&lane)?, control.heap_bytes()?);
    report.value("RSS with the mailboxes", nobody as f64 / 1024.0, "KiB");
    share_of_a_core(&lane, &mut devices, *secs, report, "while nobody waits")?;
    let first = devices.len();
    (first..first + pings).for_each(|number| devices.add(account(number % mailboxes), folders));
    devices.prepare(first)?;
    let (begin, heap_begin) = (settled_rss(&lane)?, control.heap_bytes()?);
    report.value("RSS with the devices known", begin as f64 / 1024.0, "KiB");
    report.value("RSS a known device", (begin as f64 - nobody as f64) / *pings as f64, "B");
    if heap_begin > 0 {
        report.value("allocated with the mailboxes", heap_nobody as f64 / 1024.0, "KiB");
        report.value("allocated for a known device", (heap_begin as f64 - heap_nobody as f64) / *pings as f64, "B");
    }
    let mut found = Found::default();
    for cycle in 1..=*cycles {
        let name = |what: &str| if *cycles == 1 { what.to_owned() } else { format!("{what}, cycle {cycle}") };
        progress(&format!("cycle {cycle} of {cycles}: {pings} pings"));
        let (before, kernel) = (lane.cpu_ns()?, Kernel::read()?);
        devices.park(first, &mut control)?;
        let opening = lane.cpu_ns()? - before;
        let each = (settled_rss(&lane)? as f64 - begin as f64) / *pings as f64;
        found.rss = found.rss.max(each);
        found.kernel = (Kernel::read()?.slab as f64 - kernel.slab as f64) / *pings as f64;
        report.value(&name("RSS a parked ping"), each, "B");
        if heap_begin > 0 {
            let heap = control.heap_bytes()? as f64 - heap_begin as f64;
            report.value(&name("allocated for a parked ping"), heap / *pings as f64, "B");
            found.heap = Some(heap / *pings as f64);
        }
        found.cpu_us = opening as f64 / 1000.0 / *pings as f64;
        report.value(&name("server CPU a ping parked"), opening as f64 / 1000.0 / *pings as f64, "us");
        found.share = share_of_a_core(&lane, &mut devices, *secs, report, &name("while pings wait"))?;
        if !devices.woken.is_empty() {
            return Err(format!("{} pings were answered though nothing changed", devices.woken.len()).into());
        }
        devices.check()?;
        devices.close()?;
        while control.waiting()? > 0 {}
        let closed = settled_rss(&lane)? as f64 - begin as f64;
        found.left = closed / *pings as f64;
        report.value(&name("RSS left behind, a ping"), found.left, "B");
    }
    Ok(found)
}

fn share_of_a_core(lane: &Lane, devices: &mut Devices, secs: f64, report: &mut Report, when: &str) -> Result<f64> {
    let (begin, before) = (crate::clock::now_ns(), lane.cpu_ns()?);
    let until = begin + (secs * 1000.0) as u64 * MS;
    while crate::clock::now_ns() < until {
        devices.pump(until.saturating_sub(crate::clock::now_ns()))?;
    }
    let share = (lane.cpu_ns()? - before) as f64 / (crate::clock::now_ns() - begin) as f64;
    report.value(&format!("server CPU {when}"), share * 100.0, "% of a core");
    Ok(share * 100.0)
}
