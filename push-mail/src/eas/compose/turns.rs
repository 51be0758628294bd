//! One message of a device at a time: a repetition that overtakes its original must find what came of that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::direct::devices::DeviceId;

/// Whose messages are being sent.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Arc<DeviceId>, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// The device's turn, once whoever has it is done; kept until it is dropped.
    pub(super) async fn turn(&self, id: &Arc<DeviceId>) -> OwnedMutexGuard<()> {
        let lock = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(id).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                turns.insert(Arc::clone(id), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_device_sends_one_message_at_a_time_and_leaves_nothing_behind() {
        let id = |device: &str| Arc::new(DeviceId { account: "a".into(), user: None, device: device.into() });
        let turns = Turns::default();
        let turn = turns.turn(&id("one")).await;
        let other = turns.turn(&id("two")).await;
        let one = id("one");
        let waiting = turns.turn(&one);
        tokio::pin!(waiting);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        drop(turn);
        drop(waiting.await);
        drop(other);
        drop(turns.turn(&id("three")).await);
        assert_eq!(turns.0.lock().expect("whole").len(), 1, "the last alone");
    }
}
