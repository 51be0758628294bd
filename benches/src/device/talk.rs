//! What devices and the server say to each other, in JSON (wire.md §9) or as Exchange ActiveSync.

use serde::Deserialize;

use super::eas;
use crate::Result;
use crate::client::http::{self, Body};

/// Which of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Speech {
    /// The calls in JSON.
    #[default]
    Ping,
    /// Exchange ActiveSync.
    Eas,
}

/// How long a ping is to wait, in seconds: longer than any bench.
pub(super) const HEARTBEAT_S: u32 = 3540;

impl Speech {
    /// What a device asks before all else, if anything.
    pub(super) fn hello(self, host: &str, account: &str, device: &str) -> Option<Vec<u8>> {
        match self {
            Self::Ping => None,
            Self::Eas => Some(eas::folder_sync(host, account, device)),
        }
    }

    /// A ping of folders 1 to `folders`.
    pub(super) fn ping(self, host: &str, account: &str, device: &str, folders: usize) -> Vec<u8> {
        match self {
            Self::Ping => ping(host, account, device, folders).into_bytes(),
            Self::Eas => eas::ping(host, account, device, folders),
        }
    }

    pub(super) fn sync(self, host: &str, account: &str, device: &str, folder: u32, key: &str) -> Vec<u8> {
        match self {
            Self::Ping => sync(host, account, device, folder, key).into_bytes(),
            Self::Eas => eas::sync(host, account, device, folder, key),
        }
    }

    /// The first answer in `bytes`, and how many they are; `None` while it is not all there.
    pub(super) fn answer(self, bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
        let Some(head) = http::head(bytes).map_err(|_| "an answer is not HTTP")? else { return Ok(None) };
        let Body::Length(len) = head.body else { return Err("an answer without a length".into()) };
        let end = head.len + len;
        let Some(body) = bytes.get(head.len..end) else { return Ok(None) };
        let answer = match (head.status, self) {
            (200, Self::Ping) => told(body),
            (200, Self::Eas) => eas::told(body),
            _ => None,
        };
        let answer = answer.unwrap_or_else(|| {
            eprintln!("a device was told {} {}", head.status, String::from_utf8_lossy(body));
            Answer::Other
        });
        Ok(Some((answer, end)))
    }
}

fn ping(host: &str, account: &str, device: &str, folders: usize) -> String {
    let folders: Vec<_> = (1..=folders).map(|id| format!(r#"{{"id":"{id}","class":"Email"}}"#)).collect();
    let folders = folders.join(",");
    let body =
        format!(r#"{{"account":"{account}","device":"{device}","heartbeat_s":{HEARTBEAT_S},"folders":[{folders}]}}"#);
    post(host, "ping", &body)
}

fn sync(host: &str, account: &str, device: &str, folder: u32, sync_key: &str) -> String {
    let body = format!(r#"{{"account":"{account}","device":"{device}","folder":"{folder}","sync_key":"{sync_key}"}}"#);
    post(host, "sync", &body)
}

fn post(host: &str, call: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST /push/mail/{call} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
    )
}

/// What a device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Changes {
        folders: Vec<u32>,
    },
    NoChanges,
    /// To [`Speech::hello`].
    Hello,
    /// How many changes, and whether there are more.
    Synced {
        sync_key: String,
        new: u64,
        more: bool,
    },
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Told {
    status: String,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    sync_key: String,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    changes: Vec<serde::de::IgnoredAny>,
}

/// What JSON says; `None` for anything that a device does not expect.
fn told(body: &[u8]) -> Option<Answer> {
    let Told { status, folders, sync_key, more, changes } = serde_json::from_slice(body).ok()?;
    match status.as_str() {
        "changes" => Some(Answer::Changes { folders: folders.iter().filter_map(|id| id.parse().ok()).collect() }),
        "ok" => Some(Answer::Synced { sync_key, new: changes.len() as u64, more }),
        "no_changes" => Some(Answer::NoChanges),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_and_taken_whole() {
        let http = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let changes = http(r#"{"status":"changes","folders":["1","12"]}"#);
        let synced = http(r#"{"status":"ok","sync_key":"2-7","more":false,"changes":[{"kind":"new"}]}"#);
        let both = format!("{changes}{synced}");
        let first = Speech::Ping.answer(both.as_bytes()).expect("HTTP").expect("whole");
        assert_eq!(first, (Answer::Changes { folders: vec![1, 12] }, changes.len()));
        let second = Speech::Ping.answer(&both.as_bytes()[first.1..]).expect("HTTP").expect("whole");
        assert_eq!(second, (Answer::Synced { sync_key: "2-7".into(), new: 1, more: false }, synced.len()));
        assert_eq!(Speech::Ping.answer(&both.as_bytes()[..changes.len() - 1]).expect("HTTP"), None);
        let (other, _) =
            Speech::Ping.answer(http(r#"{"status":"folders_stale"}"#).as_bytes()).expect("HTTP").expect("whole");
        assert_eq!(other, Answer::Other);
    }
}
