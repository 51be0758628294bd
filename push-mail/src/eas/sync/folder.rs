//! One folder of a sync, from its key to its part of the answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::collection::{Collection, FIRST_KEY, Shown};
use super::held::{Delta, Held, Row};
use super::look::{Look, LookError, Looked};
use super::options::Options;
use super::request::Asked;
use super::{load, part, render, today};
use crate::eas::Call;
use crate::http::Site;
use crate::store::{Class, FolderId, StoreError, StoreErrorKind};
use crate::wbxml::tags::air_sync as tag;
use crate::wbxml::{Element, Tag};

/// A folder that is asked for.
pub(super) struct Work<'a> {
    pub(super) site: &'a Site,
    pub(super) call: &'a Call,
    pub(super) asked: &'a Asked,
    /// Most that may still be told.
    pub(super) room: usize,
    /// Bytes that may still be told.
    pub(super) budget: &'a Budget,
    /// Whether it has waited: what its device has asked for since is newer.
    pub(super) has_waited: bool,
}

/// The bytes of an answer, of all its folders together. What is larger comes alone.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, left: AtomicUsize::new(most) }
    }

    /// Whether so many go into it; they do then.
    pub(super) fn take(&self, bytes: usize) -> bool {
        // Folders take from it one after the other.
        let left = self.left.load(Ordering::Relaxed);
        let fits = bytes <= left || left == self.most;
        if fits {
            self.left.store(left.saturating_sub(bytes.max(1)), Ordering::Relaxed);
        }
        fits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Its part of the answer, if there is one.
    pub(super) answer: Option<Element>,
    /// What is to be remembered.
    pub(super) rows: Vec<Row>,
    /// The key that is new in the answer.
    pub(super) key: Option<(FolderId, String)>,
    /// How much is told.
    pub(super) told: usize,
}

/// Why a folder cannot be synced ([MS-ASCMD] 2.2.3.177.17).
#[derive(Debug)]
pub(super) enum SyncError {
    /// 3: the key is none of the last two.
    BadKey,
    /// 4: what is asked of the folder means nothing.
    Protocol,
    /// 5: the mailbox cannot be asked now.
    Server,
    /// 12: it is not there.
    NoFolder,
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        if error.kind() == StoreErrorKind::NoSuchFolder {
            return SyncError::NoFolder;
        }
        tracing::warn!(%error, "a folder cannot be synced");
        SyncError::Server
    }
}

impl From<crate::state::StateError> for SyncError {
    fn from(error: crate::state::StateError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<LookError> for SyncError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::BeginAgain => SyncError::BadKey,
            LookError::Store(error) => error.into(),
        }
    }
}

impl Done {
    /// A folder that cannot be synced: nothing of it has changed.
    pub(super) fn failed(asked: &Asked, error: SyncError) -> Self {
        let (key, status) = match error {
            SyncError::BadKey => (FIRST_KEY, 3),
            SyncError::Protocol => (asked.key.as_deref().unwrap_or(FIRST_KEY), 4),
            SyncError::Server => (asked.key.as_deref().unwrap_or(FIRST_KEY), 5),
            SyncError::NoFolder => (asked.key.as_deref().unwrap_or(FIRST_KEY), 12),
        };
        let answer = collection(key, &asked.id, status);
        Self { answer: Some(answer), ..Self::default() }
    }
}

/// The beginning of a folder's part of an answer.
fn collection(key: &str, id: &str, status: u8) -> Element {
    Element::new(tag::COLLECTION)
        .with_text(tag::SYNC_KEY, key)
        .with_text(tag::COLLECTION_ID, id)
        .with_text(tag::STATUS, status)
}

impl Work<'_> {
    pub(super) async fn run(&self) -> Result<Done, SyncError> {
        let folder: FolderId = self.asked.id.parse().map_err(|_| SyncError::NoFolder)?;
        let class = self.class(folder).await?;
        let loaded = load(&self.site.mail.eas, &self.call.id, folder)?;
        let newest = loaded.as_ref().and_then(Collection::newest_key).map(str::to_owned);
        let key = self.asked.key.clone().or(newest).ok_or(SyncError::BadKey)?;
        self.site.mail.direct.lost.forget(&self.call.id, folder);
        if key == FIRST_KEY {
            return self.begin(folder, class, loaded);
        }
        let mut collection = loaded.clone().ok_or(SyncError::BadKey)?;
        let shown = collection.show(&key);
        if self.has_waited && matches!(shown, Shown::Again | Shown::Unknown) {
            // A newer sync was answered meanwhile: whoever waits here is told nothing, and what that one told stays.
            return Ok(Done::default());
        }
        let was_lost = shown == Shown::Again;
        let delta = match shown {
            Shown::Unknown => return Err(SyncError::BadKey),
            Shown::Confirmed(delta) => delta,
            Shown::Again | Shown::Same => Delta::new(),
        };
        let mut held = Held::new(&self.site.mail.eas.rows, &self.call.id, folder, delta);
        let mut rows = held.settle()?;
        self.set_options(&mut collection, class)?;
        let responses = self.apply(folder, &mut collection, &mut held).await?;
        let looked = self.look(folder, &mut collection, &mut held).await?;
        let rendered = render::commands(self, folder, &mut collection, looked).await?;
        for (uid, item) in &rendered.difference {
            held.set(*uid, *item);
        }
        if rendered.token.is_some_and(|token| token.epoch != 0) {
            collection.epoch = rendered.token.map_or(0, |token| token.epoch);
        }
        if responses.is_empty() && held.delta().is_empty() && !rendered.more {
            // Nothing that could be lost: the key stays good.
            let has_moved = collection.advance(rendered.token);
            if was_lost || has_moved || loaded.as_ref().is_some_and(|loaded| loaded.options != collection.options) {
                rows.push(row(folder, &collection));
                return Ok(Done { rows, ..Done::default() });
            }
            return Ok(Done::default());
        }
        let key = collection.give(rendered.token, held.delta(), getrandom::u32().unwrap_or_default());
        rows.push(row(folder, &collection));
        let mut answer = self::collection(&key, &self.asked.id, 1);
        push_all(&mut answer, tag::RESPONSES, responses);
        if rendered.more {
            answer.push(Element::new(tag::MORE_AVAILABLE));
        }
        let told = rendered.commands.len();
        push_all(&mut answer, tag::COMMANDS, rendered.commands);
        Ok(Done { answer: Some(answer), rows, key: Some((folder, key)), told })
    }

    async fn class(&self, folder: FolderId) -> Result<Class, SyncError> {
        let tree = self.call.account.tree();
        if let Some(folder) = tree.get(folder) {
            return Ok(folder.class);
        }
        let tree = self.call.account.store.hierarchy().await?;
        tree.get(folder).map(|folder| folder.class).ok_or(SyncError::NoFolder)
    }

    /// The first key: the device holds nothing, and is told nothing yet.
    fn begin(&self, folder: FolderId, class: Class, before: Option<Collection>) -> Result<Done, SyncError> {
        let mut options = match &self.asked.options {
            Some(asked) => Options::default().with(asked, class).map_err(|_| SyncError::Protocol)?,
            None => Options::default(),
        };
        let named = self.asked.supported.as_ref();
        options.supported = named.map(|tags| tags.iter().map(|tag| (tag.page(), tag.token())).collect());
        let count = before.map_or(0, |before| before.count());
        let (collection, key) = Collection::begin(class, options, count, getrandom::u32().unwrap_or_default());
        let mut rows = Held::forget(&self.site.mail.eas.rows, &self.call.id, folder)?;
        rows.push(row(folder, &collection));
        let answer = self::collection(&key, &self.asked.id, 1);
        Ok(Done { answer: Some(answer), rows, key: Some((folder, key)), told: 0 })
    }

    /// Takes what the device says of how it wants the folder.
    fn set_options(&self, collection: &mut Collection, class: Class) -> Result<(), SyncError> {
        if let Some(asked) = &self.asked.options {
            let options = collection.options.with(asked, class).map_err(|_| SyncError::Protocol)?;
            if options.filter != collection.options.filter {
                collection.compare_all();
            }
            collection.options = options;
        }
        Ok(())
    }

    async fn look(
        &self,
        folder: FolderId,
        collection: &mut Collection,
        held: &mut Held<'_>,
    ) -> Result<Looked, SyncError> {
        let most = self.site.mail.eas.config.max_window.max(1);
        let window = self.asked.window.unwrap_or(collection.options.window);
        // 0 stands for as many as there may be ([MS-ASCMD] 2.2.3.199).
        let window = if window == 0 { most } else { window.min(most) };
        if !self.asked.wants_changes || self.room == 0 || self.budget.is_empty() {
            let token = collection.token();
            return Ok(Looked { token, more: self.asked.wants_changes, ..Looked::default() });
        }
        let today = today(&self.call.account);
        let limit = window.min(self.room);
        let look = Look { account: &self.call.account, folder, collection, held, limit, today };
        Ok(look.look().await?)
    }
}

fn push_all(answer: &mut Element, tag: Tag, all: Vec<Element>) {
    if !all.is_empty() {
        answer.push(Element::new(tag).with_all(all));
    }
}

fn row(folder: FolderId, collection: &Collection) -> Row {
    (part(folder), Some(serde_json::to_vec(collection).expect("plain data is JSON")))
}
