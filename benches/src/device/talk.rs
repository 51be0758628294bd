//! What devices and the server say to each other.

use serde::Deserialize;

use crate::Result;
use crate::client::http::{self, Body};

/// How long a ping is to wait, in seconds: longer than any bench.
const HEARTBEAT_S: u32 = 3540;

/// A ping of folders 1 to `folders`.
pub(super) fn ping(host: &str, account: &str, device: &str, folders: usize) -> String {
    let folders: Vec<_> = (1..=folders).map(|id| format!(r#"{{"id":"{id}","class":"Email"}}"#)).collect();
    let folders = folders.join(",");
    let body =
        format!(r#"{{"account":"{account}","device":"{device}","heartbeat_s":{HEARTBEAT_S},"folders":[{folders}]}}"#);
    post(host, "ping", &body)
}

pub(super) fn sync(host: &str, account: &str, device: &str, folder: u32, sync_key: &str) -> String {
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
    /// How many changes, and whether there are more.
    Synced {
        sync_key: String,
        new: u64,
        more: bool,
    },
    /// Anything else.
    Other(String),
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

/// The first answer in `bytes`, and how many they are; `None` while it is not all there.
pub(super) fn answer(bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
    let Some(head) = http::head(bytes).map_err(|_| "an answer is not HTTP")? else { return Ok(None) };
    let Body::Length(len) = head.body else { return Err("an answer without a length".into()) };
    let end = head.len + len;
    let Some(body) = bytes.get(head.len..end) else { return Ok(None) };
    let other = || Answer::Other(format!("{} {}", head.status, String::from_utf8_lossy(body)));
    let told = (head.status == 200).then(|| serde_json::from_slice::<Told>(body).ok()).flatten();
    let answer = match told {
        Some(Told { status, folders, .. }) if status == "changes" => {
            Answer::Changes { folders: folders.iter().filter_map(|id| id.parse().ok()).collect() }
        }
        Some(Told { status, sync_key, more, changes, .. }) if status == "ok" => {
            Answer::Synced { sync_key, new: changes.len() as u64, more }
        }
        Some(Told { status, .. }) if status == "no_changes" => Answer::NoChanges,
        _ => other(),
    };
    if let Answer::Other(told) = &answer {
        eprintln!("a device was told {told}");
    }
    Ok(Some((answer, end)))
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
        let first = answer(both.as_bytes()).expect("HTTP").expect("whole");
        assert_eq!(first, (Answer::Changes { folders: vec![1, 12] }, changes.len()));
        let second = answer(&both.as_bytes()[first.1..]).expect("HTTP").expect("whole");
        assert_eq!(second, (Answer::Synced { sync_key: "2-7".into(), new: 1, more: false }, synced.len()));
        assert_eq!(answer(&both.as_bytes()[..changes.len() - 1]).expect("HTTP"), None);
        let (other, _) = answer(http(r#"{"status":"folders_stale"}"#).as_bytes()).expect("HTTP").expect("whole");
        assert!(matches!(other, Answer::Other(_)));
    }
}
