//! The devices that have asked, how long ago, and what they are; those not heard for longest are forgotten.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use redb::{ReadableTable, TableError};
use serde::{Deserialize, Serialize};

use super::rows::{Key, ROWS, Rows};
use super::settings::Info;
use super::{Part, Version, ping};
use crate::direct::devices::DeviceId;
use crate::direct::ping::PingParameters;
use crate::direct::pulse::DevicePings;
use crate::state::{Durability, StateError};

/// The row that a device has from its first request on.
const SEEN: Part = Part("device");

/// A device that was heard is written down no more often, unless it speaks another version.
const HOUR_MS: u64 = 3_600_000;

/// A device not heard for so long makes room for another one of its user.
const LONG_AGO_MS: u64 = 30 * 24 * HOUR_MS;

/// Longest name of a program that is kept, in bytes.
const MAX_AGENT_BYTES: usize = 255;

/// What is remembered of a device whatever it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    first_ms: u64,
    /// Kept to the hour.
    last_ms: u64,
    device_type: String,
    user_agent: String,
    version: String,
}

/// What a request says of its device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) device_type: &'a str,
    pub(crate) user_agent: &'a str,
    pub(crate) version: Version,
    pub(crate) unix_ms: u64,
}

/// A device's user has as many as it may, all of them heard not long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// A device that has asked for a mailbox, for lists of them. What only Exchange ActiveSync tells is empty, or 0, where it speaks
/// the calls in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceSummary {
    /// The account.
    pub account: String,
    /// Whose it is; `None` where nobody has a name.
    pub user: Option<String>,
    /// As it calls itself; over Exchange ActiveSync in small letters.
    pub device: String,
    /// As it names its kind (`iPhone`, `Android`), at most 255 bytes.
    pub device_type: String,
    /// Its program, as the header `User-Agent` names it; at most 255 bytes, empty if it names none.
    pub user_agent: String,
    /// The version of Exchange ActiveSync that it spoke last, such as `16.1`.
    pub version: String,
    /// Its model, where it tells.
    pub model: Option<String>,
    /// Its system, where it tells.
    pub os: Option<String>,
    /// What its owner calls it, where it tells.
    pub friendly_name: Option<String>,
    /// When it was heard first, in Unix milliseconds.
    pub first_seen_ms: u64,
    /// When it was heard last, in Unix milliseconds: its last ping where that was since the start of the process, else to
    /// the hour, or to the day of a device in JSON that only pings.
    pub last_seen_ms: u64,
    /// How long it asked to wait, the last time that it pinged.
    pub heartbeat: Option<Duration>,
    /// How its pings did since the start of the process.
    pub pings: DevicePings,
}

impl Seen {
    fn hear(&mut self, heard: Heard<'_>) {
        if self.first_ms == 0 {
            self.first_ms = heard.unix_ms;
        }
        self.last_ms = heard.unix_ms - heard.unix_ms % HOUR_MS;
        self.device_type = heard.device_type.to_owned();
        self.user_agent = shortened(heard.user_agent);
        self.version = heard.version.as_str().to_owned();
    }

    /// Whether it is to be written down. A name that changes waits for the hour: some phones have several programs, which
    /// take turns.
    fn is_news(&self, heard: Heard<'_>) -> bool {
        heard.unix_ms.saturating_sub(self.last_ms) >= HOUR_MS || self.version != heard.version.as_str()
    }
}

fn shortened(text: &str) -> String {
    let end = (0..=MAX_AGENT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text[..end].chars().filter(|c| !c.is_control()).collect()
}

/// Behind the parts of all concerns.
const LAST: &str = "\u{10FFFF}";

/// The devices of an account that have any row, or of one of its users, and when each was heard last.
fn last_heard(
    table: &impl ReadableTable<Key<'static>, &'static [u8]>,
    account: &str,
    user: Option<&str>,
) -> Result<BTreeMap<(String, String), u64>, redb::Error> {
    let mut devices = BTreeMap::new();
    let mut from = (user.unwrap_or_default().to_owned(), String::new(), "");
    // From device to device: one may have a thousand rows.
    while let Some(row) = table.range((account, from.0.as_str(), from.1.as_str(), from.2)..)?.next() {
        let (key, _) = row?;
        let (its_account, its_user, device, _) = key.value();
        if its_account != account || user.is_some_and(|user| user != its_user) {
            break;
        }
        let seen = table.get((account, its_user, device, SEEN.0))?;
        let seen = seen.and_then(|row| serde_json::from_slice::<Seen>(row.value()).ok());
        devices.insert((its_user.to_owned(), device.to_owned()), seen.map_or(0, |seen| seen.last_ms));
        from = (its_user.to_owned(), device.to_owned(), LAST);
    }
    Ok(devices)
}

/// Forgets all that is remembered of these.
fn forget(
    transaction: &redb::WriteTransaction,
    account: &str,
    devices: impl IntoIterator<Item = (String, String)>,
) -> Result<usize, redb::Error> {
    let mut table = transaction.open_table(ROWS)?;
    let mut count = 0;
    for (user, device) in devices {
        let mut parts = Vec::new();
        for row in table.range((account, &*user, &*device, "")..)? {
            let (key, _) = row?;
            let (its_account, its_user, its_device, part) = key.value();
            if (its_account, its_user, its_device) != (account, &*user, &*device) {
                break;
            }
            parts.push(part.to_owned());
        }
        for part in parts {
            table.remove((account, &*user, &*device, &*part))?;
        }
        count += 1;
    }
    Ok(count)
}

impl Rows {
    /// A device has asked. One that is new takes a place, on the disk, if its user has one left: of too many of an
    /// account a tenth is forgotten, those not heard for longest; of a user those not heard for a month make room.
    pub(crate) async fn hear(
        &self,
        id: &Arc<DeviceId>,
        heard: Heard<'_>,
        most_of_user: usize,
    ) -> Result<Result<(), TooMany>, StateError> {
        let known: Option<Seen> = self.load(id, SEEN)?;
        let is_new = known.is_none();
        let mut seen = known.unwrap_or_default();
        if !is_new && !seen.is_news(heard) {
            return Ok(Ok(()));
        }
        seen.hear(heard);
        if is_new && let ControlFlow::Break(()) = self.make_room(id, heard.unix_ms, most_of_user).await? {
            return Ok(Err(TooMany));
        }
        let durability = if is_new { Durability::Disk } else { Durability::Later };
        self.save_for(id, SEEN, &seen, durability).await?;
        if is_new {
            self.count(&id.account, |count| count + 1);
        }
        Ok(Ok(()))
    }

    async fn make_room(&self, id: &DeviceId, unix_ms: u64, most: usize) -> Result<ControlFlow<()>, StateError> {
        let user = id.user.as_deref().unwrap_or_default().to_owned();
        let mut stale: Vec<_> = self.last_heard(&id.account, Some(&user))?.into_iter().collect();
        let too_many = (stale.len() + 1).saturating_sub(most);
        if too_many > 0 {
            stale.retain(|(_, last_ms)| unix_ms.saturating_sub(*last_ms) >= LONG_AGO_MS);
            if stale.len() < too_many {
                return Ok(ControlFlow::Break(()));
            }
            self.forget(&id.account, stale, too_many).await?;
        }
        let known = self.counted(&id.account);
        let count = match known {
            Some(count) => count,
            None => self.last_heard(&id.account, None)?.len(),
        };
        if known.is_none() {
            self.count(&id.account, |_| count);
        }
        if count + 1 > self.most {
            let all: Vec<_> = self.last_heard(&id.account, None)?.into_iter().collect();
            // Two first requests of one device at a time were counted twice.
            let count = all.len();
            self.count(&id.account, |_| count);
            if count + 1 > self.most {
                self.forget(&id.account, all, count + 1 - self.most + self.most / 10).await?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn last_heard(&self, account: &str, user: Option<&str>) -> Result<BTreeMap<(String, String), u64>, StateError> {
        self.state.read(|transaction| match transaction.open_table(ROWS) {
            Ok(table) => last_heard(&table, account, user),
            Err(TableError::TableDoesNotExist(_)) => Ok(BTreeMap::new()),
            Err(error) => Err(error.into()),
        })
    }

    /// Forgets so many of these, those not heard for longest.
    async fn forget(
        &self,
        account: &Arc<str>,
        mut devices: Vec<((String, String), u64)>,
        count: usize,
    ) -> Result<(), StateError> {
        devices.sort_by_key(|(_, last_ms)| *last_ms);
        devices.truncate(count);
        let of = Arc::clone(account);
        let forgotten = self.state.write(Durability::Later, move |transaction| {
            forget(transaction, &of, devices.into_iter().map(|(device, _)| device))
        });
        let forgotten = forgotten.await?;
        tracing::info!(account = &**account, forgotten, "devices not heard for long are forgotten");
        self.count(account, |count| count.saturating_sub(forgotten));
        Ok(())
    }

    /// The devices of an account, the one heard last before the others.
    pub(crate) fn devices(&self, account: &str) -> Result<Vec<(DeviceId, DeviceSummary)>, StateError> {
        let mut devices = Vec::new();
        for (user, device) in self.last_heard(account, None)?.into_keys() {
            let user = Some(user).filter(|user| !user.is_empty());
            let id = DeviceId { account: account.into(), user: user.as_deref().map(Into::into), device: device.into() };
            let Some(seen) = self.load::<Seen>(&id, SEEN)? else { continue };
            let info: Info = self.load(&id, Info::PART)?.unwrap_or_default();
            let pings: Option<PingParameters> = self.load(&id, ping::PART)?;
            let summary = DeviceSummary {
                account: account.to_owned(),
                user,
                device: id.own_name().to_owned(),
                device_type: seen.device_type,
                user_agent: seen.user_agent,
                version: seen.version,
                model: info.model,
                os: info.os,
                friendly_name: info.friendly_name,
                first_seen_ms: seen.first_ms,
                last_seen_ms: seen.last_ms,
                heartbeat: pings.map(|ping| Duration::from_secs(ping.heartbeat_s)),
                ..DeviceSummary::default()
            };
            devices.push((id, summary));
        }
        devices.sort_by_key(|(_, summary)| std::cmp::Reverse(summary.last_seen_ms));
        Ok(devices)
    }
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
