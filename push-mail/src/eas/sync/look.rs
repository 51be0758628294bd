//! What a device is told of a folder: the difference between what is there and what it holds.
//!
//! ```text
//!  changes behind the token ─┐                        ┌─ not held, within the filter ─▶ Add
//!  or, without a token,      ├─▶ compared with what ──┼─ held, marked otherwise ──────▶ Change
//!  all there is and all held ┘   the device holds     ├─ held, not there ─────────────▶ Delete
//!                                                     ├─ held, too old by now ────────▶ SoftDelete
//!                                                     └─ else: nothing, whoever did it
//! ```

use std::collections::{BTreeMap, HashMap};

use super::collection::Collection;
use super::held::{Held, Item};
use crate::account::Account;
use crate::eas::email;
use crate::store::{Change, ChangeKind, Class, Flags, FolderId, Page, StoreError, StoreErrorKind, Token};

/// Folders with more items are told oldest first: to compare everything for each answer would take too long.
const MANY: usize = 20_000;

/// Changes that are read at a time where they are only looked at.
const LOOK: usize = 512;

/// What is told of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    Add,
    Change,
    Delete,
    SoftDelete,
}

/// What there is to tell.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// At most as many as were asked for.
    pub(super) tells: Vec<(Tell, Change)>,
    /// All up to it is told with them.
    pub(super) token: Option<Token>,
    /// Whether there is more.
    pub(super) more: bool,
    /// Whether `tells` are in the order of their changes: then a token may stand in the middle of them.
    pub(super) is_in_order: bool,
}

/// Why a look comes to nothing.
#[derive(Debug)]
pub(super) enum LookError {
    /// The device must begin again: the names that it has are of other items.
    BeginAgain,
    Store(StoreError),
}

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<crate::state::StateError> for LookError {
    fn from(error: crate::state::StateError) -> Self {
        Self::Store(error.into())
    }
}

/// The day of a time, counted from 1970. What nobody knows the time of never grows old.
pub(crate) fn day_of(unix_ms: u64) -> u32 {
    const DAY_MS: u64 = 86_400_000;
    if unix_ms == 0 { u32::MAX } else { u32::try_from(unix_ms / DAY_MS).unwrap_or(u32::MAX) }
}

/// What a device can see of an item's marks, or of its content.
pub(crate) fn item_of(class: Class, change: &Change) -> Item {
    let marks = match class {
        Class::Email => (change.flags.0 & email::SHOWN.0).into(),
        _ => digest(change.identity),
    };
    Item { marks, day: day_of(change.received_ms) }
}

/// Half of the digest of a content.
fn digest(identity: Option<u64>) -> u32 {
    identity.map_or(0, |identity| (identity ^ (identity >> 32)) as u32)
}

/// What a change means for a device that holds `held` of the item.
fn tell(class: Class, change: &Change, held: Option<Item>, first_day: u32) -> Option<Tell> {
    if change.kind == ChangeKind::Deleted {
        return held.map(|_| Tell::Delete);
    }
    let now = item_of(class, change);
    match held {
        None => (now.day >= first_day).then_some(Tell::Add),
        Some(held) => (held.marks != now.marks).then_some(Tell::Change),
    }
}

/// Whether a ping is to tell: a sync would tell something behind `token`, or without one of all there is.
pub(crate) fn differs(
    account: &Account,
    folder: FolderId,
    collection: &Collection,
    (token, held): (Option<Token>, &mut Held<'_>),
    today: u32,
) -> Result<bool, StoreError> {
    let first_day = collection.options.first_day(today);
    let Some(mut since) = token else {
        // In the middle of telling everything: what is left of it may have gone meanwhile.
        let (there, token) = all_there(account, folder)?;
        let is_other = collection.epoch != 0 && collection.epoch != token.epoch;
        return Ok(is_other || !compare(collection.class, there, held.all()?, first_day).is_empty());
    };
    loop {
        let page = match account.store.recorded(folder, since, LOOK) {
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => {
                let (there, token) = all_there(account, folder)?;
                // Other items have these names now: the device has to begin again.
                return Ok(
                    token.epoch != since.epoch || !compare(collection.class, there, held.all()?, first_day).is_empty()
                );
            }
            page => page?,
        };
        for change in &page.changes {
            if tell(collection.class, change, held.get(change.uid.0)?, first_day).is_some() {
                return Ok(true);
            }
        }
        if !page.more {
            return Ok(false);
        }
        since = page.token;
    }
}

/// Everything that the last look at a folder has shown, and the point behind it.
fn all_there(account: &Account, folder: FolderId) -> Result<(HashMap<u64, Change>, Token), StoreError> {
    let mut there = HashMap::new();
    let mut since = Token::START;
    loop {
        let page = account.store.recorded(folder, since, LOOK)?;
        for change in page.changes {
            if change.kind == ChangeKind::Deleted {
                there.remove(&change.uid.0);
            } else {
                there.insert(change.uid.0, change);
            }
        }
        since = page.token;
        if !page.more {
            return Ok((there, since));
        }
    }
}

/// All differences between what is there and what is held; what is newest first.
fn compare(
    class: Class,
    there: HashMap<u64, Change>,
    mut held: BTreeMap<u64, Item>,
    first_day: u32,
) -> Vec<(Tell, Change)> {
    let mut tells = Vec::new();
    for change in there.into_values() {
        let had = held.remove(&change.uid.0);
        let has_grown_old = had.is_some_and(|item| item.day < first_day);
        let told = if has_grown_old { Some(Tell::SoftDelete) } else { tell(class, &change, had, first_day) };
        tells.extend(told.map(|told| (told, change)));
    }
    // Those that are left are not there.
    tells.extend(held.into_keys().map(|uid| (Tell::Delete, gone(uid, class))));
    tells.sort_unstable_by_key(|(_, change)| std::cmp::Reverse((change.received_ms, change.modseq, change.uid)));
    tells
}

/// A folder that is looked at for a device.
pub(super) struct Look<'a, 'h> {
    pub(super) account: &'a Account,
    pub(super) folder: FolderId,
    pub(super) collection: &'a mut Collection,
    pub(super) held: &'a mut Held<'h>,
    /// Most that is told.
    pub(super) limit: usize,
    /// Counted from 1970.
    pub(super) today: u32,
}

impl Look<'_, '_> {
    /// Looks at the mailbox itself.
    pub(super) async fn look(mut self) -> Result<Looked, LookError> {
        let Some(token) = self.collection.token() else { return self.compare_all().await };
        if token == Token::START {
            return self.compare_all().await;
        }
        match self.account.store.changes(self.folder, token, self.limit).await {
            Ok(page) => self.behind(page),
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => {
                let epoch = self.account.store.recorded(self.folder, Token::START, 1)?.token.epoch;
                if epoch == token.epoch { self.compare_all().await } else { Err(LookError::BeginAgain) }
            }
            Err(error) => Err(error.into()),
        }
    }

    fn first_day(&self) -> u32 {
        self.collection.options.first_day(self.today)
    }

    fn tell(&mut self, change: &Change) -> Result<Option<Tell>, LookError> {
        let first_day = self.first_day();
        Ok(tell(self.collection.class, change, self.held.get(change.uid.0)?, first_day))
    }

    /// Goes on from the first page of what has changed.
    fn behind(&mut self, first: Page) -> Result<Looked, LookError> {
        let mut looked = Looked { is_in_order: true, ..Looked::default() };
        let mut page = first;
        loop {
            for change in &page.changes {
                if let Some(tell) = self.tell(change)? {
                    looked.tells.push((tell, *change));
                }
            }
            looked.token = Some(page.token);
            if !page.more {
                break;
            }
            if looked.tells.len() >= self.limit {
                looked.more = self.is_more_behind(&mut looked.token)?;
                break;
            }
            let room = self.limit - looked.tells.len();
            page = self.account.store.recorded(self.folder, page.token, room)?;
        }
        if !looked.more {
            self.grown_old(&mut looked)?;
        }
        Ok(looked)
    }

    /// Whether anything behind the token is to be told; if not, the token goes behind it.
    fn is_more_behind(&mut self, token: &mut Option<Token>) -> Result<bool, LookError> {
        let mut since = token.unwrap_or(Token::START);
        loop {
            let page = self.account.store.recorded(self.folder, since, LOOK)?;
            for change in &page.changes {
                if self.tell(change)?.is_some() {
                    return Ok(true);
                }
            }
            since = page.token;
            *token = Some(since);
            if !page.more {
                return Ok(false);
            }
        }
    }

    /// What has left the filter since that was looked for last: once a day.
    fn grown_old(&mut self, looked: &mut Looked) -> Result<(), LookError> {
        let first_day = self.first_day();
        if self.collection.aged >= first_day {
            return Ok(());
        }
        let told: HashMap<u64, usize> =
            looked.tells.iter().enumerate().map(|(place, (_, change))| (change.uid.0, place)).collect();
        for (uid, item) in self.held.all()? {
            if item.day >= first_day {
                continue;
            }
            if let Some(place) = told.get(&uid) {
                let (tell, _) = &mut looked.tells[*place];
                // What else has become of it does not matter any more.
                *tell = if *tell == Tell::Change { Tell::SoftDelete } else { *tell };
                continue;
            }
            if looked.tells.len() >= self.limit {
                looked.more = true;
                return Ok(());
            }
            looked.tells.push((Tell::SoftDelete, gone(uid, self.collection.class)));
        }
        self.collection.aged = first_day;
        Ok(())
    }

    /// Everything there is with everything that is held.
    async fn compare_all(&mut self) -> Result<Looked, LookError> {
        let first = self.account.store.changes(self.folder, Token::START, self.limit).await?;
        if self.collection.epoch != 0 && self.collection.epoch != first.token.epoch {
            return Err(LookError::BeginAgain);
        }
        // From the first names that it is told on, also while there is no token yet.
        self.collection.epoch = first.token.epoch;
        let (there, token) = all_there(self.account, self.folder)?;
        if there.len() > MANY && self.collection.token() == Some(Token::START) {
            return self.behind(first);
        }
        let first_day = self.first_day();
        let mut tells = compare(self.collection.class, there, self.held.all()?, first_day);
        let more = tells.len() > self.limit;
        tells.truncate(self.limit);
        if !more {
            self.collection.aged = first_day;
        }
        Ok(Looked { tells, token: (!more).then_some(token), more, is_in_order: false })
    }
}

/// What is told of an item of which nothing but its number is known.
fn gone(uid: u64, class: Class) -> Change {
    Change {
        kind: ChangeKind::Deleted,
        uid: crate::store::Uid(uid),
        modseq: 0,
        class,
        flags: Flags::default(),
        identity: None,
        received_ms: u64::MAX,
    }
}
