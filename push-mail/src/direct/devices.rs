//! Devices in the database, and one turn at a time for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{TableDefinition, TableError};

use super::device::Device;
use crate::state::{Durability, State, StateError};

/// Account, user (empty where nobody has a name), device -> [`Device`] as JSON.
const DEVICES: TableDefinition<'_, (&str, &str, &str), &[u8]> = TableDefinition::new("mail.devices");

/// Devices of a user that are looked at for the one that pings: to ask must not cost more than to answer.
const LOOKED_AT: usize = 32;

/// Which device: account, user, and the device's own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DeviceId {
    pub(crate) account: Arc<str>,
    /// `None` where nobody has a name.
    pub(crate) user: Option<Arc<str>>,
    pub(crate) device: Box<str>,
}

/// What the names of devices that speak EAS begin with here; those of the calls in JSON have no control characters.
const OF_EAS: char = '\u{1}';

impl DeviceId {
    /// The device that calls itself so over EAS.
    pub(crate) fn of_eas(account: &Arc<str>, user: Option<Arc<str>>, device: &str) -> Self {
        Self { account: Arc::clone(account), user, device: format!("{OF_EAS}{device}").into() }
    }

    /// As the device calls itself.
    pub(crate) fn own_name(&self) -> &str {
        self.device.strip_prefix(OF_EAS).unwrap_or(&self.device)
    }

    fn key(&self) -> (&str, &str, &str) {
        (&self.account, self.user.as_deref().unwrap_or_default(), &self.device)
    }
}

/// The devices of all accounts.
#[derive(Debug)]
pub(crate) struct Devices {
    state: State,
    most: usize,
    /// By account, once they were counted.
    counts: Mutex<HashMap<Arc<str>, usize>>,
    /// Who is having a turn, or waits for one.
    turns: Mutex<HashMap<Arc<DeviceId>, Arc<tokio::sync::Mutex<()>>>>,
}

/// A device's turn: nobody else writes it until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    devices: &'a Devices,
    id: Arc<DeviceId>,
    held: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut turns = self.devices.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and no other: nobody waits.
        if turns.get(&self.id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.id);
        }
    }
}

impl Devices {
    pub(crate) fn new(state: State, most: usize) -> Self {
        Self { state, most, counts: Mutex::default(), turns: Mutex::default() }
    }

    /// The device's turn, once whoever has it is done.
    pub(crate) async fn turn(&self, id: &Arc<DeviceId>) -> Turn<'_> {
        let lock = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(Arc::clone(id)).or_default())
        };
        // Before it is held: whoever stops waiting for it leaves nothing behind either.
        let mut turn = Turn { devices: self, id: Arc::clone(id), held: None };
        turn.held = Some(lock.lock_owned().await);
        turn
    }

    /// What is remembered of it; `None` if that is nothing.
    pub(crate) fn load(&self, id: &DeviceId) -> Result<Option<Device>, StateError> {
        self.state.read(|transaction| {
            let table = match transaction.open_table(DEVICES) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            // What cannot be read is as if it were not there: the device begins again.
            Ok(table.get(id.key())?.and_then(|row| serde_json::from_slice(row.value()).ok()))
        })
    }

    /// The devices of a user at an account that have pinged: those whose parameters are known, among the first
    /// [`LOOKED_AT`] of them.
    pub(crate) fn pinging(&self, account: &str, user: &str, limit: usize) -> Result<Vec<Box<str>>, StateError> {
        self.state.read(|transaction| {
            let mut found = Vec::new();
            let table = match transaction.open_table(DEVICES) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(found),
                Err(error) => return Err(error.into()),
            };
            for row in table.range((account, user, "")..)?.take(LOOKED_AT) {
                let (key, row) = row?;
                let (its_account, its_user, device) = key.value();
                if its_account != account || its_user != user || found.len() == limit {
                    break;
                }
                if serde_json::from_slice::<Device>(row.value()).is_ok_and(|device| device.ping.is_some()) {
                    found.push(device.into());
                }
            }
            Ok(found)
        })
    }

    /// Remembers it, on the disk. Of too many, a tenth is forgotten: those not heard for longest.
    pub(crate) async fn save(&self, id: &DeviceId, device: &Device) -> Result<(), StateError> {
        let is_new = self.load(id)?.is_none();
        if is_new {
            self.make_room(&id.account).await?;
        }
        let json = serde_json::to_vec(device).expect("plain data is JSON");
        let id = id.clone();
        let write = move |transaction: &redb::WriteTransaction| {
            transaction.open_table(DEVICES)?.insert(id.key(), json.as_slice())?;
            Ok(())
        };
        self.state.write(Durability::Disk, write).await
    }

    async fn make_room(&self, account: &Arc<str>) -> Result<(), StateError> {
        let counted = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(account).copied();
        let count = match counted {
            Some(count) => count,
            None => self.all(account)?.len(),
        };
        let mut now = count + 1;
        if now > self.most {
            let mut all = self.all(account)?;
            all.sort_unstable();
            all.truncate(now - self.most + self.most / 10);
            now = now.saturating_sub(all.len());
            let account = Arc::clone(account);
            let write = move |transaction: &redb::WriteTransaction| {
                let mut table = transaction.open_table(DEVICES)?;
                for (_, user, device) in &all {
                    table.remove((&*account, user.as_str(), device.as_str()))?;
                }
                Ok(())
            };
            self.state.write(Durability::Later, write).await?;
        }
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(account), now);
        Ok(())
    }

    /// When each was heard last, its user and its name.
    fn all(&self, account: &str) -> Result<Vec<(u64, String, String)>, StateError> {
        self.each(account, |user, device, row| Some((row.seen_ms, user.to_owned(), device.to_owned())))
    }

    /// The devices of an account that speak the calls in JSON.
    pub(crate) fn of_calls(&self, account: &Arc<str>) -> Result<Vec<(DeviceId, Device)>, StateError> {
        self.each(account, |user, device, row| {
            let user = Some(user).filter(|user| !user.is_empty()).map(Into::into);
            let id = DeviceId { account: Arc::clone(account), user, device: device.into() };
            (!device.starts_with(OF_EAS)).then_some((id, row))
        })
    }

    /// What `pick` makes of the devices of an account: of a user, a name, and what is remembered.
    fn each<T>(&self, account: &str, pick: impl Fn(&str, &str, Device) -> Option<T>) -> Result<Vec<T>, StateError> {
        self.state.read(|transaction| {
            let mut all = Vec::new();
            let table = match transaction.open_table(DEVICES) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(all),
                Err(error) => return Err(error.into()),
            };
            for row in table.range((account, "", "")..)? {
                let (key, row) = row?;
                let (its_account, user, device) = key.value();
                if its_account != account {
                    break;
                }
                all.extend(pick(user, device, serde_json::from_slice(row.value()).unwrap_or_default()));
            }
            Ok(all)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(device: &str) -> DeviceId {
        DeviceId { account: "alice".into(), user: None, device: device.into() }
    }

    #[tokio::test]
    async fn of_too_many_devices_those_not_heard_for_longest_are_forgotten() {
        let devices = Devices::new(State::in_memory().expect("memory"), 20);
        for n in 0..30_u64 {
            let mut device = Device::default();
            device.seen_ms = n;
            devices.save(&id(&n.to_string()), &device).await.expect("saved");
        }
        let all = devices.all("alice").expect("read");
        assert!(all.len() <= 20, "{}", all.len());
        let oldest = all.iter().map(|(seen, ..)| *seen).min().expect("some");
        assert_eq!(all.len() as u64, 30 - oldest, "the newest are all there");
    }

    #[tokio::test]
    async fn a_device_has_one_turn_at_a_time_and_leaves_nothing_behind() {
        let devices = Devices::new(State::in_memory().expect("memory"), 20);
        let (one, other) = (Arc::new(id("a")), Arc::new(id("b")));
        let turn = devices.turn(&one).await;
        let free = devices.turn(&other).await;
        let waiting = devices.turn(&one);
        tokio::pin!(waiting);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        drop(turn);
        drop(waiting.await);
        drop(free);
        assert!(devices.turns.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn who_stops_waiting_for_a_turn_leaves_nothing_behind() {
        let devices = Devices::new(State::in_memory().expect("memory"), 20);
        let one = Arc::new(id("a"));
        let turn = devices.turn(&one).await;
        let mut waiting = Box::pin(devices.turn(&one));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        drop(turn);
        drop(waiting);
        assert!(devices.turns.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn the_only_device_that_pings_is_not_looked_for_among_very_many() {
        let devices = Devices::new(State::in_memory().expect("memory"), 1000);
        let mut pings = Device::default();
        pings.ping = Some(crate::direct::ping::PingParameters { heartbeat_s: 60, folders: Vec::new() });
        devices.save(&id("z"), &pings).await.expect("saved");
        assert_eq!(devices.pinging("alice", "", 2).expect("read"), ["z".into()]);
        for n in 0..LOOKED_AT {
            devices.save(&id(&n.to_string()), &Device::default()).await.expect("saved");
        }
        assert!(devices.pinging("alice", "", 2).expect("read").is_empty());
    }
}
