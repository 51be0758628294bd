//! Direct Push: folders, sync and ping for devices, whatever they speak.
//!
//! ```text
//!  sync(N) ─▶ what changed behind N's point ─▶ key N+1, on the disk ─▶ answer
//!  ping    ─▶ be watched ─▶ take places in the folders ─▶ compare with what the device was given ─▶ differs? answer
//!                                                                                                        └▶ else wait
//!             woken by the account's watcher: compare ─▶ differs? answer : wait on
//! ```
//!
//! In this order nothing is missed: what happens after the places are taken wakes, what happened before is compared. And
//! nothing is told in vain: an answer `changes` is given only where a sync would tell something.

pub(crate) mod device;
pub(crate) mod devices;
mod guard;
pub(crate) mod live;
pub(crate) mod lost;
#[cfg(test)]
mod model_tests;
pub mod ping;
pub(crate) mod pulse;
mod sync;
pub(crate) mod waiting;

pub(crate) use guard::Verdict;
pub(crate) use sync::OnItsWay;
pub use sync::{SyncAnswer, SyncRequest, SyncedItem};
pub(crate) use waiting::WaitingPing;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use devices::{DeviceId, Devices};
use guard::Guard;
use live::Live;
use lost::Lost;
use pulse::{DevicePings, Pulses};

use crate::config::MailConfig;
use crate::state::State;
use crate::stats::Counters;

/// Longest name of a device, in bytes.
pub const MAX_DEVICE_BYTES: usize = 64;

/// Guards beyond which the forgiven ones are dropped, once for each time that there are twice as many.
const GUARDS: usize = 10_000;

/// Guards that there are at most: whoever comes then is not counted.
const MOST_GUARDS: usize = 1_000_000;

/// Places for pings that are kept however few there are.
const CROWD: usize = 1024;

/// What is shared by all devices.
#[derive(Debug)]
pub(crate) struct Direct {
    pub(crate) devices: Devices,
    pub(crate) counters: Counters,
    pub(crate) pulses: Pulses,
    pub(crate) lost: Arc<Lost>,
    config: Arc<MailConfig>,
    now: Mutex<Now>,
}

/// A ping that is found by its device.
#[derive(Debug)]
struct OfDevice(Arc<Live>);

impl Borrow<DeviceId> for OfDevice {
    fn borrow(&self) -> &DeviceId {
        &self.0.id
    }
}

impl Hash for OfDevice {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for OfDevice {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for OfDevice {}

/// What is true only now.
#[derive(Debug, Default)]
struct Now {
    /// The one ping of each device.
    pings: HashSet<OfDevice>,
    last_ticket: u64,
    guards: HashMap<DeviceId, Guard>,
    /// Guards beyond which it is looked which are forgiven.
    guards_bound: usize,
    is_draining: bool,
}

impl Direct {
    pub(crate) fn new(state: &State, config: Arc<MailConfig>) -> Self {
        let devices = Devices::new(state.clone(), config.max_devices);
        let lost = Arc::new(Lost::new(config.max_devices));
        Self { devices, counters: Counters::default(), pulses: Pulses::default(), lost, config, now: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Nothing is left half done under this lock: a poisoned one holds what it always holds.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pings wait.
    pub(crate) fn waiting(&self) -> usize {
        self.now().pings.len()
    }

    /// How the pings of a device do, and when the last one came, in Unix milliseconds; 0 if none did.
    pub(crate) fn pings_of(&self, id: &DeviceId) -> (DevicePings, u64) {
        let (mut pings, heard_ms) = self.pulses.of(id);
        pings.is_waiting = self.now().pings.contains(id);
        (pings, heard_ms)
    }

    /// Answers all pings that wait, and each that comes from now on.
    pub(crate) fn drain(&self) -> usize {
        let pings: Vec<Arc<Live>> = {
            let mut now = self.now();
            now.is_draining = true;
            now.pings.iter().map(|ping| Arc::clone(&ping.0)).collect()
        };
        pings.iter().for_each(|ping| ping.end());
        pings.len()
    }

    /// Pings are ordered as their requests came, by this.
    fn ticket(&self) -> u64 {
        let mut now = self.now();
        now.last_ticket += 1;
        now.last_ticket
    }

    /// Makes `live` the ping of its device: an older one ends, as it does itself if it has been overtaken.
    fn enter(&self, live: &Arc<Live>) {
        let ending = {
            let mut now = self.now();
            let is_overtaken = now.pings.get(&live.id).is_some_and(|newest| newest.0.ticket > live.ticket);
            let older = if is_overtaken { None } else { now.pings.replace(OfDevice(Arc::clone(live))) };
            let itself = (is_overtaken || now.is_draining).then(|| Arc::clone(live));
            [older.map(|older| older.0), itself]
        };
        ending.into_iter().flatten().for_each(|live| live.end());
    }

    fn exit(&self, live: &Arc<Live>) {
        let mut now = self.now();
        if now.pings.get(&live.id).is_some_and(|there| Arc::ptr_eq(&there.0, live)) {
            now.pings.remove(&live.id);
            if now.pings.capacity() > CROWD && now.pings.len() * 8 < now.pings.capacity() {
                let twice = now.pings.len() * 2;
                now.pings.shrink_to(twice);
            }
        }
    }

    /// Counts an answer `changes`.
    fn count_changes(&self, id: &DeviceId, at: Instant) -> Verdict {
        let mut now = self.now();
        if now.guards.len() >= now.guards_bound.max(GUARDS) {
            now.guards.retain(|_, guard| at.saturating_duration_since(guard.last) < guard::FORGIVEN);
            now.guards_bound = now.guards.len().saturating_mul(2);
        }
        if now.guards.len() >= MOST_GUARDS && !now.guards.contains_key(id) {
            return Verdict::Answer;
        }
        let guard = now.guards.entry(id.clone()).or_insert_with(|| Guard::new(at));
        guard.count(at, self.config.fast_loop)
    }

    /// The device has synced.
    pub(crate) fn has_synced(&self, id: &DeviceId) {
        self.now().guards.remove(id);
    }
}
