//! Subscribers that are cut off and come back all at once, each with its last cursor, while publishing goes on.

use super::command::{Comeback, Return};
use super::swarm::Swarm;
use crate::Result;
use crate::clock::{MS, now_ns};

/// Connections that are begun between two looks at what came.
const AT_ONCE: usize = 64;

/// Requests to publish, as many as there are to be by the clock.
pub(super) struct Schedule {
    begin_ns: u64,
    per_sec: f64,
    batch: usize,
    pub(super) sent: u64,
}

impl Schedule {
    pub(super) fn new(per_sec: f64, batch: usize) -> Self {
        Self { begin_ns: now_ns(), per_sec, batch, sent: 0 }
    }

    /// When the next one is due.
    fn due_ns(&self) -> u64 {
        self.begin_ns + (self.sent as f64 / self.per_sec * 1e9) as u64
    }

    /// Publishes if it is time to; tells how long it is until the next.
    pub(super) fn publish(&mut self, swarm: &mut Swarm) -> Result<u64> {
        if now_ns() >= self.due_ns() {
            self.publish_now(swarm)?;
        }
        Ok(self.due_ns().saturating_sub(now_ns()))
    }

    fn publish_now(&mut self, swarm: &mut Swarm) -> Result<()> {
        let due_ns = self.due_ns();
        self.sent += 1;
        match self.batch {
            // Latencies count from when it was due, however late it is.
            1 => swarm.publisher.publish_due(due_ns.min(now_ns())),
            count => swarm.publisher.publish(count),
        }
    }

    /// Publishes and takes what comes until `is_done` or `ns` are over.
    pub(super) fn go_on(&mut self, swarm: &mut Swarm, ns: u64, is_done: impl Fn(&Swarm) -> bool) -> Result<()> {
        let until = now_ns() + ns;
        while now_ns() < until && !is_done(swarm) {
            let next_ns = self.publish(swarm)?;
            swarm.pump(next_ns.min(until.saturating_sub(now_ns())))?;
        }
        Ok(())
    }
}

/// Longest time that they are given, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// See the module.
pub(super) fn comeback(swarm: &mut Swarm, order: &Comeback) -> Result<Return> {
    let mut schedule = Schedule::new(order.per_sec, order.batch);
    schedule.go_on(swarm, order.before_ms * MS, |_| false)?;
    let gone = leaving(swarm.conns.len(), order.percent, order.round);
    if let Some(key) = gone.iter().find(|key| swarm.conns[**key].cursor().is_none()) {
        return Err(format!("subscriber {key} was never told a cursor").into());
    }
    let (begin_ns, sent) = (now_ns(), schedule.sent);
    gone.iter().try_for_each(|key| swarm.cut(*key, true))?;
    let cut_ns = now_ns();
    // However quick they are, there is something that they missed.
    schedule.publish_now(swarm)?;
    schedule.go_on(swarm, order.away_ms * MS, |_| false)?;
    let missed = gone.iter().map(|key| swarm.publisher.next_seq - swarm.conns[*key].place.next).sum();
    for keys in gone.chunks(AT_ONCE) {
        keys.iter().try_for_each(|key| swarm.return_one(*key))?;
        schedule.publish(swarm)?;
        swarm.pump(0)?;
    }
    let asked_ns = now_ns();
    let target = swarm.publisher.next_seq - 1;
    let places: Vec<_> = swarm.places().collect();
    swarm.tally.aim(target, 0, places.into_iter());
    schedule.go_on(swarm, PATIENCE_MS * MS, |swarm| swarm.opening == 0)?;
    let answered_ns = now_ns();
    let subscribers = swarm.conns.len();
    schedule.go_on(swarm, PATIENCE_MS * MS, |swarm| swarm.tally.arrived == subscribers)?;
    let level_ns = now_ns();
    if swarm.tally.arrived < subscribers {
        return Err(format!("{} subscribers did not catch up", subscribers - swarm.tally.arrived).into());
    }
    let published = schedule.sent - sent;
    swarm.settle()?;
    Ok(Return {
        gone: gone.len(),
        missed,
        cut_ns: cut_ns - begin_ns,
        asked_ns: asked_ns - begin_ns,
        answered_ns: answered_ns - begin_ns,
        level_ns: level_ns - begin_ns,
        published,
    })
}

/// Who leaves in a round: evenly spread, and others than in the round before.
fn leaving(count: usize, percent: usize, round: usize) -> Vec<usize> {
    (0..count).filter(|key| (key + round) * percent % 100 < percent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_leaves_and_it_is_others_in_the_next_round() {
        assert_eq!(leaving(15, 20, 0), [0, 5, 10]);
        assert_eq!(leaving(15, 20, 1), [4, 9, 14]);
        assert_eq!(leaving(10, 100, 3).len(), 10);
        assert_eq!(leaving(1000, 33, 0).len(), 330);
    }
}
