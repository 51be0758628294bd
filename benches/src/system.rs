//! What the system knows about processes: processors, descriptors, processor time and memory.

use std::fs;

use rustix::io::Errno;
use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setpriority_process, setrlimit,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Result;

/// Where servers run.
pub(crate) const SERVER_CORE: usize = 0;

/// Where clients run, and the process that leads them.
pub(crate) const CLIENT_CORE: usize = 1;

/// Keeps this process on `core`, if there is one of that number.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    match sched_setaffinity(None, &cores) {
        Err(Errno::INVAL) => eprintln!("core {core} is not to be had: figures will be noisier"),
        other => other?,
    }
    Ok(())
}

/// Lets this process run on every core, whatever the one that started it is kept on.
pub(crate) fn unpin() -> Result<()> {
    let mut cores = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| cores.set(core));
    Ok(sched_setaffinity(None, &cores)?)
}

/// Takes every descriptor that the hard limit allows.
pub(crate) fn raise_descriptors() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Lets this process go before others of its core, where that is allowed: a probe is to measure the server, and not how
/// long it waits for another client.
pub(crate) fn hurry() {
    const FIRST: i32 = -20;
    if let Err(error) = setpriority_process(None, FIRST) {
        eprintln!("the probe shares its core as an equal: {error}");
    }
}

/// Ends this process with the one that started it.
pub(crate) fn end_with_parent() -> Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Processor time that all threads of `pid` have had, in nanoseconds.
pub(crate) fn cpu_ns(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended since it was listed.
        let Ok(stat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum += first_number(&stat).ok_or("schedstat without a number")?;
    }
    Ok(sum)
}

#[cfg(feature = "heap")]
#[global_allocator]
static HEAP: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Bytes that this process has allocated; 0 where nobody counts.
pub(crate) fn heap_bytes() -> usize {
    #[cfg(feature = "heap")]
    return HEAP.allocated();
    #[cfg(not(feature = "heap"))]
    0
}

/// How many descriptors `pid` holds.
pub(crate) fn descriptors(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// What the kernel holds for itself, and what is left, in bytes: of the whole machine, so only differences mean something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) slab: u64,
    pub(crate) available: u64,
    /// What a socket consists of, where we may know: bytes of each of [`CACHES`].
    pub(crate) caches: Option<[u64; CACHES.len()]>,
}

/// Slabs that sockets, their files and their places in an epoll are in.
pub(crate) const CACHES: [&str; 5] = ["TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi"];

impl Kernel {
    pub(crate) fn read() -> Result<Self> {
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let of = |name| kib_of(&meminfo, name).ok_or_else(|| format!("meminfo without '{name}'"));
        // For the superuser alone.
        let caches = fs::read_to_string("/proc/slabinfo").ok().map(|info| CACHES.map(|name| cache_bytes(&info, name)));
        Ok(Self { slab: of("Slab:")?, available: of("MemAvailable:")?, caches })
    }
}

/// Bytes of the objects in use of a cache; 0 if the kernel keeps them in that of another name.
fn cache_bytes(slabinfo: &str, name: &str) -> u64 {
    let line = slabinfo.lines().find(|line| line.split_ascii_whitespace().next() == Some(name));
    let number =
        |at| line.and_then(|line| line.split_ascii_whitespace().nth(at)?.parse::<u64>().ok()).unwrap_or_default();
    number(1) * number(3)
}

/// Memory of `pid` in bytes, of which it owns only a part where it shares pages.
pub(crate) fn pss_bytes(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    kib_of(&rollup, "Pss:").ok_or_else(|| "smaps_rollup without 'Pss:'".into())
}

/// Resident memory of `pid` in bytes.
///
/// From `smaps_rollup`, which counts pages: the figure in `status` is a sum of counters for each processor that may be
/// off by hundreds of kilobytes.
pub(crate) fn rss_bytes(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    kib_of(&rollup, "Rss:").ok_or_else(|| "smaps_rollup without 'Rss:'".into())
}

/// The line that begins with `name` tells KiB; this is bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(first_number(line)? * 1024)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_the_line_named_rss() {
        let rollup = "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:                3044 kB\nPss:  99 kB\n";
        assert_eq!(kib_of(rollup, "Rss:"), Some(3044 * 1024));
        assert_eq!(kib_of(rollup, "Pss:"), Some(99 * 1024));
        assert_eq!(kib_of("Pss: 1 kB\n", "Rss:"), None);
    }

    #[test]
    fn a_cache_is_known_by_its_whole_name() {
        let info = "slabinfo - version: 2.1\nTCPv6   26  26 2496 13 8 : tunables\nTCP   10  12 2368 13 8 : tunables\n";
        assert_eq!(["TCP", "filp"].map(|name| cache_bytes(info, name)), [23_680, 0]);
    }

    #[test]
    fn a_process_has_had_time_and_holds_memory() {
        let me = std::process::id();
        assert!(cpu_ns(me).expect("procfs") > 0);
        assert!(rss_bytes(me).expect("procfs") > 100_000);
        assert!(pss_bytes(me).expect("procfs") > 100_000);
        assert!(descriptors(me).expect("procfs") > 2);
        let Kernel { slab, available, .. } = Kernel::read().expect("procfs");
        assert!(slab > 0 && available > 0);
    }
}
