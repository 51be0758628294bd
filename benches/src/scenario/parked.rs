//! Pings of Direct Push that are parked: what one takes, and what nothing to do costs.

use super::memory::settled_rss;
use super::{progress, with_mail};
use crate::Result;
use crate::args::IdleArgs;
use crate::clock::MS;
use crate::device::{Control, Devices, Speech};
use crate::lane::Lane;
use crate::mailbox::account;
use crate::report::Report;

/// Devices that are there before memory is looked at: what the first of a process load and allocate is not the others'.
const WARM_UP: usize = 64;

/// Scenarios `idle --kind ping` and `idle --kind eas`.
pub(super) fn idle(args: &IdleArgs, speech: Speech) -> Result<()> {
    let IdleArgs { connections: pings, cycles, secs, at_most, server, .. } = args;
    let (_dir, server, lane) = with_mail(server)?;
    let (mailboxes, folders) = (server.mail.mailboxes, server.mail.folders);
    let mut control = Control::new(lane.target()?)?;
    let mut devices = Devices::new(control.target()?, speech)?;
    let settings = format!("{pings} pings ({speech:?}) of {folders} folders each over {mailboxes} mailboxes");
    let mut report = Report::new("idle", &settings, &server);

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
    share_of_a_core(&lane, &mut devices, *secs, &mut report, "while nobody waits")?;
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
    let mut most: f64 = 0.0;
    for cycle in 1..=*cycles {
        let name = |what: &str| if *cycles == 1 { what.to_owned() } else { format!("{what}, cycle {cycle}") };
        progress(&format!("cycle {cycle} of {cycles}: {pings} pings"));
        let before = lane.cpu_ns()?;
        devices.park(first, &mut control)?;
        let opening = lane.cpu_ns()? - before;
        let each = (settled_rss(&lane)? as f64 - begin as f64) / *pings as f64;
        most = most.max(each);
        report.value(&name("RSS a parked ping"), each, "B");
        if heap_begin > 0 {
            let heap = control.heap_bytes()? as f64 - heap_begin as f64;
            report.value(&name("allocated for a parked ping"), heap / *pings as f64, "B");
        }
        report.value(&name("server CPU a ping parked"), opening as f64 / 1000.0 / *pings as f64, "us");
        share_of_a_core(&lane, &mut devices, *secs, &mut report, &name("while pings wait"))?;
        if !devices.woken.is_empty() {
            return Err(format!("{} pings were answered though nothing changed", devices.woken.len()).into());
        }
        devices.check()?;
        devices.close()?;
        while control.waiting()? > 0 {}
        let closed = settled_rss(&lane)? as f64 - begin as f64;
        report.value(&name("RSS left behind, a ping"), closed / *pings as f64, "B");
    }
    report.print(&[])?;
    match at_most {
        Some(at_most) if most > *at_most => Err(format!("{most:.0} bytes a ping, more than {at_most}").into()),
        _ => Ok(()),
    }
}

fn share_of_a_core(lane: &Lane, devices: &mut Devices, secs: f64, report: &mut Report, when: &str) -> Result<()> {
    let (begin, before) = (crate::clock::now_ns(), lane.cpu_ns()?);
    let until = begin + (secs * 1000.0) as u64 * MS;
    while crate::clock::now_ns() < until {
        devices.pump(until.saturating_sub(crate::clock::now_ns()))?;
    }
    let share = (lane.cpu_ns()? - before) as f64 / (crate::clock::now_ns() - begin) as f64;
    report.value(&format!("server CPU {when}"), share * 100.0, "% of a core");
    Ok(())
}
