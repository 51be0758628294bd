//! The tree of folders: `FolderSync`, and what devices change in it ([MS-ASCMD] 2.2.1.2 to 2.2.1.5).

mod change;
mod tree;

pub(in crate::eas) use change::{create, delete, update};
use tree::{Told, changes, tree_of};

use super::{Answer, Call, Eas, Part, Status};
use crate::direct::OnItsWay;
use crate::direct::devices::DeviceId;
use crate::http::Site;
use crate::state::StateError;
use crate::store::{FolderId, Hierarchy, StoreError, StoreErrorKind};
use crate::wbxml::tags::folder_hierarchy as tag;
use crate::wbxml::{Element, Tag};

const PART: Part = Part("folders");

/// Stands for the tree where an answer of a folder may be lost: no folder has this number.
const TREE: FolderId = FolderId(tree::ROOT);

/// The statuses of the four commands, which mean the same in all of them ([MS-ASCMD] 2.2.3.177.2 to .5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FolderStatus {
    Exists = 2,
    Special = 3,
    NotFound = 4,
    NoParent = 5,
    ServerError = 6,
    BadKey = 9,
    Malformed = 10,
}

impl From<StoreError> for FolderStatus {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Exists => FolderStatus::Exists,
            StoreErrorKind::NoSuchFolder => FolderStatus::NotFound,
            StoreErrorKind::Invalid => FolderStatus::Malformed,
            StoreErrorKind::Unsupported => FolderStatus::Special,
            _ => {
                tracing::warn!(%error, "the folders cannot be told or changed");
                FolderStatus::ServerError
            }
        }
    }
}

impl From<StateError> for FolderStatus {
    fn from(error: StateError) -> Self {
        tracing::error!(%error, "what a device knows of its folders cannot be kept");
        FolderStatus::ServerError
    }
}

fn refusal(command: Tag, status: FolderStatus) -> Answer {
    Answer::Document(Element::new(command).with_text(tag::STATUS, status as u8))
}

/// `FolderSync`: what has changed in the tree since the key that the device shows.
pub(in crate::eas) async fn sync(site: &Site, call: &Call) -> Result<Answer, Status> {
    Ok(try_sync(site, call).await.unwrap_or_else(|status| refusal(tag::FOLDER_SYNC, status)))
}

async fn try_sync(site: &Site, call: &Call) -> Result<Answer, FolderStatus> {
    let document = call.document.as_ref().filter(|document| document.tag == tag::FOLDER_SYNC);
    let key = document.and_then(|document| document.child_text(tag::SYNC_KEY)).ok_or(FolderStatus::Malformed)?;
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    let loaded: Told = site.mail.eas.rows.load(&call.id, PART)?.unwrap_or_default();
    let mut told = loaded.clone();
    let before = told.show(&key).ok_or(FolderStatus::BadKey)?;
    let now = tree_of(&call.account.store.hierarchy().await?);
    let (key, on_its_way) = if before == now && !before.is_empty() {
        // Nothing is told that could be lost: the key stays good.
        if told != loaded {
            site.mail.eas.rows.save(&call.id, PART, &told).await?;
        }
        (key, Vec::new())
    } else {
        let key = told.give(now.clone(), getrandom::u32().unwrap_or_default());
        site.mail.eas.rows.save(&call.id, PART, &told).await?;
        let on_its_way = OnItsWay::new(&site.mail.direct, &call.id, TREE, &key);
        (key, vec![on_its_way])
    };
    site.mail.direct.lost.forget(&call.id, TREE);
    let answer = Element::new(tag::FOLDER_SYNC)
        .with_text(tag::STATUS, 1)
        .with_text(tag::SYNC_KEY, key)
        .with(changes(&before, &now));
    Ok(Answer::Arriving(answer, on_its_way))
}

/// Whether the tree is not as a device knows it: it has to ask for it.
pub(super) fn is_stale(eas: &Eas, id: &DeviceId, now: &Hierarchy) -> Result<bool, StateError> {
    let told: Option<Told> = eas.rows.load(id, PART)?;
    let lost = eas.lost.key(id, TREE);
    let known = told.as_ref().and_then(|told| told.known(lost.as_deref()));
    Ok(known.is_none_or(|known| *known != tree_of(now)))
}

/// Whether a device has ever asked for the tree.
pub(super) fn is_known(eas: &Eas, id: &DeviceId) -> Result<bool, StateError> {
    Ok(eas.rows.read(id, PART.0)?.is_some())
}
