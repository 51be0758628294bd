//! The host's load, read from `/proc`: texts in, a [`Sample`] out.
//!
//! `/proc/stat` counts clock ticks since boot, so a share of the processor is what lies between two readings.
//!
//! Source: proc_stat(5), proc_meminfo(5), proc_loadavg(5).

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Samples a [`History`] keeps: two minutes at one a second.
pub(crate) const HISTORY_LEN: usize = 120;

/// Why there is no load to show. It does not go away by itself on a host without `/proc`: log it once.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The file is not there or cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is there, but the field is not.
    #[error("no {field} in {file}")]
    Missing {
        /// The file's name under `/proc`.
        file: &'static str,
        /// The field looked for.
        field: &'static str,
    },
    /// The field is there, but it is not the number it should be.
    #[error("{field} in {file} is not a number")]
    NotANumber {
        /// The file's name under `/proc`.
        file: &'static str,
        /// The field looked for.
        field: &'static str,
    },
}

/// Where the three files are. The one thing here that touches the system.
#[derive(Debug, Clone)]
pub(crate) struct Proc {
    root: PathBuf,
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}

impl Proc {
    /// Reads below `root` instead of `/proc`, for tests and containers.
    pub(crate) fn at(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_owned() }
    }

    /// Reads the counters as they are now. These files are made by the kernel in memory: this does not wait for a disk.
    pub(crate) fn read(&self) -> Result<Reading, LoadError> {
        let text = |name: &str| {
            let path = self.root.join(name);
            std::fs::read(&path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .map_err(|source| LoadError::Read { path, source })
        };
        Reading::parse(&text("stat")?, &text("meminfo")?, &text("loadavg")?)
    }
}

/// Clock ticks since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    total: u64,
}

impl Ticks {
    /// Parses the numbers after `cpu` or `cpuN`: user nice system idle iowait irq softirq steal guest guest_nice.
    fn parse(fields: &str) -> Result<Self, LoadError> {
        let numbers = fields
            .split_ascii_whitespace()
            // Guest time is counted in user and nice already.
            .take(8)
            .map(|field| number(field, "stat", "cpu"))
            .collect::<Result<Vec<u64>, _>>()?;
        let (Some(idle), Some(_user)) = (numbers.get(3), numbers.first()) else {
            return Err(LoadError::Missing { file: "stat", field: "cpu" });
        };
        let total = numbers.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
        let waiting = idle.saturating_add(numbers.get(4).copied().unwrap_or(0));
        Ok(Self { busy: total.saturating_sub(waiting), total })
    }

    /// The busy share from `before` to `self` in percent, 0 when no time passed. iowait may go backwards, hence the clamp.
    fn percent_since(self, before: Self) -> f64 {
        let total = self.total.saturating_sub(before.total);
        let busy = self.busy.saturating_sub(before.busy);
        if total == 0 {
            return 0.0;
        }
        tenths(busy as f64 / total as f64 * 100.0).min(100.0)
    }
}

/// The counters of one moment. Two of them make a [`Sample`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    all: Ticks,
    /// By the kernel's number, which has holes when processors are taken offline.
    cores: Vec<(u32, Ticks)>,
    load: [f64; 3],
    mem_total: u64,
    mem_available: u64,
}

impl Reading {
    /// Parses the texts of `/proc/stat`, `/proc/meminfo` and `/proc/loadavg`. Lines it does not know are skipped.
    pub(crate) fn parse(stat: &str, meminfo: &str, loadavg: &str) -> Result<Self, LoadError> {
        let mut all = None;
        let mut cores = Vec::new();
        for line in stat.lines() {
            let Some(rest) = line.strip_prefix("cpu") else {
                continue;
            };
            let (name, fields) = rest.split_once(' ').unwrap_or((rest, ""));
            if name.is_empty() {
                all = Some(Ticks::parse(fields)?);
            } else if let Ok(core) = name.parse() {
                cores.push((core, Ticks::parse(fields)?));
            }
        }
        let all = all.ok_or(LoadError::Missing { file: "stat", field: "cpu" })?;
        let (mem_total, mem_available) = memory(meminfo)?;
        Ok(Self { all, cores, load: load_averages(loadavg)?, mem_total, mem_available })
    }
}

fn load_averages(loadavg: &str) -> Result<[f64; 3], LoadError> {
    const FILE: &str = "loadavg";
    let mut fields = loadavg.split_ascii_whitespace();
    let mut next = |field| {
        let text = fields.next().ok_or(LoadError::Missing { file: FILE, field })?;
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(LoadError::NotANumber { file: FILE, field }),
        }
    };
    Ok([next("load1")?, next("load5")?, next("load15")?])
}

/// Total and available memory in bytes.
fn memory(meminfo: &str) -> Result<(u64, u64), LoadError> {
    const FILE: &str = "meminfo";
    let kibibytes = |field: &'static str| {
        let value = meminfo
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .ok_or(LoadError::Missing { file: FILE, field })?;
        let value = value.split_ascii_whitespace().next().unwrap_or("");
        number(value, FILE, field).map(|kib| kib.saturating_mul(1024))
    };
    let available = match kibibytes("MemAvailable") {
        // Kernels before 3.14 do not estimate it; what is free or cached is what tools showed then.
        Err(LoadError::Missing { .. }) => {
            kibibytes("MemFree")?.saturating_add(kibibytes("Buffers")?).saturating_add(kibibytes("Cached")?)
        }
        answer => answer?,
    };
    Ok((kibibytes("MemTotal")?, available))
}

fn number(text: &str, file: &'static str, field: &'static str) -> Result<u64, LoadError> {
    text.parse().map_err(|_| LoadError::NotANumber { file, field })
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The load over one interval, in the shape it is published to `host/load`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// When it was taken, Unix milliseconds.
    pub(crate) time: u64,
    /// Busy share of all processors, percent, 0..=100.
    pub(crate) cpu: f64,
    /// Busy share of each processor, percent, 0..=100.
    pub(crate) cpus: Vec<f64>,
    /// Load average of the last minute.
    pub(crate) load1: f64,
    /// Load average of the last five minutes.
    pub(crate) load5: f64,
    /// Load average of the last fifteen minutes.
    pub(crate) load15: f64,
    /// Memory that could not be had by a new program, bytes.
    pub(crate) mem_used: u64,
    /// Memory of the host, bytes.
    pub(crate) mem_total: u64,
}

impl Sample {
    /// What happened from `before` to `after`, stamped with `time_ms` (Unix milliseconds).
    ///
    /// A processor that came online in between counts as idle, for its counters have nothing to be compared with.
    pub(crate) fn between(before: &Reading, after: &Reading, time_ms: u64) -> Self {
        let core = |&(number, ticks): &(u32, Ticks)| {
            let earlier = before.cores.iter().find(|(other, _)| *other == number);
            earlier.map_or(0.0, |(_, earlier)| ticks.percent_since(*earlier))
        };
        Self {
            time: time_ms,
            cpu: after.all.percent_since(before.all),
            cpus: after.cores.iter().map(core).collect(),
            load1: after.load[0],
            load5: after.load[1],
            load15: after.load[2],
            mem_used: after.mem_total.saturating_sub(after.mem_available),
            mem_total: after.mem_total,
        }
    }

    /// Used memory in percent, 0..=100.
    pub(crate) fn memory_percent(&self) -> f64 {
        if self.mem_total == 0 {
            return 0.0;
        }
        (self.mem_used as f64 / self.mem_total as f64 * 100.0).clamp(0.0, 100.0)
    }

    /// The JSON to publish.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and lists of numbers are JSON")
    }
}

/// The newest [`HISTORY_LEN`] samples, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    samples: VecDeque<Sample>,
}

impl History {
    /// Appends a sample and lets go of what is too old. A clock that was set back begins anew, for a time axis cannot go both ways.
    pub(crate) fn push(&mut self, sample: Sample) {
        if self.newest().is_some_and(|newest| sample.time <= newest.time) {
            self.samples.clear();
        }
        if self.samples.len() == HISTORY_LEN {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The sample pushed last.
    pub(crate) fn newest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// All of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 20 30 800 50 0 0 0 0 0\n\
        cpu0 50 10 15 400 25 0 0 0 0 0\n\
        cpu1 50 10 15 400 25 0 0 0 0 0\n\
        intr 12345 0 9\nctxt 999\nbtime 1700000000\nprocs_running 2\n";
    const STAT_LATER: &str = "cpu  160 20 50 900 70 0 0 0 0 0\n\
        cpu0 100 10 35 420 35 0 0 0 0 0\n\
        cpu1 60 10 15 480 35 0 0 0 0 0\n";
    const MEMINFO: &str = "MemTotal:        4000 kB\nMemFree:          500 kB\n\
        MemAvailable:    1000 kB\nBuffers:          100 kB\nCached:           300 kB\n";
    const LOADAVG: &str = "0.52 0.58 0.59 1/467 12345\n";

    fn reading(stat: &str) -> Reading {
        Reading::parse(stat, MEMINFO, LOADAVG).expect("a good text")
    }

    #[test]
    fn a_sample_is_the_difference_of_two_readings() {
        let sample = Sample::between(&reading(STAT), &reading(STAT_LATER), 1_700_000_000_123);
        // 80 busy of 200 ticks; 70 of 100; 10 of 100.
        assert_eq!(sample.cpu, 40.0);
        assert_eq!(sample.cpus, [70.0, 10.0]);
        assert_eq!([sample.load1, sample.load5, sample.load15], [0.52, 0.58, 0.59]);
        assert_eq!(sample.mem_total, 4000 * 1024);
        assert_eq!(sample.mem_used, 3000 * 1024);
        assert_eq!(sample.memory_percent(), 75.0);
    }

    #[test]
    fn the_json_has_the_documented_members() {
        let sample = Sample::between(&reading(STAT), &reading(STAT_LATER), 1_700_000_000_123);
        let json: serde_json::Value = serde_json::from_slice(&sample.to_json()).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "time": 1_700_000_000_123_u64, "cpu": 40.0, "cpus": [70.0, 10.0],
                "load1": 0.52, "load5": 0.58, "load15": 0.59,
                "mem_used": 3_072_000, "mem_total": 4_096_000,
            })
        );
    }

    #[test]
    fn no_time_between_two_readings_is_no_load() {
        let sample = Sample::between(&reading(STAT), &reading(STAT), 1);
        assert_eq!(sample.cpu, 0.0);
        assert_eq!(sample.cpus, [0.0, 0.0]);
    }

    #[test]
    fn counters_that_go_backwards_stay_within_bounds() {
        let sample = Sample::between(&reading(STAT_LATER), &reading(STAT), 1);
        assert_eq!(sample.cpu, 0.0);
        let shrunk_wait = "cpu 200 20 30 810 0 0 0 0\n";
        let sample = Sample::between(&reading(STAT), &reading(shrunk_wait), 1);
        assert_eq!(sample.cpu, 100.0);
    }

    #[test]
    fn a_processor_that_came_online_counts_as_idle_and_one_that_left_is_gone() {
        let other = "cpu 160 20 50 900 70\ncpu1 60 10 15 480 35\ncpu7 900 0 0 1 0\n";
        let sample = Sample::between(&reading(STAT), &reading(other), 1);
        assert_eq!(sample.cpus, [10.0, 0.0]);
    }

    #[test]
    fn old_kernels_without_the_newer_fields_are_understood() {
        let meminfo = "MemTotal: 4000 kB\nMemFree: 500 kB\nBuffers: 100 kB\nCached: 300 kB\n";
        let reading = Reading::parse("cpu 1 2 3 4\n", meminfo, LOADAVG).expect("enough fields");
        assert_eq!(reading.mem_available, 900 * 1024);
        assert_eq!(reading.all, Ticks { busy: 6, total: 10 });
    }

    #[test]
    fn garbage_and_missing_fields_are_named() {
        let cases = [
            ("", MEMINFO, LOADAVG, "no cpu in stat"),
            ("\0\u{fffd}garbage", MEMINFO, LOADAVG, "no cpu in stat"),
            ("cpu 1 2 3\n", MEMINFO, LOADAVG, "no cpu in stat"),
            ("cpu\n", MEMINFO, LOADAVG, "no cpu in stat"),
            ("cpu 1 2 x 4\n", MEMINFO, LOADAVG, "cpu in stat is not a number"),
            ("cpu 1 2 -3 4\n", MEMINFO, LOADAVG, "cpu in stat is not a number"),
            (STAT, "", LOADAVG, "no MemFree in meminfo"),
            (STAT, "MemAvailable: 1 kB", LOADAVG, "no MemTotal in meminfo"),
            (STAT, "MemAvailable:\nMemTotal: 2 kB", LOADAVG, "MemAvailable in meminfo is not a number"),
            (STAT, MEMINFO, "", "no load1 in loadavg"),
            (STAT, MEMINFO, "0.1 0.2", "no load15 in loadavg"),
            (STAT, MEMINFO, "0.1 NaN 0.3", "load5 in loadavg is not a number"),
        ];
        for (stat, meminfo, loadavg, expected) in cases {
            let error = Reading::parse(stat, meminfo, loadavg).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn numbers_near_the_end_of_the_range_do_not_overflow() {
        let huge = format!("cpu {0} {0} {0} {0} {0}\n", u64::MAX);
        let sample = Sample::between(&reading(STAT), &reading(&huge), 1);
        assert!((0.0..=100.0).contains(&sample.cpu));
    }

    #[test]
    fn a_host_without_proc_says_which_file_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Proc::at(folder.path()).read().expect_err("nothing there");
        assert!(error.to_string().ends_with("/stat"), "{error}");
        for (name, text) in [("stat", STAT), ("meminfo", MEMINFO), ("loadavg", LOADAVG)] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        assert_eq!(Proc::at(folder.path()).read().expect("all there"), reading(STAT));
    }

    #[test]
    fn a_history_keeps_the_newest_and_begins_anew_when_the_clock_goes_back() {
        let mut history = History::default();
        assert!(history.newest().is_none());
        let at = |time| Sample::between(&reading(STAT), &reading(STAT_LATER), time);
        for time in 1..=200 {
            history.push(at(time * 1000));
        }
        assert_eq!(history.iter().count(), HISTORY_LEN);
        assert_eq!(history.iter().next().map(|s| s.time), Some(81_000));
        history.push(at(5));
        assert_eq!(history.iter().map(|s| s.time).collect::<Vec<_>>(), [5]);
    }
}
