//! The body of an answer: bytes that are there, or a subscription that streams.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::sync::PoisonError;
#[cfg(target_os = "linux")]
use std::task::ready;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

#[cfg(target_os = "linux")]
use super::parked::stream::Cell;
use super::stream::StreamBody;

/// The body of every answer of the transports.
///
/// It never fails: a server would drop what it still holds for a client on an error. A stream ends with an ending
/// that says why.
pub struct PushBody(Kind);

enum Kind {
    Full(Option<Bytes>),
    Stream(Box<StreamBody>),
    /// A stream that a server may take over before it is first polled.
    #[cfg(target_os = "linux")]
    Offered(Cell),
    /// Bytes to come.
    #[cfg(target_os = "linux")]
    Later(push_core::BoxFuture<'static, Bytes>),
}

impl PushBody {
    /// No bytes.
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// The bytes, unless they are still to come.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_full(self) -> Option<Bytes> {
        match self.0 {
            Kind::Full(bytes) => Some(bytes.unwrap_or_default()),
            _ => None,
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn offered(cell: Cell) -> Self {
        Self(Kind::Offered(cell))
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn later(bytes: push_core::BoxFuture<'static, Bytes>) -> Self {
        Self(Kind::Later(bytes))
    }

    pub(crate) fn stream(stream: StreamBody) -> Self {
        Self(Kind::Stream(Box::new(stream)))
    }
}

/// For what answers with axum's own bodies beside the transports.
impl From<PushBody> for axum::body::Body {
    fn from(body: PushBody) -> Self {
        Self::new(body)
    }
}

impl fmt::Debug for PushBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Full(_) => "PushBody::Full",
            Kind::Stream(_) => "PushBody::Stream",
            #[cfg(target_os = "linux")]
            Kind::Offered(_) | Kind::Later(_) => "PushBody::Offered",
        })
    }
}

impl Body for PushBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        #[cfg(target_os = "linux")]
        if let Kind::Offered(cell) = &self.0 {
            // From here on it is a body.
            let stream = cell.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.0 = stream.map_or(Kind::Full(None), Kind::Stream);
        }
        let next = match &mut self.0 {
            #[cfg(target_os = "linux")]
            Kind::Offered(_) => Poll::Ready(None),
            #[cfg(target_os = "linux")]
            Kind::Later(later) => {
                let bytes = ready!(later.as_mut().poll(cx));
                self.0 = Kind::Full(None);
                Poll::Ready(Some(bytes))
            }
            Kind::Full(bytes) => Poll::Ready(bytes.take()),
            Kind::Stream(stream) => stream.poll_next(cx),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Stream(_) => SizeHint::default(),
            #[cfg(target_os = "linux")]
            Kind::Offered(_) | Kind::Later(_) => SizeHint::default(),
        }
    }
}
