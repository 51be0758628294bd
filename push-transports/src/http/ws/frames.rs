//! Frames of publications: made once for each form, compressed once, shared by all.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use push_core::{PayloadKind, Publication, Start};

use crate::proto::params::SubscribeParams;
use crate::proto::websocket::{Deflater, Opcode, encode_frame};
use crate::proto::{forms, operation};

/// Compressors to borrow: as many as are in use at once, without one for each connection.
#[derive(Debug, Default)]
pub(crate) struct Deflaters(Mutex<Vec<Deflater>>);

impl Deflaters {
    /// A frame of `payload`, compressed where that makes it smaller.
    pub(super) fn encode(&self, opcode: Opcode, payload: &[u8]) -> Bytes {
        let lent = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut deflater = lent.unwrap_or_default();
        let frame = deflater.encode_frame(opcode, payload);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(deflater);
        frame.unwrap_or_else(|| encode_frame(opcode, false, payload))
    }
}

/// How a connection wants its publications.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) raw: bool,
    pub(super) deflate: bool,
}

/// What tells where the channels of a query begin: they are one subscription, told one by one.
pub(super) fn beginnings<'a>(params: &'a SubscribeParams, start: &'a Start) -> impl Iterator<Item = Vec<u8>> + 'a {
    let told = |selector| operation::subscribed(None, selector, &operation::start_of(start, selector));
    params.selectors.iter().map(told)
}

/// The frame of a publication that all connections with the same wish share.
pub(super) fn publication(deflaters: &Deflaters, publication: &Arc<Publication>, wish: Wish) -> Bytes {
    let form = match (wish.raw, wish.deflate) {
        (false, false) => forms::WS_JSON,
        (false, true) => forms::WS_JSON_DEFLATED,
        (true, false) => forms::WS_RAW,
        (true, true) => forms::WS_RAW_DEFLATED,
    };
    publication.form(form, |publication| {
        let encode = |opcode, payload: &[u8]| match wish.deflate {
            true => deflaters.encode(opcode, payload),
            false => encode_frame(opcode, false, payload),
        };
        if wish.raw {
            let opcode = if publication.kind() == PayloadKind::Binary { Opcode::Binary } else { Opcode::Text };
            return encode(opcode, publication.payload());
        }
        let mut text = Vec::new();
        operation::write_publication(&mut text, publication);
        encode(Opcode::Text, &text)
    })
}
