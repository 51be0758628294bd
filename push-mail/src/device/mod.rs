//! The device's side of Direct Push: how long to wait, what happened, and a client that does it.
//!
//! In reading order: [`Heartbeat`] decides how long the next ping may stay parked, [`PingLog`] tells people what came of
//! it, [`DirectPushClient`] does the asking.

pub mod client;
pub mod heartbeat;
pub mod log;

pub use client::{
    ClientError, ClientErrorKind, ClientSettings, Credentials, DeviceEvent, DeviceState, DirectPushClient, Folder,
    Item, ItemChange,
};
pub use heartbeat::{Event, Heartbeat, Memory, Next, Preset, Search, Settings, Strategy, UnknownPreset, Why};
pub use log::{End, PingEntry, PingLog, Printable};
