//! Subscriptions on connections that a lot owns: what of them is shared, how they park, and how they go on.
//!
//! A session that has nothing to write and nothing of its own left parks: its task ends, and the lot writes it what all of its
//! kind are written. A member that can no longer be served like the others is resumed: a task with a session of its own,
//! the same that any server polls as a body.

pub(crate) mod offer;
pub(crate) mod poll;
pub(crate) mod stream;
mod wait;

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use push_core::{Budget, Subscriber};

use super::push::Push;

/// Read for one pass: what fits into a socket's send buffer in most forms.
pub(super) const SHARED: Budget = Budget { publications: 256, bytes: 48 * 1024 };

/// What may be in one cohort has the same key: the same kind of the same transports, subscribing the same.
pub(super) fn key_of(push: &Push, kind: &[u8], subscriber: &Subscriber) -> Arc<[u8]> {
    let mut selectors: Vec<_> = subscriber.policies().map(|(s, policy)| (s.as_str(), policy as u8)).collect();
    selectors.sort_unstable();
    let mut key = Vec::with_capacity(kind.len() + 16 + selectors.iter().map(|(name, _)| name.len() + 2).sum::<usize>());
    key.extend_from_slice(&(Arc::as_ptr(&push.shared) as usize).to_ne_bytes());
    key.extend_from_slice(kind);
    for (name, policy) in selectors {
        // No name has a zero in it.
        key.push(0);
        key.push(policy);
        key.extend_from_slice(name.as_bytes());
    }
    key.into()
}

/// Whether a session can go on behind `head`: middleware has not given another answer, nor said that it sees to the
/// body's bytes.
fn may_take_over(head: &Parts) -> bool {
    let is_carried =
        [CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| head.headers.contains_key(name));
    head.status == StatusCode::OK && !is_carried
}

/// The date of an answer.
#[expect(clippy::disallowed_methods, reason = "the shell's clock: an answer has to carry the date")]
pub(super) fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}
