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
mod dispatch;
mod ids;
mod rows;
mod status;

pub(crate) use call::{Answer, Call, Command, Params, Version};
pub(crate) use compose::Turns;
pub use config::EasConfig;
pub(crate) use ids::{FileReference, ItemId};
pub(crate) use rows::{Part, Rows};
pub(crate) use status::Status;

use std::sync::Arc;

use crate::state::State;

/// What is shared by all devices that speak EAS.
#[derive(Debug)]
pub(crate) struct Eas {
    pub(crate) rows: Rows,
    pub(crate) config: Arc<EasConfig>,
}

impl Eas {
    pub(crate) fn new(state: &State, config: EasConfig, max_devices: usize) -> Self {
        Self { rows: Rows::new(state.clone(), max_devices), config: Arc::new(config) }
    }
}
