//! The hub of push: channels, logs, cursors, recovery, patterns, presence and grants.
//!
//! One publish, every subscriber, nothing lost silently. A channel is a log; a subscriber is a position in it,
//! never a queue; all publications of a hub have one sequence, so a single cursor resumes any subscription.
//! There are no sockets, no HTTP and no clock of its own in here: see `push-transports` for those.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::StreamExt as _;
//! use push_core::{Delivery, Draft, Hub, HubConfig, Since, SubscribeRequest};
//!
//! let hub = Hub::new(HubConfig::default());
//! hub.publish("chat/lobby", Draft::text("hello")).await?;
//! let mut lobby = hub.subscribe(SubscribeRequest::to("chat/*")?.since(Since::Start))?;
//! let Some(Delivery::Publication(first)) = lobby.next().await else { panic!("there is one") };
//! assert_eq!(first.payload(), "hello");
//! # Ok(()) }
//! ```
//!
//! Modules in reading order: `name` and `label` (grammars), `cursor`, `publication` and `form`, `history` (contract
//! and memory ring), `channel` (the log under its lock), `pattern_feed`, `signal` (append against park), `audience`,
//! `reader` (several channels as one sequence) and `batch`, `opening` (cursors and loss), `subscriber` and
//! `subscription`, `crowd` with `trail` and `seat` (many that read as one), `hub`,
//! `directory` (what is held) and `accept` (publishing),
//! `presence`, `registry`, `ceiling`, `maintain`, `ask`, `broker` and `auth` (contracts).
//!
//! Features: `testkit` adds what tests of other crates need.
#![forbid(unsafe_code)]

mod accept;
mod ask;
mod audience;
mod auth;
mod batch;
mod broker;
mod ceiling;
mod channel;
mod clock;
mod config;
mod crowd;
mod cursor;
mod directory;
mod ending;
mod error;
mod form;
mod history;
mod hub;
mod idempotency;
mod json;
mod label;
mod maintain;
mod name;
mod opening;
mod pattern_feed;
mod presence;
mod publication;
mod reach;
mod reader;
mod recovery;
mod registry;
#[cfg(feature = "testkit")]
mod sample;
mod seat;
mod signal;
mod source;
mod subscriber;
mod subscription;
mod sync;
mod trail;
mod trie;

pub use ask::{ChannelInfo, HistoryPage, HubStats};
pub use auth::{Action, Authorizer, BoxFuture, Credentials, Grants, Identity, Open, StaticTokens, Unauthorized};
pub use batch::Batch;
pub use broker::{Broker, Inbound, LocalBroker, Publishing, Receipt, Stamp, Submission};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{HubConfig, Namespace, Retention};
pub use crowd::{Crowd, Given};
pub use cursor::{Cursor, CursorError, Epoch, MAX_CURSOR_BYTES, Mark, Since, channel_hash};
pub use ending::{Ending, Overflow};
pub use error::{PublishError, PublishErrorKind, SubscribeError};
pub use form::FormId;
pub use history::{ChannelHistory, HistoryStore, MemoryHistory, Recovered, RecoveredChannel, StoreError};
pub use hub::{Hub, HubBuilder};
pub use label::{EventName, Key, LabelError, MediaType, PushId};
pub use name::{ChannelName, MAX_NAME_BYTES, MAX_SYSTEM_NAME_BYTES, NameError, Pattern, Selector};
pub use presence::{Member, Members};
pub use publication::{Draft, InvalidJson, PayloadKind, Publication};
pub use reader::Budget;
pub use recovery::{Gap, Outcome, Start};
pub use registry::{Client, ConnectionId, Target};
pub use seat::Seat;
pub use subscriber::{Recovery, Subscriber};
pub use subscription::{Delivery, SubscribeRequest, Subscription};
