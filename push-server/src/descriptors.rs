//! How many connections the system lets the process have, and how many of them may subscribe.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept back for all that is no client's connection: listeners, files, the runtime, refusals on their way.
const HEADROOM: u64 = 512;

/// More than this is asked for explicitly: some systems allow a billion descriptors, and nobody means them.
const MOST_BY_DEFAULT: u64 = 1_000_000;

/// Raises the soft limit of open files to the hard one; returns what holds then (`None`: no limit).
pub(crate) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, limit = current, "the limit of open files cannot be raised");
            current
        }
    }
}

/// How many connections fit into `limit` descriptors.
pub(crate) fn room(limit: Option<u64>) -> usize {
    let limit = limit.unwrap_or(u64::MAX);
    let room = limit - HEADROOM.min(limit / 2);
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// The limit of connections: `wanted`, as far as there is room; by default all the room, up to a million.
pub(crate) fn connections(wanted: Option<usize>, room: usize) -> usize {
    match wanted {
        Some(wanted) => {
            if wanted > room {
                tracing::warn!(wanted, room, "'max_connections' is more than the limit of open files allows; lowered");
            }
            wanted.min(room)
        }
        None => room.min(usize::try_from(MOST_BY_DEFAULT).unwrap_or(usize::MAX)),
    }
}

/// Connections that are kept for everything but subscriptions: one in sixteen, at most 512.
///
/// A server that is full says so in each transport's own words (wire.md §4), for which it has to read the request first. What
/// comes beyond `connections` is refused before that, with a bare 429, on which an EventSource gives up for good.
fn spare(connections: usize) -> usize {
    const SHARE: usize = 16;
    const MOST: usize = 512;
    (connections / SHARE).clamp(1, MOST)
}

/// The limit of subscribers among `connections`: `wanted`, as far as some connections are left for refusals and for
/// requests that pass. One connection alone may subscribe.
pub(crate) fn subscribers(wanted: Option<usize>, connections: usize) -> usize {
    let most = connections.saturating_sub(spare(connections)).max(1);
    match wanted {
        Some(wanted) if wanted > most => {
            tracing::warn!(wanted, most, "'max_subscribers' is too close to the limit of connections; lowered");
            most
        }
        Some(wanted) => wanted,
        None => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_back_whatever_the_limit() {
        assert_eq!(room(Some(20_000)), 19_488);
        assert_eq!(room(Some(256)), 128);
        assert_eq!(room(Some(0)), 0);
        assert!(room(None) > 1_000_000_000);
    }

    #[test]
    fn what_is_configured_is_taken_as_far_as_there_is_room() {
        assert_eq!(connections(Some(100), 1000), 100);
        assert_eq!(connections(Some(5000), 1000), 1000);
        assert_eq!(connections(None, 1000), 1000);
        assert_eq!(connections(None, usize::MAX), 1_000_000);
    }

    #[test]
    fn some_connections_are_kept_for_what_is_no_subscription() {
        assert_eq!(subscribers(None, 1_000_000), 999_488);
        assert_eq!(subscribers(None, 1600), 1500);
        assert_eq!(subscribers(None, 10), 9);
        assert_eq!(subscribers(None, 1), 1);
        assert_eq!(subscribers(Some(3), 1600), 3);
        assert_eq!(subscribers(Some(1600), 1600), 1500);
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let limit = raise();
        let now = getrlimit(Resource::Nofile);
        assert_eq!((now.current, now.maximum), (limit, limit));
    }
}
