//! What an idle connection consists of, as far as sizes of types tell.
//!
//! Types of other crates that nobody may name are here by their size; where they are, it is asserted to be this one.

use std::mem::size_of;

use super::{Idle, Path};
use crate::kind::Kind;

/// `Record` of push-transports (`proto/lot/records.rs`).
const RECORD: usize = 24;

/// A descriptor in a lot's table.
const DESCRIPTOR: usize = size_of::<Option<std::os::fd::OwnedFd>>();

/// A key in the slots of a group.
const SLOT: usize = size_of::<u32>();

/// An entry of the table of waits with its key (push-transports, `server/lot/waits.rs`).
const WAIT: usize = 40;

/// The `Caller` of a wait with its counts of references (the same place).
const CALLER: usize = 16 + 2 * size_of::<usize>();

/// `WaitingPing` of push-mail (`direct/waiting.rs`).
const WAITING_PING: usize = 32;

/// `Live` of push-mail with its counts of references, at most, and what it watches of a folder (`direct/live.rs`).
const LIVE: usize = 128 + 2 * size_of::<usize>();
const WATCHED: usize = 24;

/// `Session` of push-transports (`server/tls/session.rs`): rustls without its buffers, and three of ours that are empty. What
/// rustls boxes is not in it.
const SESSION: usize =
    size_of::<rustls::server::UnbufferedServerConnection>() + 3 * size_of::<Vec<u8>>() + size_of::<usize>();

/// What glibc's allocator keeps before each block, and what it rounds up to.
const BLOCK: usize = 8;
const ROUND: usize = 16;

/// Something that each connection has, with the room that its table has for more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Bytes a connection.
    pub(super) bytes: f64,
}

/// The parts of one of `count` connections. Empty where none is known: a task's future has no name.
pub(super) fn parts(idle: Idle, path: Path, count: usize, folders: usize) -> Vec<Part> {
    let part = |name, bytes| Part { name, bytes };
    let in_table = |size: usize| size as f64 * room(count) as f64 / count.max(1) as f64;
    match path {
        Path::Lots | Path::Tls => {
            let mut parts = vec![part("record", in_table(RECORD)), part("descriptor", in_table(DESCRIPTOR))];
            match idle {
                Idle::Open(Kind::Silent | Kind::Keepalive) => {}
                Idle::Open(_) => parts.push(part("slot", in_table(SLOT))),
                Idle::Parked(_) => {
                    parts.push(part("wait", hashed(WAIT, count)));
                    parts.push(part("caller", block(CALLER)));
                    parts.push(part("waiting ping", block(WAITING_PING)));
                    parts.push(part("its live part, at most,", block(LIVE)));
                    parts.push(part("folders", block(folders * WATCHED)));
                }
            }
            if path == Path::Tls {
                parts.push(part("TLS session", block(SESSION)));
            }
            parts
        }
        Path::Portable => Vec::new(),
    }
}

/// Room of a table of push-transports that grew to `count` (`proto/lot/grow.rs`): by a quarter, within bounds.
fn room(count: usize) -> usize {
    const LEAST: usize = 4;
    const MOST: usize = 4096;
    let mut room: usize = 0;
    while room < count {
        room += (room / 4).clamp(LEAST, MOST);
    }
    room
}

/// Bytes of an entry of a hash table that grew to `count`: powers of two, at most seven eighths full, a byte of control each.
fn hashed(size: usize, count: usize) -> f64 {
    let buckets = (count * 8).div_ceil(7).next_power_of_two();
    ((size + 1) * buckets) as f64 / count.max(1) as f64
}

/// Bytes of a block that holds `size`.
fn block(size: usize) -> f64 {
    (size + BLOCK).next_multiple_of(ROUND).max(2 * ROUND) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_in_a_lot_is_a_record_a_descriptor_and_a_slot_with_little_room_to_spare() {
        let sum: f64 = parts(Idle::Open(Kind::Sse), Path::Lots, 10_000, 1).iter().map(|part| part.bytes).sum();
        assert!((32.0..40.0).contains(&sum), "{sum}");
        let silent: f64 = parts(Idle::Open(Kind::Silent), Path::Lots, 10_000, 1).iter().map(|part| part.bytes).sum();
        assert!(silent < sum);
    }

    #[test]
    fn tables_grow_by_a_quarter_and_by_no_more_than_their_bound() {
        assert_eq!([room(0), room(1), room(5), room(100)], [0, 4, 8, 112]);
        assert!(room(100_000) - 100_000 < 4096);
    }

    #[test]
    fn blocks_are_rounded_up_with_what_the_allocator_keeps() {
        assert_eq!([block(1), block(24), block(25), block(40)], [32.0, 32.0, 48.0, 48.0]);
        assert_eq!(hashed(40, 14_336), 41.0 * 16_384.0 / 14_336.0);
    }
}
