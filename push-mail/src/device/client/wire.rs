//! The calls as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A folder as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Folder {
    /// Its id, stable over renames.
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Its path.
    #[serde(default)]
    pub path: String,
    /// What it is for, for example `inbox`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What its items are, for example `Email`.
    #[serde(default = "email")]
    pub class: String,
}

/// A change of one item.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Item {
    /// What happened to it.
    pub kind: ItemChange,
    /// Its number in its folder.
    #[serde(deserialize_with = "text_or_number")]
    pub uid: String,
    /// Who sent it, as far as known.
    #[serde(default)]
    pub from: Option<String>,
    /// Its subject, as far as known.
    #[serde(default)]
    pub subject: Option<String>,
    /// The beginning of its text, as far as known.
    #[serde(default)]
    pub preview: Option<String>,
    /// Everything else that the server told of it.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemChange {
    /// It is there.
    New,
    /// It is another one than before: flags, mostly.
    Changed,
    /// It is gone.
    Deleted,
    /// Something this client does not know.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(super) struct Folders {
    pub(super) folders: Vec<Folder>,
}

#[derive(Debug, Serialize)]
pub(super) struct SyncRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<&'a str>,
    pub(super) device: &'a str,
    pub(super) folder: &'a str,
    pub(super) sync_key: &'a str,
    pub(super) window: u32,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum SyncAnswer {
    Ok {
        sync_key: String,
        #[serde(default)]
        more: bool,
        #[serde(default)]
        changes: Vec<Item>,
    },
    BadSyncKey,
    FoldersStale,
    BadRequest,
    #[serde(other)]
    Trouble,
}

#[derive(Debug, Serialize)]
pub(super) struct PingRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<&'a str>,
    pub(super) device: &'a str,
    pub(super) heartbeat_s: serde_json::Number,
    pub(super) folders: Vec<PingFolder<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct PingFolder<'a> {
    pub(super) id: &'a str,
    pub(super) class: &'a str,
    /// The key that the device holds: an answer with a newer one was lost on its way, and what was in it counts as not
    /// told.
    pub(super) sync_key: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum PingAnswer {
    NoChanges,
    Changes {
        #[serde(deserialize_with = "texts_or_numbers")]
        folders: Vec<String>,
    },
    ParametersMissing,
    BadRequest,
    HeartbeatOutOfRange {
        min_s: f64,
        max_s: f64,
    },
    TooManyFolders {
        max: usize,
    },
    FoldersStale,
    #[serde(other)]
    Trouble,
}

/// A refusal's body (RFC 9457), as far as it is shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    pub(super) detail: String,
}

fn email() -> String {
    "Email".to_owned()
}

/// Ids are text; a server that sends them as numbers means their digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Id::deserialize(from).map(|id| id.to_string())
}

fn texts_or_numbers<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Id>::deserialize(from)?.iter().map(Id::to_string).collect())
}
