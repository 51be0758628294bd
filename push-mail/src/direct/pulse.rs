//! How the pings of each device do: how long it asks to wait, and how long they live where something cuts them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::devices::DeviceId;
use crate::stats::CUT_BOUNDS_S;

/// Pings of a device over which its means are taken: what its network does today, and not what it did a week ago.
const LAST: usize = 8;

/// Devices that are counted at most. When there are as many, those that were silent for longest make room.
const MOST: usize = 1_000_000;

/// The share of them that does.
const ROOM: usize = MOST / 10;

/// How the pings of a device did since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DevicePings {
    /// Whether one waits now.
    pub is_waiting: bool,
    /// Pings that were answered.
    pub answered: u64,
    /// Pings whose client was gone before the answer.
    pub cut: u64,
    /// The mean of the last eight intervals that it asked for.
    pub mean_heartbeat: Option<Duration>,
    /// How long those of its last eight pings that were cut had lived, the median: where the network cuts them.
    pub cut_after: Option<Duration>,
}

/// The devices that have pinged since the start, counted by what their pings do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceClasses {
    /// By the mean of the last eight intervals they asked for: up to each of [`CUT_BOUNDS_S`], and longer.
    pub by_heartbeat: [u64; CUT_BOUNDS_S.len() + 1],
    /// Those of which a ping was cut, by the age at which the last eight were, the median.
    pub by_cut_age: [u64; CUT_BOUNDS_S.len() + 1],
}

/// The last few lengths, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    ring: [u16; LAST],
    /// How many there were, those that were overwritten included.
    count: u32,
}

impl Lengths {
    fn add(&mut self, length: Duration) {
        self.ring[self.count as usize % LAST] = u16::try_from(length.as_secs()).unwrap_or(u16::MAX);
        // Where it would begin again it stays a multiple of the ring above 0.
        self.count = self.count.checked_add(1).unwrap_or(LAST as u32);
    }

    fn known(&self) -> &[u16] {
        &self.ring[..LAST.min(self.count as usize)]
    }

    fn mean(&self) -> Option<Duration> {
        let known = self.known();
        let sum: u64 = known.iter().map(|seconds| u64::from(*seconds)).sum();
        (!known.is_empty()).then(|| Duration::from_secs(sum) / known.len() as u32)
    }

    fn median(&self) -> Option<Duration> {
        let mut known = self.known().to_vec();
        known.sort_unstable();
        known.get(known.len() / 2).map(|seconds| Duration::from_secs((*seconds).into()))
    }
}

/// One device.
#[derive(Clone, Copy, Debug, Default)]
struct Pulse {
    heard_ms: u64,
    asked: Lengths,
    cut: Lengths,
    answered: u32,
}

// Density: there is one for each device that pings.
const _: () = assert!(size_of::<Pulse>() <= 56);

/// All devices that ping. Their names are hashed: two that share a hash, of 64 bits, would be counted together.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    hasher: RandomState,
    by_device: Mutex<HashMap<u64, Pulse>>,
}

impl Pulses {
    fn change(&self, id: &DeviceId, change: impl FnOnce(&mut Pulse)) {
        let hash = self.hasher.hash_one(id);
        let mut all = self.all();
        if all.len() >= MOST && !all.contains_key(&hash) {
            make_room(&mut all);
        }
        change(all.entry(hash).or_default());
    }

    /// It asked to wait for so long.
    pub(crate) fn asked(&self, id: &DeviceId, heartbeat: Duration, unix_ms: u64) {
        self.change(id, |pulse| {
            pulse.heard_ms = unix_ms;
            pulse.asked.add(heartbeat);
        });
    }

    /// A ping of it was answered.
    pub(crate) fn answered(&self, id: &DeviceId) {
        self.change(id, |pulse| pulse.answered = pulse.answered.saturating_add(1));
    }

    /// It was gone before its answer.
    pub(crate) fn cut(&self, id: &DeviceId, lived: Duration) {
        self.change(id, |pulse| pulse.cut.add(lived));
    }

    /// How its pings did, and when the last one came, in Unix milliseconds; 0 if none did.
    pub(crate) fn of(&self, id: &DeviceId) -> (DevicePings, u64) {
        let pulse = self.all().get(&self.hasher.hash_one(id)).copied().unwrap_or_default();
        let pings = DevicePings {
            is_waiting: false,
            answered: pulse.answered.into(),
            cut: pulse.cut.count.into(),
            mean_heartbeat: pulse.asked.mean(),
            cut_after: pulse.cut.median(),
        };
        (pings, pulse.heard_ms)
    }

    pub(crate) fn classes(&self) -> DeviceClasses {
        let mut classes = DeviceClasses::default();
        let class = |length: Duration| {
            CUT_BOUNDS_S.iter().position(|bound| length.as_secs() <= *bound).unwrap_or(CUT_BOUNDS_S.len())
        };
        for pulse in self.all().values() {
            if let Some(mean) = pulse.asked.mean() {
                classes.by_heartbeat[class(mean)] += 1;
            }
            if let Some(median) = pulse.cut.median() {
                classes.by_cut_age[class(median)] += 1;
            }
        }
        classes
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u64, Pulse>> {
        // Nothing is left half done under this lock.
        self.by_device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(all: &mut HashMap<u64, Pulse>) {
    let mut heard: Vec<_> = all.values().map(|pulse| pulse.heard_ms).collect();
    let (_, bound, _) = heard.select_nth_unstable(ROOM.min(all.len() - 1));
    let bound = *bound;
    all.retain(|_, pulse| pulse.heard_ms > bound);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(device: &str) -> DeviceId {
        DeviceId { account: "alice".into(), user: None, device: device.into() }
    }

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_device_is_known_by_its_last_eight_pings() {
        let pulses = Pulses::default();
        assert_eq!(pulses.of(&id("phone")), (DevicePings::default(), 0));
        for (number, heartbeat) in [3540; 20].into_iter().chain([480; 8]).enumerate() {
            pulses.asked(&id("phone"), secs(heartbeat), number as u64);
        }
        for lived in [3000, 240, 250, 241] {
            pulses.cut(&id("phone"), secs(lived));
        }
        pulses.answered(&id("phone"));
        pulses.asked(&id("other"), secs(60), 7);
        let (pings, heard_ms) = pulses.of(&id("phone"));
        let expected = DevicePings {
            is_waiting: false,
            answered: 1,
            cut: 4,
            mean_heartbeat: Some(secs(480)),
            cut_after: Some(secs(250)),
        };
        assert_eq!((pings, heard_ms), (expected, 27));
        let classes = pulses.classes();
        assert_eq!(classes.by_heartbeat, [1, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(classes.by_cut_age, [0, 0, 0, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn lengths_are_the_last_ones_however_many_there_were() {
        let mut lengths = Lengths { ring: [60; LAST], count: u32::MAX };
        lengths.add(secs(68));
        assert_eq!((lengths.count, lengths.known().len()), (LAST as u32, LAST));
        assert_eq!(lengths.mean(), Some(secs(61)));
        lengths.add(Duration::MAX);
        assert_eq!(lengths.known()[0], u16::MAX);
    }

    #[test]
    fn of_too_many_devices_those_silent_for_longest_make_room() {
        let mut all: HashMap<u64, Pulse> =
            (0..ROOM as u64 * 2).map(|n| (n, Pulse { heard_ms: n, ..Pulse::default() })).collect();
        make_room(&mut all);
        assert_eq!(all.len(), ROOM - 1);
        assert!(all.values().all(|pulse| pulse.heard_ms > ROOM as u64));
    }
}
