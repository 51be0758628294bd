//! Two time-outs where hyper has one: slow heads end soon, idle connections may stay for a while.
//!
//! hyper 1.12 starts its `header_read_timeout` as soon as it *waits* for a head, so it closes idle kept-alive connections with
//! the time that is meant for slow heads. Its timer is ours, though, and its sleep is polled whenever bytes have come without
//! completing the head. So the sleep given to hyper lasts for `idle`, until the head's first byte cuts it to `header_timeout`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;
use pin_project_lite::pin_project;

use super::config::ServeConfig;
use super::connection::ConnectionInfo;

/// The timer of one connection; hyper uses it for heads only.
#[derive(Debug)]
pub(super) struct HeadTimer {
    info: ConnectionInfo,
    header_timeout: Duration,
    idle: Duration,
}

pin_project! {
    struct HeadSleep {
        #[pin]
        sleep: tokio::time::Sleep,
        info: ConnectionInfo,
        header_timeout: Duration,
        // The client owes the rest of a head: `sleep` ends at its deadline.
        owed: bool,
    }
}

impl HeadTimer {
    pub(super) fn new(info: ConnectionInfo, config: &ServeConfig) -> Self {
        Self { info, header_timeout: config.header_timeout, idle: config.idle }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        TokioTimer::new().sleep(duration)
    }

    fn sleep_until(&self, _header_deadline: Instant) -> Pin<Box<dyn Sleep>> {
        // A connection that has not said anything yet is no idle one: it owes its first head from the start.
        let owed = self.info.bytes_read() == 0;
        self.info.expect_head();
        Box::pin(HeadSleep {
            sleep: tokio::time::sleep(if owed { self.header_timeout } else { self.idle }),
            info: self.info.clone(),
            header_timeout: self.header_timeout,
            owed,
        })
    }

    fn now(&self) -> Instant {
        TokioTimer::new().now()
    }
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.owed && this.info.head_begun() {
            *this.owed = true;
            this.sleep.as_mut().reset(tokio::time::Instant::now() + *this.header_timeout);
        }
        this.sleep.poll(cx)
    }
}

impl Sleep for HeadSleep {}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    fn timer() -> HeadTimer {
        let info = ConnectionInfo::new(([127, 0, 0, 1], 1).into());
        HeadTimer { info, header_timeout: Duration::from_secs(10), idle: Duration::from_secs(75) }
    }

    async fn lasts(sleep: &mut Pin<Box<dyn Sleep>>, secs: u64) -> bool {
        timeout(Duration::from_secs(secs), sleep.as_mut()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_owed_from_the_start() {
        let timer = timer();
        let mut sleep = timer.sleep_until(timer.now());
        assert!(lasts(&mut sleep, 9).await);
        assert!(!lasts(&mut sleep, 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_may_wait_for_idle_and_is_owed_from_its_first_byte() {
        let timer = timer();
        timer.info.has_read(100);
        let mut sleep = timer.sleep_until(timer.now());
        assert!(lasts(&mut sleep, 74).await);
        timer.info.has_read(1);
        assert!(lasts(&mut sleep, 9).await);
        assert!(!lasts(&mut sleep, 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends_after_idle() {
        let timer = timer();
        timer.info.has_read(100);
        let mut sleep = timer.sleep_until(timer.now());
        assert!(lasts(&mut sleep, 74).await);
        assert!(!lasts(&mut sleep, 2).await);
    }
}
