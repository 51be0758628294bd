//! Names of messages' files: `unique:2,FLAGS`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::store::Flags;

/// Where in a folder a file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) enum Place {
    /// Where it was delivered, and no program has seen it yet.
    New,
    /// Where programs keep it.
    Cur,
}

impl Place {
    pub(super) const BOTH: [Place; 2] = [Place::Cur, Place::New];

    /// The directory's name.
    pub(super) fn dir(self) -> &'static str {
        match self {
            Place::New => "new",
            Place::Cur => "cur",
        }
    }
}

/// The letters of flags, in the order in which they are written.
const LETTERS: [(u8, Flags); 6] = [
    (b'D', Flags::DRAFT),
    (b'F', Flags::FLAGGED),
    (b'P', Flags::FORWARDED),
    (b'R', Flags::ANSWERED),
    (b'S', Flags::SEEN),
    (b'T', Flags::DELETED),
];

/// What parts the unique name from what is told of the message.
const INFO: &[u8] = b":2,";

fn split(name: &OsStr) -> (&[u8], &[u8]) {
    let name = name.as_bytes();
    let end = name.iter().position(|byte| *byte == b':').unwrap_or(name.len());
    (&name[..end], name[end..].strip_prefix(INFO).unwrap_or_default())
}

/// What stays of a name while the message is marked and moved. `None` for files that are no messages.
pub(super) fn key(name: &OsStr) -> Option<String> {
    let (unique, _) = split(name);
    if unique.is_empty() || unique.starts_with(b".") {
        return None;
    }
    let encoded = || percent_encode(unique, NON_ALPHANUMERIC).to_string();
    Some(std::str::from_utf8(unique).map_or_else(|_| encoded(), str::to_owned))
}

/// How a message is marked; nobody has seen what still lies in `new`.
pub(super) fn flags(place: Place, name: &OsStr) -> Flags {
    let (_, info) = split(name);
    let of = |letter: &u8| LETTERS.iter().find(|(known, _)| known == letter).map(|(_, flag)| *flag);
    let flags = info.iter().filter_map(of).fold(Flags::default(), Flags::with);
    if place == Place::New { flags.without(Flags::SEEN) } else { flags }
}

/// The name of the same message marked like this. Letters that other programs have given meanings to stay.
pub(super) fn marked(name: &OsStr, flags: Flags) -> OsString {
    let (unique, info) = split(name);
    let mut letters: Vec<u8> =
        LETTERS.iter().filter(|(_, flag)| flags.contains(*flag)).map(|(byte, _)| *byte).collect();
    letters.extend(info.iter().filter(|byte| LETTERS.iter().all(|(known, _)| known != *byte)));
    letters.sort_unstable();
    letters.dedup();
    OsString::from_vec([unique, INFO, &letters].concat())
}

/// Of the unique name: equal wherever the message lies. FNV-1a, because it is kept and must never be computed otherwise.
pub(super) fn identity(key: &str) -> u64 {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.max(1)
}

/// When it was delivered, by its name; messages that come together are numbered in this order.
pub(super) fn arrival(key: &str) -> u64 {
    let digits = key.bytes().take_while(u8::is_ascii_digit).count();
    key[..digits].parse().unwrap_or(u64::MAX)
}

/// Names of files from before 1973 or from behind 2286 tell something else.
const PLAUSIBLE_SECONDS: std::ops::Range<u64> = 100_000_000..10_000_000_000;

/// When it was delivered, in Unix milliseconds, if its name tells.
pub(super) fn received_ms(key: &str) -> Option<u64> {
    let digits = key.bytes().take_while(u8::is_ascii_digit).count();
    let is_alone = !key[digits..].starts_with(|next: char| next.is_ascii_alphabetic());
    let seconds = key[..digits].parse().ok().filter(|seconds| is_alone && PLAUSIBLE_SECONDS.contains(seconds));
    seconds.map(|seconds| seconds * 1000)
}

/// A name that no other message has: time, process, a count, and the machine.
#[expect(clippy::disallowed_methods, reason = "part of a unique name, for which time means nothing else")]
pub(super) fn unique() -> String {
    static HOST: LazyLock<String> = LazyLock::new(|| {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        host.replace('/', "\\057").replace(':', "\\072").chars().take(64).collect()
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    format!("{seconds}.M{micros:06}P{}Q{count}.{}", std::process::id(), *HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_key_and_flags() {
        let table: [(&str, Option<&str>, Flags); 7] = [
            ("1.a.host", Some("1.a.host"), Flags::default()),
            ("1.a.host:2,", Some("1.a.host"), Flags::default()),
            ("1.a.host,S=5:2,FS", Some("1.a.host,S=5"), Flags::FLAGGED.with(Flags::SEEN)),
            ("1.a:2,DPRTab", Some("1.a"), Flags(16 | 32 | 2 | 8)),
            ("1.a:1,S", Some("1.a"), Flags::default()),
            (".hidden", None, Flags::default()),
            (":2,S", None, Flags::SEEN),
        ];
        for (name, expected, marks) in table {
            assert_eq!(key(OsStr::new(name)).as_deref(), expected, "{name}");
            assert_eq!(flags(Place::Cur, OsStr::new(name)), marks, "{name}");
        }
        assert_eq!(flags(Place::New, OsStr::new("a:2,FS")), Flags::FLAGGED);
        assert_eq!(key(OsStr::from_bytes(b"1.\xff")).as_deref(), Some("1%2E%FF"));
    }

    #[test]
    fn marks_are_written_in_order_and_foreign_letters_stay() {
        assert_eq!(marked(OsStr::new("1.a"), Flags::default()), "1.a:2,");
        assert_eq!(marked(OsStr::new("1.a:2,Sab"), Flags::FLAGGED.with(Flags::DRAFT)), "1.a:2,DFab");
    }

    #[test]
    fn a_name_tells_when_the_message_came_if_that_can_be() {
        assert_eq!(received_ms("1700000000.M1P2.host,S=3"), Some(1_700_000_000_000));
        assert_eq!(received_ms("1700000000"), Some(1_700_000_000_000));
        for other in ["1.host", "99999999.host", "10000000000.host", "1700000000abc", "host.1700000000", ""] {
            assert_eq!(received_ms(other), None, "{other}");
        }
        assert!(received_ms(&unique()).is_some());
    }

    #[test]
    fn unique_names_are() {
        let (one, other) = (unique(), unique());
        assert_ne!(one, other);
        assert_eq!(key(OsStr::new(&one)), Some(one.clone()));
        assert!(arrival(&one) <= arrival(&other) && !one.contains('/'));
    }
}
