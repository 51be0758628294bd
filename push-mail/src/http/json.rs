//! The bodies of the calls: what they mean, and how their answers are written.

use std::collections::HashMap;

use bytes::Bytes;
use push_transports::proto::problem::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::described::Described;
use crate::direct::ping::{PingAnswer, PingFolder, PingRequest};
use crate::direct::{SyncAnswer, SyncedItem};
use crate::name::folder_channel;
use crate::store::{Class, FolderId, Hierarchy};

/// Longest id of a folder, in bytes. Source: [MS-ASCMD] 2.2.3.89 (Id, Ping).
const MAX_ID_BYTES: usize = 64;

/// A folder's number, as text or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(serde_json::Number),
}

impl Id {
    /// To who asks an id is any text: one that was never given is of a folder that is not there, each of another.
    fn read(self, never_given: &mut HashMap<String, FolderId>) -> Result<FolderId, String> {
        let text = match self {
            Id::Text(text) => text,
            Id::Number(number) if number.is_u64() => number.to_string(),
            Id::Number(number) => return Err(format!("{number} is no folder's id")),
        };
        if !(1..=MAX_ID_BYTES).contains(&text.len()) {
            return Err(format!("a folder's id is 1..={MAX_ID_BYTES} bytes"));
        }
        let given = text.parse().ok().filter(|id: &FolderId| id.to_string() == text);
        // Numbers are given from 1 on; nobody has so many folders.
        let next = FolderId(u32::MAX - u32::try_from(never_given.len()).unwrap_or(u32::MAX));
        Ok(given.unwrap_or_else(|| *never_given.entry(text).or_insert(next)))
    }
}

/// A whole number; one that is beyond all bounds is as good as the greatest.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let rounded = || number.as_f64().filter(|float| float.fract() == 0.0);
    // A cast of what is too large gives the greatest there is.
    number.as_i64().or_else(|| rounded().map(|float| float as i64))
}

/// An empty body is an empty object.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let is_empty = body.iter().all(u8::is_ascii_whitespace);
    serde_json::from_slice(if is_empty { b"{}" } else { body }).map_err(|error| format!("the body: {error}"))
}

/// A sync as it is asked for.
#[derive(Debug)]
pub(super) struct Sync {
    pub(super) account: Option<String>,
    pub(super) device: String,
    pub(super) folder: FolderId,
    pub(super) sync_key: Option<String>,
    pub(super) window: Option<usize>,
}

impl Sync {
    /// # Errors
    ///
    /// `bad_parameter`, and what is wrong.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Wire {
            account: Option<String>,
            device: String,
            folder: Id,
            sync_key: Option<String>,
            window: Option<usize>,
        }
        let wire: Wire = parse(body).map_err(Problem::bad_parameter)?;
        if wire.window == Some(0) {
            return Err(Problem::bad_parameter("'window' is at least 1"));
        }
        Ok(Self {
            account: wire.account,
            device: wire.device,
            folder: wire.folder.read(&mut HashMap::new()).map_err(Problem::bad_parameter)?,
            sync_key: wire.sync_key,
            window: wire.window,
        })
    }
}

/// A ping as it is asked for.
#[derive(Debug, Default)]
pub(super) struct Ping {
    pub(super) account: Option<String>,
    pub(super) device: Option<String>,
    pub(super) request: PingRequest,
}

impl Ping {
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Wire {
            account: Option<String>,
            device: Option<String>,
            heartbeat_s: Option<serde_json::Number>,
            folders: Option<Vec<Folder>>,
        }
        #[derive(Deserialize)]
        struct Folder {
            id: Id,
            class: Option<String>,
            sync_key: Option<String>,
        }
        let wire: Wire = parse(body)?;
        let mut never_given = HashMap::new();
        let folder = |folder: Folder| {
            let class = match folder.class {
                None => Class::Email,
                Some(word) => Class::parse(&word).ok_or_else(|| format!("{word:?} is no class"))?,
            };
            Ok(PingFolder { id: folder.id.read(&mut never_given)?, class, sync_key: folder.sync_key })
        };
        let folders = wire.folders.map(|folders| folders.into_iter().map(folder).collect::<Result<_, String>>());
        let heartbeat_s = wire.heartbeat_s.map(|number| whole(&number).ok_or("'heartbeat_s' is a whole number"));
        let request = PingRequest { heartbeat_s: heartbeat_s.transpose()?, folders: folders.transpose()? };
        Ok(Self { account: wire.account, device: wire.device, request })
    }
}

/// What a device asks of what was pushed to it.
#[derive(Debug, Deserialize)]
pub(super) struct Content {
    pub(super) account: Option<String>,
    pub(super) device: String,
    pub(super) ack: Option<String>,
    pub(super) timeout_s: Option<u64>,
    pub(super) limit: Option<u64>,
}

impl Content {
    /// # Errors
    ///
    /// `bad_parameter`, and what is wrong.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        parse(body).map_err(Problem::bad_parameter)
    }
}

fn write(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("plain data is JSON").into()
}

pub(super) fn folders(account: &str, tree: &Hierarchy) -> Bytes {
    #[derive(Serialize)]
    struct Wire<'a> {
        folders: Vec<Folder<'a>>,
    }
    #[derive(Serialize)]
    struct Folder<'a> {
        id: String,
        path: &'a str,
        r#type: &'static str,
        class: &'static str,
        channel: String,
    }
    let wire = tree.folders.iter().map(|folder| Folder {
        id: folder.id.to_string(),
        path: &folder.path,
        r#type: folder.kind.as_str(),
        class: folder.class.as_str(),
        channel: folder_channel(account, &folder.path).as_str().to_owned(),
    });
    write(&Wire { folders: wire.collect() })
}

#[derive(Serialize)]
struct Item<'a> {
    kind: &'static str,
    #[serde(flatten)]
    described: Described<'a>,
}

impl<'a> Item<'a> {
    fn of(item: &'a SyncedItem) -> Self {
        let described = Described::new(&item.change, item.summary.as_ref(), item.size);
        Self { kind: item.change.kind.as_str(), described }
    }
}

pub(super) fn synced(answer: &SyncAnswer) -> Bytes {
    #[derive(Serialize)]
    struct Ok<'a> {
        status: &'static str,
        sync_key: &'a str,
        more: bool,
        changes: Vec<Item<'a>>,
    }
    match answer {
        SyncAnswer::Ok { sync_key, more, changes } => {
            let changes = changes.iter().map(Item::of).collect();
            write(&Ok { status: "ok", sync_key, more: *more, changes })
        }
        SyncAnswer::BadSyncKey => status("bad_sync_key"),
        SyncAnswer::FoldersStale => status("folders_stale"),
        SyncAnswer::ServerError => status("server_error"),
    }
}

fn status(status: &'static str) -> Bytes {
    write(&Status { status, ..Status::default() })
}

#[derive(Default, Serialize)]
struct Status<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    folders: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<usize>,
}

pub(super) fn pinged(answer: &PingAnswer) -> Bytes {
    let of = |status| Status { status, ..Status::default() };
    let wire = match answer {
        PingAnswer::NoChanges => of("no_changes"),
        PingAnswer::Changes(folders) => {
            Status { folders: Some(folders.iter().map(FolderId::to_string).collect()), ..of("changes") }
        }
        PingAnswer::ParametersMissing(detail) => Status { detail: Some(detail), ..of("parameters_missing") },
        PingAnswer::BadRequest(detail) => Status { detail: Some(detail), ..of("bad_request") },
        PingAnswer::HeartbeatOutOfRange { min, max } => {
            Status { min_s: Some(min.as_secs()), max_s: Some(max.as_secs()), ..of("heartbeat_out_of_range") }
        }
        PingAnswer::TooManyFolders { max } => Status { max: Some(*max), ..of("too_many_folders") },
        PingAnswer::FoldersStale => of("folders_stale"),
        PingAnswer::ServerError => of("server_error"),
    };
    write(&wire)
}
