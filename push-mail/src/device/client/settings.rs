//! What a client must be told, and what it keeps.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::device::heartbeat::{Memory, Preset, Settings};

/// How the device says who it is.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// User and password, as `Authorization: Basic`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token, as `Authorization: Bearer`.
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// Where a client finds its mail, and how it waits.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The server's base, for example `https://push.example/push`; what follows is `/mail/...`.
    pub url: String,
    /// Who the device says it is.
    pub credentials: Credentials,
    /// The account; `None`: the login's own, or the only one.
    pub account: Option<String>,
    /// The device's name, the same every time: the server keeps what this device has seen under it.
    pub device: String,
    /// How long to wait.
    pub heartbeat: Settings,
    /// Items asked for in one answer.
    pub window: u32,
    /// Further certificates to trust, in PEM; those of the system are trusted anyway. For `https` only.
    pub ca_pem: Option<Vec<u8>>,
}

impl ClientSettings {
    /// No credentials, the only account, 100 items an answer, and our own rule for the heartbeat.
    #[must_use]
    pub fn new(url: impl Into<String>, device: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: Credentials::None,
            account: None,
            device: device.into(),
            heartbeat: Preset::Ours.settings(),
            window: 100,
            ca_pem: None,
        }
    }
}

/// What a client keeps: the key of each folder and what the heartbeat learnt.
///
/// Serialisable, so that a device can store it and go on from it; without it everything is listed anew. One entry a
/// folder of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceState {
    /// The sync key of each folder, by the folder's id.
    #[serde(default)]
    pub(super) keys: BTreeMap<String, String>,
    /// What was learnt of networks.
    #[serde(default)]
    pub(super) memory: Memory,
}
