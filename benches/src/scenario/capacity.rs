//! How much a server can carry, so that a share of it can be asked for.

use super::duel::slice_ms;
use super::progress;
use crate::Result;
use crate::client::command::{Command, Slice};
use crate::lane::Lane;
use crate::report::Spread;

/// Times that each is measured.
const ROUNDS: usize = 5;

/// Messages a second that each of `lanes` can deliver to its `subscribers`: publish when everybody has the last one, in
/// turn, so that what slows the machine down slows all. The first round warms up.
pub(super) fn capacity<const LANES: usize>(lanes: [&mut Lane; LANES], subscribers: usize) -> Result<[Spread; LANES]> {
    let mut rates = [const { Vec::new() }; LANES];
    let mut lanes = lanes;
    for round in 0..=ROUNDS {
        for (lane, rates) in lanes.iter_mut().zip(&mut rates) {
            let slice: Slice = lane.client.ask(&Command::Fanout { ms: slice_ms(subscribers) })?;
            if round > 0 {
                rates.push(slice.per_sec() / subscribers.max(1) as f64);
            }
        }
    }
    let rates = rates.map(Spread::of);
    for (number, rate) in rates.iter().enumerate() {
        progress(&format!("capacity of server {}: {:.0} messages/s", number + 1, rate.median));
    }
    Ok(rates)
}

/// The nanoseconds between two messages at `percent` of `per_sec`.
pub(super) fn each_ns(per_sec: f64, percent: u32) -> Result<u64> {
    let rate = per_sec * f64::from(percent) / 100.0;
    if rate.is_finite() && rate > 0.0 { Ok((1e9 / rate) as u64) } else { Err("nothing can be delivered".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_capacity_is_a_time_between_messages() {
        assert_eq!(each_ns(250.0, 50).expect("a rate"), 8_000_000);
        assert!(each_ns(0.0, 50).is_err() && each_ns(f64::NAN, 50).is_err() && each_ns(10.0, 0).is_err());
    }
}
