//! What a client does with its subscribers when it is told to.

use super::command::{Load, Slice, Slowness};
use super::pace;
use super::swarm::Swarm;
use super::tally::Latency;
use crate::Result;
use crate::clock::{MS, now_ns};

/// Longest time that those who stopped are given to catch up while publishing goes on.
const CATCH_UP_NS: u64 = 10_000 * MS;

/// Closed loop, window 1.
pub(crate) fn fanout(swarm: &mut Swarm, ms: u64) -> Result<Slice> {
    rounds(swarm, ms * MS, 1, 0, |_| false)
}

/// Publishes `count` messages when everybody from `first_key` on has the last ones, until `is_done` or `ns` are over.
fn rounds(
    swarm: &mut Swarm,
    ns: u64,
    count: usize,
    first_key: usize,
    is_done: impl Fn(&Swarm) -> bool,
) -> Result<Slice> {
    let (begin, before) = (now_ns(), swarm.tally.account.deliveries);
    swarm.tally.aim(swarm.publisher.next_seq, first_key, std::iter::empty());
    while now_ns() - begin < ns && !is_done(swarm) {
        swarm.round(count, first_key)?;
    }
    Ok(Slice { count: swarm.tally.account.deliveries - before, ns: now_ns() - begin })
}

/// Publishes `count` messages with one request, and waits until everybody has them.
pub(crate) fn publish(swarm: &mut Swarm, count: usize) -> Result<Slice> {
    let (begin, before) = (now_ns(), swarm.tally.account.deliveries);
    swarm.tally.aim(swarm.publisher.next_seq, 0, std::iter::empty());
    swarm.round(count, 0)?;
    Ok(Slice { count: swarm.tally.account.deliveries - before, ns: now_ns() - begin })
}

/// Publishes as fast as answers come, `pipeline` requests ahead of them, and waits until all has arrived.
pub(crate) fn burst(swarm: &mut Swarm, ms: u64, batch: usize, pipeline: usize) -> Result<Slice> {
    let (begin, before) = (now_ns(), swarm.tally.account.deliveries);
    while now_ns() - begin < ms * MS {
        while swarm.publisher.in_flight < pipeline {
            swarm.publisher.publish(batch)?;
        }
        swarm.pump(100 * MS)?;
    }
    let target = swarm.publisher.next_seq - 1;
    let places: Vec<_> = swarm.places().collect();
    swarm.tally.aim(target, 0, places.into_iter());
    let subscribers = swarm.conns.len();
    swarm.wait("everybody to have the last message of the burst", |swarm| {
        swarm.tally.arrived == subscribers && swarm.publisher.in_flight == 0
    })?;
    Ok(Slice { count: swarm.tally.account.deliveries - before, ns: now_ns() - begin })
}

/// Publishes at a fixed rate, whoever has what.
pub(crate) fn paced(swarm: &mut Swarm, ms: u64, per_sec: u64) -> Result<Slice> {
    let (begin, before) = (now_ns(), swarm.tally.account.deliveries);
    let total = ms * per_sec / 1000;
    for number in 0..total {
        let due = begin + number * 1_000_000_000 / per_sec;
        swarm.rest(due.saturating_sub(now_ns()), |_| false)?;
        swarm.publisher.publish(1)?;
    }
    swarm.settle()?;
    Ok(Slice { count: swarm.tally.account.deliveries - before, ns: now_ns() - begin })
}

/// The latency of single publications.
pub(crate) fn probe(swarm: &mut Swarm, ms: u64, each_ms: u64) -> Result<Latency> {
    swarm.tally.measure();
    paced(swarm, ms, 1000 / each_ms.max(1))?;
    Ok(swarm.tally.measured())
}

/// All read for `ms`; then the first `stopped` do not for as long; then they go on, until they are level.
pub(crate) fn slow(swarm: &mut Swarm, stopped: usize, ms: u64, load: Load) -> Result<Slowness> {
    swarm.tally.measure();
    let rate_before = under(swarm, ms * MS, load, stopped, |_| false)?;
    let before = swarm.tally.measured();
    swarm.pause(stopped)?;
    swarm.tally.measure();
    let rate_during = under(swarm, ms * MS, load, stopped, |_| false)?;
    let during = swarm.tally.measured();
    let backlog = swarm.conns.iter().take(stopped).map(|conn| swarm.publisher.next_seq - conn.place.next).max();
    swarm.resume(stopped)?;
    swarm.tally.measure();
    let (Load::Full { batch: ahead } | Load::Paced { ahead, .. }) = load;
    let is_level = |swarm: &Swarm| {
        swarm.conns.iter().take(stopped).all(|conn| conn.place.next + ahead as u64 >= swarm.publisher.next_seq)
    };
    let catch_up = under(swarm, CATCH_UP_NS, load, stopped, is_level)?;
    let after = swarm.tally.measured();
    let is_level = is_level(swarm);
    let backlog = backlog.unwrap_or_default();
    Ok(Slowness { before, during, after, rate_before, rate_during, backlog, catch_up_ns: catch_up.ns, is_level })
}

fn under(swarm: &mut Swarm, ns: u64, load: Load, first_key: usize, is_done: impl Fn(&Swarm) -> bool) -> Result<Slice> {
    match load {
        Load::Full { batch } => rounds(swarm, ns, batch, first_key, is_done),
        Load::Paced { each_ns, .. } => Ok(pace::run(swarm, ns, each_ns, first_key, is_done)?.0),
    }
}
