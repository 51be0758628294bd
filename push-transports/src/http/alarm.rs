//! One timer of a connection, set anew only when its deadline moves.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// Wakes a task at the deadline it last asked for. Takes nothing until it is first asked to wait.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    until: Option<Instant>,
}

impl Alarm {
    /// Ready at `deadline`; never, without one.
    pub(super) fn poll(&mut self, deadline: Option<Instant>, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let left = deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Poll::Ready(());
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
        if self.until != Some(deadline) {
            self.until = Some(deadline);
            sleep.as_mut().reset(tokio::time::Instant::now() + left);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            self.until = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
