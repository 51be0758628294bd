//! What connections hold, and whether it is given back.

use std::thread::sleep;
use std::time::Duration;

use super::progress;
use crate::Result;
use crate::args::ChurnArgs;
use crate::client::command::{Command, Done};
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
