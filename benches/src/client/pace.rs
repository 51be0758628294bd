//! Load at a fixed rate: what is published has a time at which it is due, and its latency counts from then.
//!
//! A publisher that waited for a slow server would publish less, and measure only what it did publish: the wait of what
//! it had left out would be missing from the percentiles. Here nobody waits: what is late is published late, and is told to be late.

use serde::{Deserialize, Serialize};

use super::command::Slice;
use super::swarm::Swarm;
use super::tally::{Latency, histogram};
use crate::Result;
use crate::clock::{MS, now_ns};

/// Quantiles of a curve for each power of ten that is left above them.
const STEPS: u32 = 12;

/// Powers of ten of a curve: up to 99.99 %.
const POWERS: u32 = 4;

/// What paced load was like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Paced {
    pub(crate) slice: Slice,
    pub(crate) latency: Latency,
    /// Latencies in nanoseconds at each of [`quantiles`].
    pub(crate) curve: Vec<u64>,
    /// How long after they were due messages were published.
    pub(crate) late: Latency,
}

/// Where curves have their points: as many between 90 % and 99 % as between 99 % and 99.9 %.
pub(crate) fn quantiles() -> impl Iterator<Item = f64> {
    (0..=STEPS * POWERS).map(|step| 1.0 - 10f64.powf(-f64::from(step) / f64::from(STEPS)))
}

/// Publishes a message each `each_ns` for `ms`, and waits until everybody has the last one.
pub(crate) fn pace(swarm: &mut Swarm, ms: u64, each_ns: u64) -> Result<Paced> {
    swarm.tally.measure();
    let (slice, late) = run(swarm, ms * MS, each_ns, 0, |_| false)?;
    let latencies = swarm.tally.take();
    let curve = quantiles().map(|quantile| latencies.value_at_quantile(quantile)).collect();
    Ok(Paced { slice, latency: Latency::of(&latencies), curve, late })
}

/// Publishes a message each `each_ns` until `ns` are over or `is_done`, then waits for everybody from `first_key` on.
pub(super) fn run(
    swarm: &mut Swarm,
    ns: u64,
    each_ns: u64,
    first_key: usize,
    is_done: impl Fn(&Swarm) -> bool,
) -> Result<(Slice, Latency)> {
    let (begin, before) = (now_ns(), swarm.tally.account.deliveries);
    let mut late = histogram();
    aim(swarm, first_key);
    for number in 0..ns.div_ceil(each_ns.max(1)) {
        let due = begin + number * each_ns;
        swarm.rest_until(due)?;
        if is_done(swarm) {
            break;
        }
        late.saturating_record(now_ns().saturating_sub(due));
        swarm.publisher.publish_due(due)?;
    }
    aim(swarm, first_key);
    let subscribers = swarm.conns.len() - first_key;
    swarm.wait("everybody to have the last message of paced load", |swarm| {
        swarm.tally.arrived == subscribers && swarm.publisher.in_flight == 0
    })?;
    Ok((Slice { count: swarm.tally.account.deliveries - before, ns: now_ns() - begin }, Latency::of(&late)))
}

/// Waits for, and measures, those from `first_key` on.
fn aim(swarm: &mut Swarm, first_key: usize) {
    let places: Vec<_> = swarm.places().collect();
    swarm.tally.aim(swarm.publisher.next_seq - 1, first_key, places.into_iter());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_the_least_to_four_nines() {
        let quantiles: Vec<f64> = quantiles().collect();
        assert_eq!(quantiles[0], 0.0);
        assert!(quantiles.is_sorted() && quantiles.iter().all(|quantile| *quantile < 1.0));
        for (power, share) in [(1, 0.9), (2, 0.99), (3, 0.999), (4, 0.9999)] {
            assert!((quantiles[STEPS as usize * power] - share).abs() < 1e-9, "{share}");
        }
    }
}
