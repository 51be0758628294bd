//! Long requests of any kind: what an application's handler waits for, and how its answer is made fit to be sent.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Response, StatusCode};
use tokio::time::{Instant, sleep_until};

use super::connection::ConnectionInfo;

/// An answer that waits for something outside: a long request of any kind, answered by [`later`](super::later).
///
/// It is a state and not a future so that nothing else has to be kept while it waits: under [`serve`](super::serve) with
/// lots, a wait of one pointer costs about 200 bytes and no task.
///
/// It is dropped when it has given its answer, and at once when its client leaves: its `Drop` is how its owner learns. A
/// method that panics costs its own connection and no other.
///
/// An answer is whole, so how it is carried is not its concern: `Content-Length`, `Transfer-Encoding`, `Date` and
/// `Upgrade` are set or removed, a body where the status allows none is left out, and a status below 200 becomes 500.
/// `Connection: close` ends the connection behind the answer.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::task::{Context, Poll, Waker};
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use push_transports::PushBody;
/// use push_transports::server::{Wait, later};
///
/// #[derive(Default)]
/// struct Bell {
///     has_rung: bool,
///     waker: Option<Waker>,
/// }
///
/// struct Ring(Arc<Mutex<Bell>>);
///
/// impl Wait for Ring {
///     fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
///         let mut bell = self.0.lock().unwrap();
///         if bell.has_rung {
///             return Poll::Ready(Response::new("it rang".into()));
///         }
///         bell.waker = Some(cx.waker().clone());
///         Poll::Pending
///     }
///
///     fn expired(&mut self) -> Response<Bytes> {
///         let mut response = Response::new(Bytes::new());
///         *response.status_mut() = StatusCode::NO_CONTENT;
///         response
///     }
/// }
///
/// async fn handle<B>(request: Request<B>, bell: Arc<Mutex<Bell>>) -> Response<PushBody> {
///     let answer = later(&request, Ring(bell), Duration::from_secs(3540));
///     drop(request); // its buffers need not wait
///     answer.await
/// }
/// ```
pub trait Wait: Send + 'static {
    /// The answer, once there is one; else keeps the waker of `cx`, which need not be the one of the poll before.
    ///
    /// Never waits itself: others are served by the same thread. Any number of wakes between two polls lead to one poll.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>>;

    /// The answer when its time is over, or the server goes down.
    fn expired(&mut self) -> Response<Bytes>;
}

/// A wait that has begun.
pub(crate) struct Waiting {
    wait: Box<dyn Wait>,
    /// When it is answered in any case.
    until: Instant,
    /// Of its connection, where we serve it.
    info: Option<ConnectionInfo>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Waiting {
    /// Begins now.
    pub(crate) fn new(wait: impl Wait, lasts: Duration, info: Option<ConnectionInfo>) -> Self {
        /// Short enough for every clock.
        const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        Self { wait: Box::new(wait), until: Instant::now() + lasts.min(LONGEST), info }
    }

    /// The answer, if it is there or the server goes down.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        if let Poll::Ready(answer) = self.wait.poll_answer(cx) {
            return Poll::Ready(whole(answer));
        }
        if self.info.as_ref().is_some_and(ConnectionInfo::draining) {
            let mut answer = whole(self.wait.expired());
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return Poll::Ready(answer);
        }
        Poll::Pending
    }

    /// The wait itself, and how long it lasts still.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_parts(self) -> (Box<dyn Wait>, Duration) {
        (self.wait, self.until.saturating_duration_since(Instant::now()))
    }

    /// Waits in place. Dropping the future drops the wait.
    pub(crate) async fn in_place(mut self) -> Response<Bytes> {
        let mut over = pin!(sleep_until(self.until));
        poll_fn(|cx| match self.poll_answer(cx) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => over.as_mut().poll(cx).map(|()| whole(self.wait.expired())),
        })
        .await
    }
}

/// An answer that can be sent as it is: nothing in it says how it is carried, and it has no body where it may have none.
pub(crate) fn whole(mut answer: Response<Bytes>) -> Response<Bytes> {
    if answer.status().is_informational() {
        tracing::error!(status = %answer.status(), "what was to be answered is no final answer");
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    if !may_have_content(answer.status()) {
        *answer.body_mut() = Bytes::new();
    }
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, DATE, UPGRADE] {
        answer.headers_mut().remove(name);
    }
    answer
}

/// Whether an answer may have content, RFC 9110 §15.3.5, §15.4.5. One below 200 is none.
pub(crate) fn may_have_content(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Whether the connection is to end behind a message with these headers, RFC 9112 §9.3, §9.6.
pub(crate) fn asks_to_close(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}
