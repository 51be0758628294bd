//! Waits of an application's own on a connection of their own.

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use push_core::BoxFuture;

use super::offer::Later;
use crate::proto::head;
use crate::server::Waiting;
use crate::server::lot::{AtOnce, ParkedWait, Session, Taken};

impl Later for Waiting {
    fn answer(self) -> BoxFuture<'static, Response<Bytes>> {
        Box::pin(self.in_place())
    }

    fn is_in_head(&self) -> bool {
        true
    }
}

impl Session for Waiting {
    fn park_at_once(self: Box<Self>, _: &Parts, _: &str, _: &mut Vec<u8>) -> AtOnce {
        AtOnce::Runs(self)
    }

    fn run(self: Box<Self>, taken: Taken) -> BoxFuture<'static, ()> {
        let Taken { io, head, closes } = taken;
        let mut lines = Vec::new();
        head::write_headers(&mut lines, &head.headers);
        let (wait, lasts) = self.into_parts();
        io.wait(ParkedWait { wait, lasts, lines: lines.into(), closes });
        Box::pin(std::future::ready(()))
    }
}
