//! What is run, and what it is to reach. A scenario more is a line in each of the two lists.

/// One run of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Its results' name.
    pub(super) name: &'static str,
    /// The command line: scenario and settings.
    pub(super) line: &'static str,
    /// What is added to it where figures count.
    pub(super) full: &'static str,
    /// What is added to it where it is only to be seen that it runs.
    pub(super) quick: &'static str,
}

impl Run {
    pub(super) fn line(&self, quick: bool) -> String {
        format!("{} {}", self.line, if quick { self.quick } else { self.full }).trim_end().to_owned()
    }
}

/// A figure and what it is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) what: &'static str,
    pub(super) goal: Goal,
    /// Where it is found: the run, and the figure's name in its results.
    pub(super) run: &'static str,
    pub(super) figure: &'static str,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Only to be told.
    Known,
}

/// Few and short rounds.
const SHORT: &str = "--rounds 2 --secs 0.3";

const fn run(name: &'static str, line: &'static str, full: &'static str, quick: &'static str) -> Run {
    Run { name, line, full, quick }
}

/// In the order in which they run.
pub(super) const RUNS: &[Run] = &[
    run("fanout", "fanout", "", "--subscribers 100,1000 --size 100,1024 --rounds 2 --secs 0.3"),
    run("burst-ws", "burst --transport ws", "", "--subscribers 200 --rounds 2 --secs 0.3"),
    run("burst-sse", "burst --transport sse", "", "--subscribers 200 --rounds 2 --secs 0.3"),
    run("latency", "latency", "--secs 4", "--subscribers 200 --rounds 2 --secs 0.5"),
    run("slow-ws", "slow --transport ws", "--secs 4", "--subscribers 200 --rounds 2 --secs 0.5"),
    run("slow-sse", "slow --transport sse", "--secs 4", "--subscribers 200 --rounds 2 --secs 0.5"),
    run("chat-single", "chat --publish single", "", CHAT_QUICK),
    run("chat-batch", "chat --publish batch", "", CHAT_QUICK),
    run("chat-ws", "chat --publish ws", "", CHAT_QUICK),
    run("chat-two", "chat --publish batch --each 2", "--channels 9900", CHAT_QUICK),
    run("chat-sse", "chat --publish batch --transport sse", "", CHAT_QUICK),
    run("pattern", "pattern", "", CHAT_QUICK),
    run("pattern-named", "pattern --named 100 --ahead --publish batch", "", "--channels 1000 --rounds 2 --secs 0.3"),
    run("publish", "publish", "", SHORT),
    run("publish-subscribed", "publish --subscribers 1", "", SHORT),
    run("connect-ws", "connect --transport ws", "", SHORT),
    run("connect-sse", "connect --transport sse", "", SHORT),
    run("idle-ws", "idle --kind ws", "--secs 55", IDLE_QUICK),
    run("idle-sse", "idle --kind sse", "--secs 55", IDLE_QUICK),
    run("idle", "idle --kind all --path all --mailboxes 1", "", "--connections 500 --secs 0.2"),
    run("storm", "storm", "", "--subscribers 300 --rounds 2 --secs 0.3"),
    run("nodes", "nodes", "", "--connections 400 --nodes 2 --rounds 2"),
    run("churn", "churn", "", "--total 2000 --held 250"),
    run("poll", "poll", "", "--pollers 100 --rounds 2 --secs 0.3"),
    run("quiet", "quiet", "", "--subscribers 500 --rounds 2 --secs 0.5"),
    run("ping", "ping --linger 0", "", "--accounts 4 --rounds 2 --secs 0.5"),
    run("peers-ws", "peers --transport ws", "", PEERS_QUICK),
    run("peers-sse", "peers --transport sse", "", PEERS_QUICK),
    run("wake", "wake --linger 0", "--mailboxes 10000", "--mailboxes 200 --pings 200 --changes 20 --rounds 2"),
    run("soak", "soak", "", "--minutes 0.05 --each 1 --subscribers 60 --passing 70 --churn 50 --retention 200"),
];

const CHAT_QUICK: &str = "--channels 200 --rounds 2 --secs 0.3";

const IDLE_QUICK: &str = "--connections 1000 --secs 0.5";
const PEERS_QUICK: &str = "--subscribers 100 --idle 100 --rest 0 --rounds 2 --secs 0.3";

const fn target(what: &'static str, goal: Goal, run: &'static str, figure: &'static str) -> Target {
    Target { what, goal, run, figure }
}

use Goal::{AtLeast, AtMost, Known};

/// In the order in which they are told.
pub(super) const TARGETS: &[Target] = &[
    target(
        "fan-out over ws to 1,000: limit's CPU a delivery over ours, over the limit's to itself",
        AtLeast(0.95),
        "fanout",
        "CPU ratio over control, ws x 1000, 100 bytes",
    ),
    target(
        "fan-out over ws to 10,000: the same",
        AtLeast(0.95),
        "fanout",
        "CPU ratio over control, ws x 10000, 100 bytes",
    ),
    target(
        "fan-out over sse to 1,000: the same",
        AtLeast(0.95),
        "fanout",
        "CPU ratio over control, sse x 1000, 100 bytes",
    ),
    target(
        "fan-out over sse to 10,000: the same",
        AtLeast(0.95),
        "fanout",
        "CPU ratio over control, sse x 10000, 100 bytes",
    ),
    target(
        "burst over ws, batches of 50: deliveries a second over those of one send each",
        AtLeast(20.0),
        "burst-ws",
        BATCHES,
    ),
    target("burst over ws, single POSTs: the same", AtLeast(3.0), "burst-ws", SINGLES),
    target("burst over sse, batches of 50: the same", AtLeast(20.0), "burst-sse", BATCHES),
    target("burst over sse, single POSTs: the same", AtLeast(3.0), "burst-sse", SINGLES),
    target(
        "10,000 channels of 1 subscriber, published one by one over HTTP: limit's CPU over ours",
        AtLeast(0.7),
        "chat-single",
        "CPU ratio limit / ours",
    ),
    target("the same in batches of 50", AtLeast(0.9), "chat-batch", "CPU ratio limit / ours"),
    target("the same over WebSocket", AtLeast(0.9), "chat-ws", "CPU ratio limit / ours"),
    target("channels of 2, in batches: the same", Known, "chat-two", "CPU ratio limit / ours"),
    target("channels of 1 over sse, in batches: the same", Known, "chat-sse", "CPU ratio limit / ours"),
    target(
        "10,000 channels under one pattern, 100 subscribers: limit's CPU over ours",
        Known,
        "pattern",
        "CPU ratio limit / ours",
    ),
    target("100 channels by name for each of 100: the same", Known, "pattern-named", "CPU ratio limit / ours"),
    target("POSTs a second over those of nginx that answers 204", AtLeast(0.5), "publish", "rate ratio single / nginx"),
    target("CPU a POST: nginx's over ours", AtLeast(0.5), "publish", "CPU ratio nginx / single"),
    target(
        "publications a second in batches of 50 over single ones",
        AtLeast(5.0),
        "publish",
        "rate ratio batched / single",
    ),
    target("new connection, ws: limit's CPU over ours", AtLeast(0.8), "connect-ws", "CPU ratio limit / ours"),
    target("new connection, sse: the same", AtLeast(0.8), "connect-sse", "CPU ratio limit / ours"),
    target(
        "memory of an idle subscriber to a shared channel, in a lot, ws",
        AtMost(64.0),
        "idle",
        "RSS a connection, ws, lots",
    ),
    target("the same, sse", AtMost(64.0), "idle", "RSS a connection, sse, lots"),
    target("the same, parked poll", AtMost(64.0), "idle", "RSS a connection, poll, lots"),
    target("the same, parked ping", AtMost(64.0), "idle", "RSS a connection, ping, lots"),
    target("the same, connected and silent", AtMost(64.0), "idle", "RSS a connection, silent, lots"),
    target("the same, between two requests", AtMost(64.0), "idle", "RSS a connection, keepalive, lots"),
    target("the same over TLS, ws", Known, "idle", "RSS a connection, ws, tls"),
    target("the same over TLS, sse", Known, "idle", "RSS a connection, sse, tls"),
    target("the same over TLS, parked poll", Known, "idle", "RSS a connection, poll, tls"),
    target("10,000 idle subscribers over ws, a heartbeat each 25 s", AtMost(1.0), "idle-ws", "server CPU while idle"),
    target("the same over sse", AtMost(1.0), "idle-sse", "server CPU while idle"),
    target(
        "20 % of 15,000 cut off and back at once: until all have caught up, nothing lost or repeated",
        AtMost(2000.0),
        "storm",
        "until all have caught up",
    ),
    target(
        "100,000 subscribers of several servers, user space of each",
        AtMost(64.0),
        "nodes",
        "user space of a subscriber",
    ),
    target(
        "slope of memory at half of capacity with churn, KiB a minute",
        Known,
        "soak",
        "slope of RSS over the second half",
    ),
    target("slow readers over ws: the others' p99 over their p99 without", AtMost(1.1), "slow-ws", SLOW),
    target("slow readers over sse: the same", AtMost(1.1), "slow-sse", SLOW),
    target(
        "latency over ws at 50 % of capacity: p99 over the limit's",
        AtMost(1.2),
        "latency",
        "p99, ours over the limit's, ws at 50 %",
    ),
    target(
        "latency over sse at 50 % of capacity: the same",
        AtMost(1.2),
        "latency",
        "p99, ours over the limit's, sse at 50 %",
    ),
    target("latency over ws at 80 % of capacity: the same", Known, "latency", "p99, ours over the limit's, ws at 80 %"),
    target(
        "latency over sse at 80 % of capacity: the same",
        Known,
        "latency",
        "p99, ours over the limit's, sse at 80 %",
    ),
    target(
        "CPU a delivery over ws to 1,000: Nchan's over ours",
        AtLeast(1.35),
        "peers-ws",
        "CPU a delivery, nchan / push, ws x 1000",
    ),
    target("the same over sse", AtLeast(1.6), "peers-sse", "CPU a delivery, nchan / push, sse x 1000"),
    target(
        "CPU a delivery over ws to 1,000: naive axum's over ours",
        AtLeast(4.5),
        "peers-ws",
        "CPU a delivery, axum / push, ws x 1000",
    ),
    target("the same over sse", AtLeast(1.6), "peers-sse", "CPU a delivery, axum / push, sse x 1000"),
    target(
        "CPU a delivery over sse to 1,000, both under axum::serve: naive axum's over ours",
        AtLeast(1.0),
        "peers-sse",
        "CPU a delivery, axum / portable, sse x 1000",
    ),
];

const BATCHES: &str = "deliveries a second over the limit's one-send rate, batches of 50";
const SINGLES: &str = "deliveries a second over the limit's one-send rate, single POSTs";
const SLOW: &str = "others' p99 with slow ones over p99 without";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser as _;

    #[test]
    fn every_run_has_a_name_of_its_own_and_a_command_line_that_is_understood() {
        for (number, run) in RUNS.iter().enumerate() {
            assert!(RUNS[..number].iter().all(|other| other.name != run.name), "{}", run.name);
            for quick in [false, true] {
                let line = format!("benches {}", run.line(quick));
                Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }

    #[test]
    fn every_target_is_of_a_run() {
        for target in TARGETS {
            assert!(RUNS.iter().any(|run| run.name == target.run), "{}: {}", target.what, target.run);
        }
    }
}
