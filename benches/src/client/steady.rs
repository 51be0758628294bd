//! Publishing at an even rate, with some who do not read for a while.

use super::comeback::Schedule;
use super::command::{Slice, Watch};
use super::swarm::Swarm;
use crate::Result;
use crate::clock::{MS, now_ns};

/// See [`super::command::Command::Steady`].
pub(super) fn steady(swarm: &mut Swarm, ms: u64, per_sec: f64, stopped: usize) -> Result<Watch> {
    let (begin, before) = (now_ns(), swarm.tally.account.deliveries);
    let half_ns = ms * MS / 2;
    let mut schedule = Schedule::new(per_sec, 1);
    // Latencies are of those who read.
    swarm.tally.aim(swarm.publisher.next_seq, stopped, std::iter::empty());
    swarm.tally.measure();
    swarm.pause(stopped)?;
    schedule.go_on(swarm, half_ns, |_| false)?;
    let behind = |next: u64| swarm.publisher.next_seq - next;
    let backlog = swarm.conns[..stopped].iter().map(|conn| behind(conn.place.next)).max().unwrap_or_default();
    swarm.resume(stopped)?;
    schedule.go_on(swarm, half_ns, |_| false)?;
    let latency = swarm.tally.measured();
    let slice = Slice { count: swarm.tally.account.deliveries - before, ns: now_ns() - begin };
    Ok(Watch { latency, slice, backlog, last_seq: swarm.publisher.next_seq - 1 })
}
