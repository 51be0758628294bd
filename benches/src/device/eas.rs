//! Exchange ActiveSync, as far as a device needs it that waits and syncs.

use bytes::Bytes;
use push_mail::wbxml::tags::{air_sync as a, folder_hierarchy as f, ping as p};
use push_mail::wbxml::{Element, Limits, decode, encode};

use super::talk::{Answer, HEARTBEAT_S};

/// HTTP Basic, where the password is nobody's business: base64 of `account:x`.
fn login(account: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = format!("{account}:x").into_bytes();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    out
}

fn post(host: &str, command: &str, account: &str, device: &str, document: &Element) -> Vec<u8> {
    let body = encode(document);
    let mut request = format!(
        "POST /Microsoft-Server-ActiveSync?Cmd={command}&User={account}&DeviceId={device}&DeviceType=Bench HTTP/1.1\r\n\
         host: {host}\r\nauthorization: Basic {}\r\nms-asprotocolversion: 16.1\r\n\
         content-type: application/vnd.ms-sync.wbxml\r\ncontent-length: {}\r\n\r\n",
        login(account),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    request
}

pub(super) fn folder_sync(host: &str, account: &str, device: &str) -> Vec<u8> {
    let document = Element::new(f::FOLDER_SYNC).with_text(f::SYNC_KEY, 0);
    post(host, "FolderSync", account, device, &document)
}

pub(super) fn ping(host: &str, account: &str, device: &str, folders: usize) -> Vec<u8> {
    let folder = |id| Element::new(p::FOLDER).with_text(p::ID, id).with_text(p::CLASS, "Email");
    let folders = Element::new(p::FOLDERS).with_all((1..=folders).map(folder));
    let document = Element::new(p::PING).with_text(p::HEARTBEAT_INTERVAL, HEARTBEAT_S).with(folders);
    post(host, "Ping", account, device, &document)
}

pub(super) fn sync(host: &str, account: &str, device: &str, folder: u32, key: &str) -> Vec<u8> {
    let collection = Element::new(a::COLLECTION).with_text(a::SYNC_KEY, key).with_text(a::COLLECTION_ID, folder);
    let document = Element::new(a::SYNC).with(Element::new(a::COLLECTIONS).with(collection));
    post(host, "Sync", account, device, &document)
}

/// What a document says; `None` for anything that a device does not expect.
pub(super) fn told(body: &[u8]) -> Option<Answer> {
    let document = decode(&Bytes::copy_from_slice(body), &Limits::default()).ok()?;
    let is_right = |element: &Element, tag| element.child_text(tag).is_some_and(|status| status == "1");
    match document.tag {
        p::PING if is_right(&document, p::STATUS) => Some(Answer::NoChanges),
        p::PING => {
            let folders = document.child(p::FOLDERS)?.elements().map(|folder| folder.to_text().parse().ok());
            Some(Answer::Changes { folders: folders.collect::<Option<_>>()? })
        }
        f::FOLDER_SYNC => is_right(&document, f::STATUS).then_some(Answer::Hello),
        a::SYNC => {
            let collection = document.child(a::COLLECTIONS)?.child(a::COLLECTION)?;
            let commands = collection.child(a::COMMANDS);
            is_right(collection, a::STATUS).then(|| Answer::Synced {
                sync_key: collection.child_text(a::SYNC_KEY).unwrap_or_default(),
                new: commands.map_or(0, |commands| commands.elements().count()) as u64,
                more: collection.child(a::MORE_AVAILABLE).is_some(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_is_told_is_understood() {
        let folders = Element::new(p::FOLDERS).with_text(p::FOLDER, 1).with_text(p::FOLDER, 12);
        let ping = |status| Element::new(p::PING).with_text(p::STATUS, status);
        assert_eq!(told(&encode(&ping(2).with(folders))), Some(Answer::Changes { folders: vec![1, 12] }));
        assert_eq!(told(&encode(&ping(1))), Some(Answer::NoChanges));
        assert_eq!(told(&encode(&ping(7))), None);
        let collection = Element::new(a::COLLECTION).with_text(a::SYNC_KEY, "2-7").with_text(a::STATUS, 1);
        let collection = collection.with(Element::new(a::COMMANDS).with(Element::new(a::ADD)));
        let sync = Element::new(a::SYNC).with(Element::new(a::COLLECTIONS).with(collection));
        let synced = Answer::Synced { sync_key: "2-7".into(), new: 1, more: false };
        assert_eq!(told(&encode(&sync)), Some(synced));
        // RFC 7617 §2, with other padding each.
        assert_eq!([login("a"), login("ab"), login("abc")], ["YTp4", "YWI6eA==", "YWJjOng="]);
    }
}
