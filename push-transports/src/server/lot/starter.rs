//! Beginning a connection's task: most requests are served in one go, and need no task at all.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::unconstrained;
use tokio_util::sync::ReusableBoxFuture;

/// Polls futures once where they are made, and gives those that have to wait a task of their own. What a future takes in
/// memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Starter(Option<ReusableBoxFuture<'static, ()>>);

impl Starter {
    pub(super) fn start(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        let mut boxed = match self.0.take() {
            Some(mut boxed) => {
                boxed.set(future);
                boxed
            }
            None => ReusableBoxFuture::new(future),
        };
        // Nobody is woken by this poll: a future that has to wait is polled again, by its task, at once.
        let mut cx = Context::from_waker(Waker::noop());
        // A handler that panics ends its connection, not its lot; a future that panicked is not used again.
        // Not of the lot's share of time: a future that is refused for want of it must not look like one that waits.
        let mut once = pin!(unconstrained(poll_fn(|cx| boxed.poll(cx))));
        let polled = catch_unwind(AssertUnwindSafe(|| once.as_mut().poll(&mut cx)));
        match polled {
            Ok(Poll::Ready(())) => self.0 = Some(boxed),
            Ok(Poll::Pending) => drop(tokio::spawn(boxed)),
            Err(panic) => tracing::error!(panic = said(&*panic), "a request's handler panicked"),
        }
    }
}

pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[tokio::test]
    async fn a_future_is_run_at_once_or_to_its_end_in_a_task_and_panics_alone() {
        let (mut starter, done) = (Starter::default(), Arc::new(AtomicUsize::new(0)));
        let count = |waits: bool| {
            let done = Arc::clone(&done);
            async move {
                if waits {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                done.fetch_add(1, SeqCst);
            }
        };
        starter.start(count(false));
        starter.start(count(false));
        assert_eq!(done.load(SeqCst), 2);
        starter.start(async { panic!("a handler's") });
        starter.start(count(true));
        assert_eq!(done.load(SeqCst), 2);
        starter.start(count(false));
        while done.load(SeqCst) < 4 {
            tokio::task::yield_now().await;
        }
    }
}
