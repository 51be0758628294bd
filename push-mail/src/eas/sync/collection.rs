//! What is remembered of a folder that a device syncs: its last two keys and what they stand for; pure.
//!
//! ```text
//!  sync 0   ─▶ key 1: nothing is held
//!  sync N   ─▶ answer ─▶ key N+1 stands for N and the difference that the answer told; N still for its own
//!  sync N+1 ─▶ the device has the answer: the difference is a part of what it holds, N is forgotten
//!  sync N   ─▶ the answer was lost: the difference is forgotten, and told again under a new key
//! ```

use serde::{Deserialize, Serialize};

use super::held::{Delta, Item};
use super::options::Options;
use crate::store::{Class, Token};

/// The key that begins ([MS-ASCMD] 2.2.3.181.4, SyncKey).
pub(crate) const FIRST_KEY: &str = "0";

/// What a key stands for, beside what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) key: String,
    /// All changes up to it are told, or need not be. `None` while all there is has to be compared with all that is held.
    pub(crate) token: Option<Token>,
}

/// An item that the device has made, by the name that it gave it: told again, it is not made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The key with which it asked: with another the name means something else.
    pub(crate) key: String,
    pub(crate) client_id: String,
    /// `None` from before it was made until that is known.
    pub(crate) uid: Option<u64>,
    /// The digest of what is made, to be recognised by.
    pub(crate) digest: u64,
}

/// A folder as a device syncs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Collection {
    /// How many keys it was given.
    count: u64,
    pub(crate) class: Class,
    /// Of the numbers that the device knows items by; 0 until it knows some.
    #[serde(default)]
    pub(crate) epoch: u64,
    /// The key that the device has shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    shown: Option<Point>,
    /// The key that it was given last, if it has not shown it yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    given: Option<Point>,
    /// What the answer with the given key told: number, marks and day, or that it is gone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    told: Vec<(u64, Option<(u32, u32)>)>,
    /// What the device made with the key that it has shown, or is about to show.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) made: Vec<Made>,
    pub(crate) options: Options,
    /// The day up to which what is too old was looked for.
    #[serde(default)]
    pub(crate) aged: u32,
}

/// What a key that a device shows means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It has what it was given: the difference is confirmed.
    Confirmed(Delta),
    /// The answer was lost; what it told is told again.
    Again,
    /// It was shown before, and nothing was given for it.
    Same,
    /// It is none of the last two.
    Unknown,
}

fn delta(told: &[(u64, Option<(u32, u32)>)]) -> Delta {
    told.iter().map(|(uid, item)| (*uid, item.map(|(marks, day)| Item { marks, day }))).collect()
}

impl Collection {
    /// The device shows `key`, which is not the first.
    pub(crate) fn show(&mut self, key: &str) -> Shown {
        if self.given.as_ref().is_some_and(|given| given.key == key) {
            self.shown = self.given.take();
            self.made.retain(|made| made.key == key);
            return Shown::Confirmed(delta(&std::mem::take(&mut self.told)));
        }
        if self.shown.as_ref().is_some_and(|shown| shown.key == key) {
            let was_given = self.given.take().is_some();
            self.told.clear();
            // What was told of it may have been lost too.
            self.aged = if was_given { 0 } else { self.aged };
            return if was_given { Shown::Again } else { Shown::Same };
        }
        Shown::Unknown
    }

    /// Where it goes on from the key that was shown.
    pub(crate) fn token(&self) -> Option<Token> {
        self.shown.as_ref().and_then(|point| point.token)
    }

    /// Nothing is told up to `token`: it goes on from there. Whether that is worth to be remembered.
    pub(crate) fn advance(&mut self, token: Option<Token>) -> bool {
        /// Changes that are looked at again and again rather than written once.
        const FEW: u64 = 512;
        let (Some(shown), Some(token)) = (&mut self.shown, token) else { return false };
        let is_far = shown.token.is_none_or(|before| before == Token::START || before.modseq + FEW < token.modseq);
        if is_far {
            shown.token = Some(token);
        }
        is_far
    }

    /// The key that the device has shown; empty if there is none.
    pub(crate) fn shown_key(&self) -> &str {
        self.shown.as_ref().map_or("", |shown| &shown.key)
    }

    /// From the key that was shown on, all there is has to be compared.
    pub(crate) fn compare_all(&mut self) {
        if let Some(shown) = &mut self.shown {
            shown.token = None;
        }
    }

    /// A new key for an answer that tells `difference`; before it all up to `token` is told.
    pub(crate) fn give(&mut self, token: Option<Token>, difference: &Delta, random: u32) -> String {
        self.count += 1;
        let key = format!("{}-{random:08x}", self.count);
        self.given = Some(Point { key: key.clone(), token });
        self.told = difference.iter().map(|(uid, item)| (*uid, item.map(|item| (item.marks, item.day)))).collect();
        key
    }

    /// The key for the answer to the first key: nothing is held, and everything is to be told.
    pub(crate) fn begin(class: Class, options: Options, count: u64, random: u32) -> (Self, String) {
        let mut new = Self { count, class, options, ..Self::default() };
        let key = new.give(Some(Token::START), &Delta::new(), random);
        (new, key)
    }

    /// How many keys there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The key that a device shows that repeats what it asked last: the newest it has been given.
    pub(crate) fn newest_key(&self) -> Option<&str> {
        self.given.as_ref().or(self.shown.as_ref()).map(|point| &*point.key)
    }

    /// What the device holds by now, as far as it is known: what it was given last, unless the answer with that key was
    /// `lost`. `None` if it never synced.
    pub(crate) fn baseline(&self, lost: Option<&str>) -> Option<(Option<Token>, Delta)> {
        let given = self.given.as_ref().filter(|given| lost != Some(&given.key));
        match (given, &self.shown) {
            (Some(given), _) => Some((given.token, delta(&self.told))),
            (None, Some(shown)) => Some((shown.token, Delta::new())),
            (None, None) => None,
        }
    }

    /// Whether the device has ever asked for what is in the folder.
    pub(crate) fn is_primed(&self) -> bool {
        self.shown.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(modseq: u64) -> Option<Token> {
        Some(Token { epoch: 1, modseq, paging: None })
    }

    fn one(uid: u64) -> Delta {
        Delta::from([(uid, Some(Item { marks: 1, day: 2 }))])
    }

    #[test]
    fn the_last_two_keys_are_known_and_what_was_lost_is_told_again() {
        let (mut folder, first) = Collection::begin(Class::Email, Options::default(), 0, 1);
        assert_eq!(folder.baseline(None), Some((at(0).map(|_| Token::START), Delta::new())));
        assert_eq!(folder.show("1-00000002"), Shown::Unknown);
        assert_eq!(folder.show(&first), Shown::Confirmed(Delta::new()));
        assert_eq!(folder.show(&first), Shown::Same);
        let second = folder.give(at(5), &one(7), 2);
        assert_eq!(folder.baseline(None), Some((at(5), one(7))));
        assert_eq!(folder.baseline(Some(&second)), Some((Some(Token::START), Delta::new())));
        assert_eq!(folder.show(&first), Shown::Again);
        assert_eq!(folder.show(&second), Shown::Unknown, "it was lost");
        let third = folder.give(at(6), &one(8), 3);
        assert_eq!(folder.show(&third), Shown::Confirmed(one(8)));
        assert_eq!(folder.token(), at(6));
        assert_eq!(folder.show(&first), Shown::Unknown);
    }
}
