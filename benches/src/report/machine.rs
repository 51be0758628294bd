//! What the figures were taken on.

use std::fs;

use serde::Serialize;

/// The machine and the program, as far as they matter to a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    memory_mib: u64,
    kernel: String,
    rustc: &'static str,
    profile: &'static str,
    version: &'static str,
}

impl Machine {
    /// What the system tells; what it does not is left empty.
    pub(super) fn read() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::of(&file("/proc/cpuinfo"), &file("/proc/meminfo"), &file("/proc/sys/kernel/osrelease"))
    }

    fn of(cpuinfo: &str, meminfo: &str, release: &str) -> Self {
        let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_ascii_whitespace().next());
        Self {
            cpu: cpu.map_or_else(String::new, |(_, name)| name.trim().to_owned()),
            // Not those that this process may run on: it is kept on one.
            cores: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            memory_mib: kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024,
            kernel: release.trim().to_owned(),
            rustc: env!("BENCHES_RUSTC"),
            profile: env!("BENCHES_PROFILE"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// A line for people.
    pub(super) fn text(&self) -> String {
        let Self { cpu, cores, memory_mib, kernel, rustc, profile, version } = self;
        let gib = memory_mib.div_ceil(1024);
        format!("{cores} x {cpu}, {gib} GiB, Linux {kernel}; version {version}, {rustc}, {profile} build")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_what_the_system_says() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Xeon @ 2.1: fast\n\nprocessor\t: 1\nmodel name\t: Xeon\n";
        let machine = Machine::of(cpuinfo, "MemFree: 1 kB\nMemTotal:       24000000 kB\n", "6.18.5\n");
        assert!(machine.text().starts_with("2 x Xeon @ 2.1: fast, 23 GiB, Linux 6.18.5; version "), "{machine:?}");
        assert_eq!(Machine::of("", "", "").cores, 0);
    }
}
