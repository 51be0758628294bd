//! How many connections the system lets the process have.

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
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let limit = raise();
        let now = getrlimit(Resource::Nofile);
        assert_eq!((now.current, now.maximum), (limit, limit));
    }
}
