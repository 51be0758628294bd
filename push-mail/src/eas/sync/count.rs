//! How much a sync would tell, without telling it.

use super::collection::{FIRST_KEY, Shown};
use super::folder::SyncError;
use super::held::{Delta, Held};
use super::look::Look;
use super::{load, today};
use crate::eas::Call;
use crate::http::Site;
use crate::store::FolderId;
use crate::wbxml::Element;

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eas) enum Counted {
    Changes(usize),
    NoFolder,
    /// The device has not begun with the folder.
    NotPrimed,
    BadKey,
    Malformed,
    Failed,
}

/// Counts what a sync with `key` would tell, in all its answers together.
pub(in crate::eas) async fn count(site: &Site, call: &Call, id: &str, key: &str, options: Option<&Element>) -> Counted {
    match try_count(site, call, (id, key), options).await {
        Ok(counted) => counted,
        Err(SyncError::BadKey) => Counted::BadKey,
        Err(SyncError::NoFolder) => Counted::NoFolder,
        Err(SyncError::Protocol) => Counted::Malformed,
        Err(SyncError::Server) => Counted::Failed,
    }
}

async fn try_count(
    site: &Site,
    call: &Call,
    (id, key): (&str, &str),
    options: Option<&Element>,
) -> Result<Counted, SyncError> {
    let folder: FolderId = id.parse().map_err(|_| SyncError::NoFolder)?;
    let is_seen = call.account.tree().get(folder).is_some();
    if !is_seen && call.account.store.hierarchy().await?.get(folder).is_none() {
        return Ok(Counted::NoFolder);
    }
    let Some(mut collection) = load(&site.mail.eas, &call.id, folder)?.filter(|_| key != FIRST_KEY) else {
        return Ok(Counted::NotPrimed);
    };
    let delta = match collection.show(key) {
        Shown::Unknown => return Ok(Counted::BadKey),
        Shown::Confirmed(delta) => delta,
        Shown::Again | Shown::Same => Delta::new(),
    };
    if let Some(asked) = options {
        let asked = collection.options.with(asked, collection.class).map_err(|_| SyncError::Protocol)?;
        if asked.filter != collection.options.filter {
            collection.compare_all();
        }
        collection.options = asked;
    }
    let mut held = Held::new(&site.mail.eas.rows, &call.id, folder, delta);
    let (account, today) = (&call.account, today(&call.account));
    let look = Look { account, folder, collection: &mut collection, held: &mut held, limit: usize::MAX, today };
    Ok(Counted::Changes(look.look().await?.tells.len()))
}
