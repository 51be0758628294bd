//! What is remembered of a device: its sync keys, and what it waits for; pure.
//!
//! ```text
//!  sync N   ─▶ page from N's point ─▶ key N+1 stands for the point behind it, N still for its own
//!  sync N+1 ─▶ the device has the page: N is forgotten
//!  sync N   ─▶ the answer was lost: the page is made again from N's point, under a new key
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ping::PingParameters;
use crate::store::{FolderId, Token};

/// The key that begins.
pub(crate) const FIRST_KEY: &str = "0";

/// A sync key and the point that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    key: String,
    token: Token,
}

/// What a device knows of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Synced {
    /// The key that it has shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    shown: Option<Key>,
    /// The key that it was given last, if it has not shown it yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    given: Option<Key>,
    /// How many keys it was given.
    count: u64,
}

/// A device of a user at an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    /// When it was heard last, in Unix milliseconds; kept to the hour where it syncs, to the day where it only pings.
    pub(crate) seen_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) ping: Option<PingParameters>,
    /// Up to where it has acknowledged what was pushed to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) acknowledged: Option<String>,
    folders: BTreeMap<u32, Synced>,
}

impl Device {
    /// From where a sync with `key` goes on; `None` if the key is not one of its last two.
    pub(crate) fn begin(&self, folder: FolderId, key: &str) -> Option<Token> {
        if key == FIRST_KEY {
            return Some(Token::START);
        }
        let synced = self.folders.get(&folder.0)?;
        [&synced.given, &synced.shown].into_iter().flatten().find(|known| known.key == key).map(|known| known.token)
    }

    /// Gives the device a new key for `token`, as the answer to a sync with `key`, which [`Device::begin`] knew.
    pub(crate) fn give(&mut self, folder: FolderId, key: &str, token: Token, random: u32) -> String {
        let synced = self.folders.entry(folder.0).or_default();
        if key == FIRST_KEY {
            synced.shown = None;
        } else if synced.given.as_ref().is_some_and(|given| given.key == key) {
            synced.shown = synced.given.take();
        }
        synced.count += 1;
        let next = format!("{}-{random:08x}", synced.count);
        synced.given = Some(Key { key: next.clone(), token });
        next
    }

    /// The device shows the older of its keys, and nothing has changed since: the answer with the newer one was lost, and it
    /// will not be shown. Whether there was one.
    pub(crate) fn take_back(&mut self, folder: FolderId, key: &str) -> bool {
        let synced = self.folders.get_mut(&folder.0);
        let synced = synced.filter(|synced| synced.shown.as_ref().is_some_and(|shown| shown.key == key));
        synced.is_some_and(|synced| synced.given.take().is_some())
    }

    /// The point that the device is at: what it was given last unless the answer with that key was `lost`, or what it
    /// says it holds. [`Token::START`] if it never synced the folder; `None` if it holds a key that is not known.
    pub(crate) fn point(&self, folder: FolderId, holds: Option<&str>, lost: Option<&str>) -> Option<Token> {
        if let Some(key) = holds {
            return self.begin(folder, key);
        }
        let Some(synced) = self.folders.get(&folder.0) else { return Some(Token::START) };
        let given = synced.given.as_ref().filter(|given| lost != Some(&given.key));
        Some(given.or(synced.shown.as_ref()).map_or(Token::START, |key| key.token))
    }

    /// Forgets what it knows of folders that are not there any more.
    pub(crate) fn forget_all_but(&mut self, is_there: impl Fn(FolderId) -> bool) {
        self.folders.retain(|id, _| is_there(FolderId(*id)));
    }

    /// Forgets what it knows of one folder: it begins again.
    pub(crate) fn forget(&mut self, folder: FolderId) {
        self.folders.remove(&folder.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INBOX: FolderId = FolderId(1);

    fn at(modseq: u64) -> Token {
        Token { epoch: 1, modseq, paging: None }
    }

    #[test]
    fn the_last_two_keys_are_known_and_an_older_one_is_not() {
        let mut device = Device::default();
        assert_eq!(device.begin(INBOX, FIRST_KEY), Some(Token::START));
        assert_eq!(device.begin(INBOX, "1-00000000"), None);
        let first = device.give(INBOX, FIRST_KEY, at(5), 1);
        let second = device.give(INBOX, &first, at(7), 2);
        assert_eq!((device.begin(INBOX, &first), device.begin(INBOX, &second)), (Some(at(5)), Some(at(7))));
        let again = device.give(INBOX, &first, at(8), 3);
        assert_eq!(device.begin(INBOX, &second), None, "its answer was lost, and made again");
        assert_eq!((device.begin(INBOX, &first), device.begin(INBOX, &again)), (Some(at(5)), Some(at(8))));
        let third = device.give(INBOX, &again, at(9), 4);
        assert_eq!(device.begin(INBOX, &first), None);
        assert_eq!(device.begin(INBOX, &third), Some(at(9)));
        let anew = device.give(INBOX, FIRST_KEY, at(3), 5);
        assert_eq!((device.begin(INBOX, &third), device.begin(INBOX, &anew)), (None, Some(at(3))));
    }

    #[test]
    fn who_shows_the_older_key_again_is_at_its_point() {
        let mut device = Device::default();
        let first = device.give(INBOX, FIRST_KEY, at(5), 1);
        assert!(!device.take_back(INBOX, &first), "it is the newer one");
        let second = device.give(INBOX, &first, at(7), 2);
        assert!(device.take_back(INBOX, &first) && !device.take_back(INBOX, &first));
        assert_eq!((device.point(INBOX, None, None), device.begin(INBOX, &second)), (Some(at(5)), None));
    }

    #[test]
    fn a_device_is_at_what_it_was_given_unless_that_was_lost_or_it_says_otherwise() {
        let mut device = Device::default();
        assert_eq!(device.point(INBOX, None, None), Some(Token::START));
        let first = device.give(INBOX, FIRST_KEY, at(5), 1);
        assert_eq!(device.point(INBOX, None, None), Some(at(5)));
        assert_eq!(device.point(INBOX, None, Some(&first)), Some(Token::START));
        let second = device.give(INBOX, &first, at(7), 2);
        assert_eq!(device.point(INBOX, None, Some(&second)), Some(at(5)));
        assert_eq!(device.point(INBOX, None, Some(&first)), Some(at(7)), "a later answer has arrived since");
        assert_eq!(device.point(INBOX, Some(&first), None), Some(at(5)));
        assert_eq!(device.point(INBOX, Some(&second), Some(&second)), Some(at(7)));
        assert_eq!(device.point(INBOX, Some("x"), None), None);
    }
}
