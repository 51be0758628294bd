//! Sync: what has changed in a folder since the point that a key stands for.

use std::sync::Arc;

use super::Direct;
use super::device::{Device, FIRST_KEY};
use super::devices::DeviceId;
use crate::account::Account;
use crate::store::{Change, ChangeKind, FolderId, Item, StoreError, StoreErrorKind, Summary, Uid, Wanted};

/// Messages that are fetched at a time.
const FETCH: usize = 64;

/// Kept to the hour: a device that is heard often is not written for that.
const HOUR_MS: u64 = 3_600_000;

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// Which folder.
    pub folder: FolderId,
    /// The key that it was given last; `"0"` to begin.
    pub sync_key: String,
    /// Most changes of the answer; more than `MailConfig::max_window` are never given.
    pub window: Option<usize>,
}

/// A message that is not as the device has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedItem {
    /// What happened.
    pub change: Change,
    /// Who, what, when, for what is new.
    pub summary: Option<Summary>,
    /// Its bytes in all, where that is known.
    pub size: Option<u64>,
}

/// What a device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncAnswer {
    /// What has changed.
    Ok {
        /// Stands for the point behind it.
        sync_key: String,
        /// Whether there is more behind that.
        more: bool,
        /// What has changed, oldest first.
        changes: Vec<SyncedItem>,
    },
    /// The key is not one of the last two, or it is no longer known what has changed since: begin again with `"0"`.
    BadSyncKey,
    /// There is no such folder: ask for the folders.
    FoldersStale,
    /// The mailbox cannot be asked now.
    ServerError,
}

/// An answer on its way. Dropped without [`OnItsWay::arrived`], it counts as lost: the next ping tells its folder again.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    direct: Arc<Direct>,
    id: Arc<DeviceId>,
    folder: FolderId,
    sync_key: Option<String>,
}

impl OnItsWay {
    /// An answer that gives a device this key.
    pub(crate) fn new(direct: &Arc<Direct>, id: &Arc<DeviceId>, folder: FolderId, key: &str) -> Self {
        Self { direct: Arc::clone(direct), id: Arc::clone(id), folder, sync_key: Some(key.to_owned()) }
    }

    /// All of it was written out.
    pub(crate) fn arrived(mut self) {
        self.sync_key = None;
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if let Some(key) = self.sync_key.take() {
            self.direct.lost.add(&self.id, self.folder, key);
        }
    }
}

impl Direct {
    /// Answers a sync. What it tells is on the disk before it is told.
    ///
    /// Cancel safety: dropped, the device may have a new key that it does not know; the one it shows stays good.
    pub(crate) async fn sync(
        self: &Arc<Self>,
        account: &Arc<Account>,
        id: &Arc<DeviceId>,
        request: SyncRequest,
        unix_ms: u64,
    ) -> (SyncAnswer, Option<OnItsWay>) {
        let folder = request.folder;
        match self.try_sync(account, id, request, unix_ms).await {
            Ok((answer, key)) => {
                let on_its_way = key.map(|key| OnItsWay::new(self, id, folder, &key));
                (answer, on_its_way)
            }
            Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => (SyncAnswer::FoldersStale, None),
            Err(error) => {
                tracing::warn!(account = &*account.name, %folder, %error, "a sync failed");
                (SyncAnswer::ServerError, None)
            }
        }
    }

    /// The answer, and the key that is new in it.
    async fn try_sync(
        &self,
        account: &Arc<Account>,
        id: &Arc<DeviceId>,
        request: SyncRequest,
        unix_ms: u64,
    ) -> Result<(SyncAnswer, Option<String>), StoreError> {
        let SyncRequest { folder, sync_key, window } = request;
        let limit = window.unwrap_or(self.config.window).clamp(1, self.config.max_window.max(1));
        let _turn = self.devices.turn(id).await;
        let mut device = self.devices.load(id)?.unwrap_or_default();
        let Some(since) = device.begin(folder, &sync_key) else { return Ok((SyncAnswer::BadSyncKey, None)) };
        let page = match account.store.changes(folder, since, limit).await {
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => {
                device.forget(folder);
                self.devices.save(id, &device).await?;
                return Ok((SyncAnswer::BadSyncKey, None));
            }
            page => page?,
        };
        self.has_synced(id);
        self.lost.forget(id, folder);
        crate::stats::count(&self.counters.syncs);
        if page.changes.is_empty() && sync_key != FIRST_KEY {
            if device.take_back(folder, &sync_key) {
                self.devices.save(id, &device).await?;
            }
            return Ok((SyncAnswer::Ok { sync_key, more: false, changes: Vec::new() }, None));
        }
        let changes = describe(account, folder, page.changes).await?;
        let next = device.give(folder, &sync_key, page.token, getrandom::u32().unwrap_or_default());
        self.keep(account, &mut device, unix_ms);
        self.devices.save(id, &device).await?;
        Ok((SyncAnswer::Ok { sync_key: next.clone(), more: page.more, changes }, Some(next)))
    }

    /// Brings the rest of what is remembered up to date.
    pub(crate) fn keep(&self, account: &Account, device: &mut Device, unix_ms: u64) {
        device.seen_ms = unix_ms - unix_ms % HOUR_MS;
        let tree = account.tree();
        if !tree.folders.is_empty() {
            device.forget_all_but(|id| tree.get(id).is_some());
        }
    }
}

/// Adds to what is new what is shown of it.
async fn describe(account: &Account, folder: FolderId, changes: Vec<Change>) -> Result<Vec<SyncedItem>, StoreError> {
    let wanted = Wanted::Summary { preview_bytes: account.config.preview_bytes };
    let new = changes.iter().filter(|change| change.kind == ChangeKind::New);
    let uids: Vec<Uid> = new.map(|change| change.uid).collect();
    let mut items: std::collections::HashMap<Uid, Item> = std::collections::HashMap::new();
    for uids in uids.chunks(FETCH) {
        let fetched = account.store.fetch(folder, uids, wanted).await?;
        items.extend(fetched.into_iter().map(|item| (item.uid, item)));
    }
    let described = changes.into_iter().map(|change| {
        let item = items.remove(&change.uid);
        let size = item.as_ref().and_then(|item| item.size);
        SyncedItem { change, summary: item.map(|item| item.summary), size }
    });
    Ok(described.collect())
}
