//! Answers that come later, for what an application answers beside the routes.

#[cfg(target_os = "linux")]
use std::future::poll_fn;
#[cfg(target_os = "linux")]
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::task::Poll;
use std::time::Duration;

#[cfg(target_os = "linux")]
use http::{Method, Version};
use http::{Request, Response};
use push_core::BoxFuture;

use super::body::PushBody;
#[cfg(target_os = "linux")]
use super::parked::offer::LaterOffer;
#[cfg(target_os = "linux")]
use crate::server::lot::{OnLot, Takeover};
use crate::server::{ConnectionInfo, Wait, Waiting};

/// Answers `request` with what `wait` gives once it is ready, after `lasts` (at most a year) with what it gives
/// [when it has expired](Wait::expired).
///
/// Works on every system and under any server: there the future waits. Under [`serve`](crate::server::serve) with lots it
/// is ready at once, and the wait is parked with its connection, if
///
/// - the request is of HTTP/1.1 and not a `HEAD`,
/// - it has no body, or one that [`Push::read_body`](crate::Push::read_body) has read,
/// - and no middleware says that it sees to the body's bytes (`Content-Encoding`, `Content-Length`), or sets a status.
///
/// The response is then an empty 200 to the middleware that it passes: headers that are added stand in the answer, unless
/// the answer has its own of that name; what is told of status and headers is not true, and a body that is wrapped
/// without a word is not the one that is sent.
///
/// When the server begins to go down, every wait is answered as if its time were over, and its connection is closed. A
/// client that leaves drops the wait, and so does dropping the future; one that only ends its direction is waited for as
/// in any other request ([`ServeConfig::half_close`](crate::server::ServeConfig::half_close)).
///
/// The future holds nothing of the request.
pub fn later<B>(request: &Request<B>, wait: impl Wait, lasts: Duration) -> BoxFuture<'static, Response<PushBody>> {
    let waiting = Waiting::new(wait, lasts, request.extensions().get::<ConnectionInfo>().cloned());
    #[cfg(target_os = "linux")]
    if may_be_taken_over(request) {
        return Box::pin(offer(waiting));
    }
    Box::pin(async move { waiting.in_place().await.map(PushBody::full) })
}

/// Whether the answer may be a session that has the connection for itself: see `Call`, which asks the same.
#[cfg(target_os = "linux")]
fn may_be_taken_over<B>(request: &Request<B>) -> bool {
    let is_read = request.extensions().get::<OnLot>().is_some_and(|on_lot| on_lot.is_read);
    is_read && request.version() == Version::HTTP_11 && request.method() != Method::HEAD
}

/// Answers now if there is an answer, else offers the connection.
#[cfg(target_os = "linux")]
async fn offer(mut waiting: Waiting) -> Response<PushBody> {
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(waiting.poll_answer(cx))).await {
        return answer.map(PushBody::full);
    }
    let offer = LaterOffer::new(waiting);
    let mut response = Response::new(PushBody::later(Box::pin(offer.clone().into_bytes())));
    response.extensions_mut().insert(Takeover(Arc::new(offer)));
    response
}
