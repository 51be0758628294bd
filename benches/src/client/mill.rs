//! Subscribers that come and go without end, of a channel in which another client publishes.

use super::command::Milled;
use super::conn::Phase;
use super::swarm::Swarm;
use super::tally::Account;
use crate::Result;
use crate::clock::{Guard, MS, now_ns};
use crate::kind::Kind;

/// Longest time that anything may take, in seconds.
const PATIENCE_SECS: u64 = 60;

/// See [`super::command::Command::Mill`].
///
/// In turn, so that each stays as long as the others: who can resume does so every other time, and what it is sent is
/// to go on exactly where it was; the others close, every other one with a reset, and are followed by new ones.
pub(super) fn mill(swarm: &mut Swarm, ms: u64, per_sec: f64) -> Result<Milled> {
    let mut milled = Milled::default();
    let (begin, count) = (now_ns(), swarm.conns.len());
    let until = begin + ms * MS;
    let mut turns: u64 = 0;
    while now_ns() < until && count > 0 {
        let due = begin + (turns as f64 / per_sec * 1e9) as u64;
        if now_ns() < due {
            swarm.pump(due.min(until).saturating_sub(now_ns()))?;
            continue;
        }
        turn(swarm, &mut milled)?;
        turns += 1;
        swarm.pump(0)?;
    }
    check(swarm)?;
    Ok(milled)
}

/// The next one leaves, and comes back or is followed by another.
fn turn(swarm: &mut Swarm, milled: &mut Milled) -> Result<()> {
    let number = swarm.turns;
    swarm.turns += 1;
    let count = swarm.conns.len() as u64;
    let key = (number % count) as usize;
    let is_other = (number / count + number).is_multiple_of(2);
    let conn = &swarm.conns[key];
    let is_back = is_other && conn.kind.can_resume() && conn.cursor().is_some();
    // Every other time each way.
    swarm.cut(key, number / count % 4 < 2)?;
    if is_back {
        milled.resumed += 1;
        swarm.return_one(key)
    } else {
        milled.replaced += 1;
        swarm.replace(key)
    }
}

fn check(swarm: &Swarm) -> Result<()> {
    let account = swarm.account();
    if account.is_clean() { Ok(()) } else { Err(format!("who came and went was not served right: {account:?}").into()) }
}

fn is_sent_to(kind: Kind) -> bool {
    !matches!(kind, Kind::Silent | Kind::Keepalive)
}

/// Publishes hellos until all who are sent messages had one since they are there.
pub(super) fn calm(swarm: &mut Swarm) -> Result<()> {
    let guard = Guard::new(PATIENCE_SECS, "those who came last to be subscribed");
    let is_calm = |swarm: &Swarm| {
        let is_there = |conn: &super::conn::Conn| conn.phase == Phase::Open && conn.place.is_greeted;
        swarm.conns.iter().filter(|conn| is_sent_to(conn.kind)).all(is_there)
    };
    while !is_calm(swarm) {
        swarm.publisher.hello()?;
        swarm.rest(50 * MS, |_| false)?;
        guard.check()?;
    }
    swarm.wait("answers to hellos", |swarm| swarm.publisher.in_flight == 0)
}

/// Waits until all who are sent messages have `seq`; what does not come is missing.
pub(super) fn reach(swarm: &mut Swarm, seq: u64) -> Result<Account> {
    let behind = |swarm: &Swarm| {
        let listeners = swarm.conns.iter().filter(|conn| is_sent_to(conn.kind));
        listeners.map(|conn| (seq + 1).saturating_sub(conn.place.next.max(1))).sum::<u64>()
    };
    let mut left = behind(swarm);
    while left > 0 {
        swarm.rest(5000 * MS, |swarm| behind(swarm) == 0)?;
        if behind(swarm) == left {
            break;
        }
        left = behind(swarm);
    }
    let account = swarm.account();
    Ok(Account { missing: account.missing + left, ..account })
}
