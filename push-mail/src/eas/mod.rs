//! Exchange ActiveSync: mail programs of phones, which know nothing of this project, over the mailboxes that are here.
//!
//! ```text
//!  HTTP ─▶ http: path, query, login, device ─▶ [`Call`] ─▶ one module a command ─▶ [`Answer`] ─▶ WBXML
//!                                                           │
//!             rows: what is remembered of each device ◀─────┤
//!             direct: pings that wait, the watcher ◀────────┤
//!             store: changes, fetch, apply ◀────────────────┘
//! ```
//!
//! Source: [MS-ASCMD], [MS-ASHTTP], [MS-ASPROV], [MS-ASEMAIL], [MS-ASAIRS].

mod call;
mod compose;
mod config;
mod content;
pub(crate) mod devices;
mod dispatch;
pub(crate) mod email;
mod estimate;
mod folders;
pub(crate) mod http;
mod ids;
mod items;
mod meeting_response;
#[cfg(test)]
mod model_tests;
mod move_items;
mod pim;
mod ping;
mod provision;
mod resolve_recipients;
mod rows;
mod search;
mod settings;
mod status;
mod sync;
mod validate_cert;

#[cfg(test)]
mod world;

pub(crate) use call::{Answer, Call, Command, Params, Version};
pub(crate) use compose::Turns;
pub use config::EasConfig;
pub use devices::DeviceSummary;
pub use http::{eas_router, is_eas_path};
pub(crate) use ids::{FileReference, ItemId};
pub(crate) use rows::{Part, Rows};
pub(crate) use status::Status;

use std::sync::Arc;

use crate::account::Account;
use crate::config::MailConfig;
use crate::direct::devices::DeviceId;
use crate::direct::lost::Lost;
use crate::state::{State, StateError};
use crate::store::{FolderId, Hierarchy, StoreError};

/// What is shared by all devices that speak EAS.
#[derive(Debug)]
pub(crate) struct Eas {
    pub(crate) rows: Rows,
    pub(crate) config: EasConfig,
    lost: Arc<Lost>,
}

impl Eas {
    pub(crate) fn new(state: &State, config: &MailConfig, lost: Arc<Lost>) -> Self {
        Self { rows: Rows::new(state.clone(), config.max_devices), config: config.eas.clone(), lost }
    }

    /// Whether a sync would tell the device something of this folder. Of one that it never synced it would tell nothing.
    pub(crate) fn differs(&self, account: &Account, id: &DeviceId, folder: FolderId) -> Result<bool, StoreError> {
        sync::differs(self, account, id, folder)
    }

    /// Whether the tree is not as the device knows it.
    pub(crate) fn is_tree_stale(&self, id: &DeviceId, now: &Hierarchy) -> Result<bool, StateError> {
        folders::is_stale(self, id, now)
    }
}
