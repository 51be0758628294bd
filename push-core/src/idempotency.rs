//! Push ids: publishing the same thing twice gives the first answer again.
//!
//! The window of a channel lives under the channel's lock, so of two concurrent publications with one
//! id the second finds the first's answer.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::label::PushId;

/// Who published under which id; `""` is anybody without a name.
pub(crate) type Scope = (Arc<str>, PushId);

/// Two keyed hashes of a payload: 128 bits that a publisher cannot aim at.
pub(crate) type Fingerprint = (u64, u64);

/// What is remembered of a publication: enough to answer again, and to know another payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    /// Tells the same payload from another one.
    pub(crate) payload: Fingerprint,
}

/// The push ids of one channel, oldest first, bounded in number and age.
#[derive(Debug, Default)]
pub(crate) struct Window {
    by_scope: HashMap<Scope, Remembered>,
    order: VecDeque<(Instant, Scope)>,
}

impl Window {
    pub(crate) fn get(&mut self, scope: &Scope, now: Instant, age: Duration) -> Option<Remembered> {
        self.expire(now, age);
        self.by_scope.get(scope).copied()
    }

    pub(crate) fn insert(&mut self, scope: Scope, remembered: Remembered, now: Instant, max: usize) {
        while self.order.len() >= max.max(1) {
            self.pop();
        }
        if self.by_scope.insert(scope.clone(), remembered).is_none() {
            self.order.push_back((now, scope));
        }
    }

    pub(crate) fn expire(&mut self, now: Instant, age: Duration) {
        while self.order.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > age) {
            self.pop();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn pop(&mut self) {
        if let Some((_, scope)) = self.order.pop_front() {
            self.by_scope.remove(&scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn the_window_is_bounded_in_number_and_age() {
        let start = SystemClock.now();
        let age = Duration::from_secs(300);
        let scope = |n: u64| (Arc::from("alice"), PushId::parse(&format!("id-{n}")).expect("an id"));
        let remembered = |n| Remembered { number: n, offset: n, payload: (n, n) };
        let mut window = Window::default();
        for n in 0..5 {
            window.insert(scope(n), remembered(n), start + Duration::from_secs(n), 3);
        }
        assert_eq!(window.get(&scope(1), start, age), None);
        assert_eq!(window.get(&scope(2), start, age), Some(remembered(2)));
        let later = start + age + Duration::from_secs(3);
        assert_eq!(window.get(&scope(2), later, age), None);
        assert_eq!(window.get(&scope(3), later, age), Some(remembered(3)));
        assert!(!window.is_empty());
    }
}
