//! What is seen of a server from outside: by the system and by what it tells of itself.

use serde_json::Value;

use crate::Result;
use crate::device::Control;
use crate::lane::Lane;
use crate::report::Cell;
use crate::system;

/// The server at one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) minute: f64,
    pub(super) rss_kib: f64,
    pub(super) descriptors: usize,
    /// Members of the hub's own count, in the order of [`COUNTS`].
    counts: Vec<u64>,
}

/// What is looked at of `stats` (wire.md §6).
const COUNTS: [&str; 6] =
    ["/connections/total", "/channels", "/patterns", "/history/publications", "/history/bytes", "/forms/bytes"];

impl Look {
    pub(super) const HEADERS: [&'static str; 3 + COUNTS.len()] = [
        "minute",
        "RSS, KiB",
        "descriptors",
        "subscribers",
        "channels",
        "patterns",
        "publications held",
        "bytes of history",
        "bytes of wire forms",
    ];

    pub(super) fn cells(&self) -> Vec<Cell> {
        let first = [Cell::from(self.minute), Cell::from(self.rss_kib), Cell::from(self.descriptors)];
        first.into_iter().chain(self.counts.iter().map(|count| Cell::from(count.to_string()))).collect()
    }
}

/// Who looks: over a connection of its own, which is there all the time.
pub(super) struct Observer {
    control: Control,
}

impl Observer {
    pub(super) fn new(lane: &Lane) -> Result<Self> {
        let mut control = Control::new(lane.target()?)?;
        // The connection is there from now on, so that each look sees the same one.
        control.stats()?;
        Ok(Self { control })
    }

    pub(super) fn look(&mut self, lane: &Lane, minute: f64) -> Result<Look> {
        let stats = self.control.stats()?;
        let pid = lane.server_pid();
        Ok(Look {
            minute,
            rss_kib: lane.rss_bytes()? as f64 / 1024.0,
            descriptors: system::descriptors(pid)?,
            counts: COUNTS.map(|name| count(&stats, name)).into(),
        })
    }

    /// Subscribers that the hub counts.
    pub(super) fn connections(&mut self) -> Result<u64> {
        Ok(count(&self.control.stats()?, COUNTS[0]))
    }

    /// Bytes of the wire forms that it keeps.
    pub(super) fn form_bytes(&mut self) -> Result<u64> {
        Ok(count(&self.control.stats()?, COUNTS[5]))
    }
}

fn count(stats: &Value, name: &str) -> u64 {
    stats.pointer(name).and_then(Value::as_u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_where_stats_have_them() {
        let stats: Value = serde_json::json!({"connections": {"total": 7}, "history": {"bytes": 9}});
        assert_eq!(COUNTS.map(|name| count(&stats, name)), [7, 0, 0, 0, 9, 0]);
    }
}
