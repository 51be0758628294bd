//! What the channels of an account are called (wire.md §9).

use std::fmt::Write as _;

use push_core::{ChannelName, MAX_NAME_BYTES};
use sha1::{Digest as _, Sha1};

/// Longest segment of an account.
const MAX_ACCOUNT_BYTES: usize = 100;

/// Between what is left of a name that was cut and its hash.
const CUT: char = '~';

/// Hexadecimal digits of the hash.
const HASH_DIGITS: usize = 16;

/// The first two segments: `mail/A`.
pub(crate) fn prefix(account: &str) -> String {
    format!("mail/{}", account_segment(account))
}

/// The segment of an account in the names of its channels.
pub(crate) fn account_segment(account: &str) -> String {
    segment(account, MAX_ACCOUNT_BYTES)
}

/// The channel of a folder: `mail/A/F`, both as one segment.
pub fn folder_channel(account: &str, path: &str) -> ChannelName {
    let prefix = prefix(account);
    let folder = segment(path, MAX_NAME_BYTES - prefix.len() - 1);
    ChannelName::parse(&format!("{prefix}/{folder}")).expect("an encoded name is a channel's")
}

/// The channel on which folders that come, go and are renamed are told: `mail/A/$tree`.
pub fn tree_channel(account: &str) -> ChannelName {
    ChannelName::parse(&format!("{}/$tree", prefix(account))).expect("an encoded name is a channel's")
}

/// `name` as one segment: `%`, `/`, `*`, white space, control characters and a leading `$` percent-encoded. What is
/// longer than `most` bytes is cut, and ends in `~` and the beginning of its SHA-1.
fn segment(name: &str, most: usize) -> String {
    let mut out = String::with_capacity(name.len());
    // Where it can be cut: not within a character or an escape.
    let mut cut_at = 0;
    for (place, c) in name.char_indices() {
        if out.len() + 1 + HASH_DIGITS <= most {
            cut_at = out.len();
        }
        let is_encoded = matches!(c, '%' | '/' | '*') || c.is_whitespace() || c.is_control() || place == 0 && c == '$';
        if is_encoded {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    if out.is_empty() {
        // A segment cannot be empty; no other name is encoded like that.
        return "%".to_owned();
    }
    if out.len() > most {
        out.truncate(cut_at);
        out.push(CUT);
        let hash = Sha1::digest(name.as_bytes());
        for byte in &hash[..HASH_DIGITS / 2] {
            let _ = write!(out, "{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_encoded_as_the_wire_has_it() {
        for (account, path, channel) in [
            ("alice", "INBOX", "mail/alice/INBOX"),
            ("alice", "Lists/rust", "mail/alice/Lists%2Frust"),
            ("a b", "50%*", "mail/a%20b/50%25%2A"),
            ("$alice", "$tree", "mail/%24alice/%24tree"),
            ("al$ice", "Entwürfe", "mail/al$ice/Entwürfe"),
            ("a", "x\u{3000}y\u{85}", "mail/a/x%E3%80%80y%C2%85"),
        ] {
            assert_eq!(folder_channel(account, path).as_str(), channel);
        }
        assert_eq!(tree_channel("alice").as_str(), "mail/alice/$tree");
    }

    #[test]
    fn long_names_are_cut_between_characters_and_stay_apart() {
        let long = "ä".repeat(200);
        let other = format!("{}b", "ä".repeat(199));
        let (first, second) = (folder_channel("alice", &long), folder_channel("alice", &other));
        assert_ne!(first, second);
        let name = first.as_str();
        assert!(name.len() <= MAX_NAME_BYTES && name.len() > MAX_NAME_BYTES - 3, "{}", name.len());
        let (kept, hash) = name.rsplit_once('~').expect("it was cut");
        assert!(kept.ends_with('ä') && hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
        let slashes = folder_channel("alice", &"/".repeat(100));
        let kept = slashes.as_str().rsplit_once('~').expect("it was cut").0;
        assert!(kept.ends_with("%2F"), "{kept}");
    }

    proptest! {
        #[test]
        fn any_name_gives_a_channel_of_three_segments(account in ".{0,120}", path in ".{0,300}") {
            let channel = folder_channel(&account, &path);
            prop_assert_eq!(channel.as_str().split('/').count(), 3);
            prop_assert!(channel.is_mail());
        }
    }
}
