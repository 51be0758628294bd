//! The body of an answer whose arrival matters.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::direct::OnItsWay;

/// One piece of bytes; who is dropped before it was taken has not arrived.
#[derive(Debug)]
pub(crate) struct Arriving(Option<(Bytes, Vec<OnItsWay>)>);

impl Arriving {
    pub(crate) fn new(bytes: Bytes, on_its_way: Vec<OnItsWay>) -> Self {
        Self(Some((bytes, on_its_way)))
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|(bytes, on_its_way)| {
            on_its_way.into_iter().for_each(OnItsWay::arrived);
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |(bytes, _)| bytes.len() as u64))
    }
}
