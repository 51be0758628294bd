//! One timer of a connection. A deadline that moves away, as silences do with every publication, is looked at when the old one
//! has passed.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// Wakes a task at the deadline it last asked for, and perhaps before. Takes nothing until it is first asked to wait.
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
        loop {
            let is_exact = self.until == Some(deadline);
            if self.until.is_none_or(|until| until > deadline) {
                self.until = Some(deadline);
                sleep.as_mut().reset(tokio::time::Instant::now() + left);
            } else if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            } else {
                self.until = None;
                if is_exact {
                    return Poll::Ready(());
                }
            }
        }
    }
}
