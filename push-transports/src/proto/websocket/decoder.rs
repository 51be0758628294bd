//! Bytes from the client to messages and control frames, in whatever pieces they come.
//!
//! ```text
//!              whole frame in the input, no message open
//! input ──┬──────────────────────────────────────────────────▶ item: nothing is kept
//!         └─▶ Partial: header ─▶ payload ─▶ end of frame ─▶ item, or on to the next fragment
//! ```
//!
//! A `Partial` exists only while a frame or a message is incomplete; between them a connection keeps
//! nothing but an empty pointer.

use super::endpoint::Endpoint;
use super::frame::{FrameHeader, MAX_CONTROL_PAYLOAD, MAX_HEADER, Opcode, unmask};
use super::message::{Assembly, Message, check_size};
use super::offence::Offence;

/// Something complete.
#[derive(Debug)]
pub(super) enum Item {
    Message(Message),
    Control(Opcode, ControlPayload),
}

/// The payload of a control frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct ControlPayload {
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    len: u8,
}

impl ControlPayload {
    const EMPTY: Self = Self { bytes: [0; MAX_CONTROL_PAYLOAD], len: 0 };

    /// Appends; the header's check keeps a control frame's payload within the array.
    fn extend(&mut self, piece: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + piece.len()].copy_from_slice(piece);
        self.len += piece.len() as u8;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// How a connection's input is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// permessage-deflate was negotiated.
    pub(super) deflate: bool,
    /// Data messages are checked, and dropped as they come.
    pub(super) discard: bool,
}

/// Where a connection's input stands.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    partial: Option<Box<Partial>>,
}

#[derive(Debug)]
struct Partial {
    /// The beginning of a header that was cut.
    header: [u8; MAX_HEADER],
    header_len: u8,
    /// The frame whose payload is coming, and how much of it came.
    frame: Option<(FrameHeader, u64)>,
    control: ControlPayload,
    message: Option<Assembly>,
}

impl Decoder {
    /// Reads until something is complete or the input ends; unmasks in place.
    ///
    /// Answers with the number of bytes read. After an error the decoder is not to be used again.
    pub(super) fn decode(&mut self, input: &mut [u8], reading: Reading<'_>) -> Result<(usize, Option<Item>), Offence> {
        let mut at = 0;
        while at < input.len() {
            let rest = &mut input[at..];
            let (read, item) = match &mut self.partial {
                None => self.read_whole(rest, reading)?,
                Some(partial) => {
                    let step = partial.read_piece(rest, reading)?;
                    if partial.is_over() {
                        self.partial = None;
                    }
                    step
                }
            };
            at += read;
            if item.is_some() {
                return Ok((at, item));
            }
        }
        Ok((at, None))
    }

    /// Whether no frame and no message is incomplete.
    pub(super) fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Drops what is buffered of an open message; its rest is to be read with `discard`.
    pub(super) fn discard_message(&mut self) {
        let message = self.partial.as_mut().and_then(|partial| partial.message.as_mut());
        if let Some(message) = message {
            message.discard();
        }
    }

    /// Between messages: a frame that is wholly there is read from where it lies.
    fn read_whole(&mut self, input: &mut [u8], reading: Reading<'_>) -> Result<(usize, Option<Item>), Offence> {
        let Some((header, header_len)) = FrameHeader::parse(input, reading.deflate)? else {
            let mut partial = Box::new(Partial::new());
            partial.header[..input.len()].copy_from_slice(input);
            partial.header_len = input.len() as u8;
            self.partial = Some(partial);
            return Ok((input.len(), None));
        };
        let payload = usize::try_from(header.payload_len)
            .ok()
            .filter(|_| header.fin && header.opcode != Opcode::Continuation)
            .and_then(|len| input[header_len..].get_mut(..len));
        let Some(payload) = payload else {
            let mut partial = Box::new(Partial::new());
            let item = partial.begin_frame(header, reading)?;
            if !partial.is_over() {
                self.partial = Some(partial);
            }
            return Ok((header_len, item));
        };
        let read = header_len + payload.len();
        if !header.opcode.is_control() {
            check_size(header.payload_len, 0, header.compressed, reading.endpoint)?;
            if reading.discard {
                return Ok((read, None));
            }
        }
        unmask(payload, header.mask, 0);
        let item = if header.opcode.is_control() {
            let mut control = ControlPayload::EMPTY;
            control.extend(payload);
            Item::Control(header.opcode, control)
        } else {
            Item::Message(Message::whole(&header, payload, reading.endpoint)?)
        };
        Ok((read, Some(item)))
    }
}

impl Partial {
    fn new() -> Self {
        Self { header: [0; MAX_HEADER], header_len: 0, frame: None, control: ControlPayload::EMPTY, message: None }
    }

    /// Whether nothing is incomplete any more.
    fn is_over(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Reads a header, or payload up to the end of its frame; `input` is not empty.
    fn read_piece(&mut self, input: &mut [u8], reading: Reading<'_>) -> Result<(usize, Option<Item>), Offence> {
        let Some((header, read)) = self.frame else {
            return self.read_header(input, reading);
        };
        let missing = header.payload_len - read;
        let len = usize::try_from(missing).map_or(input.len(), |missing| missing.min(input.len()));
        let payload = &mut input[..len];
        let wanted = header.opcode.is_control() || !reading.discard;
        if wanted {
            unmask(payload, header.mask, read);
            self.feed(header.opcode, payload)?;
        }
        let read = read + len as u64;
        self.frame = Some((header, read));
        let item = match read == header.payload_len {
            true => self.end_frame(header, reading)?,
            false => None,
        };
        Ok((len, item))
    }

    fn read_header(&mut self, input: &[u8], reading: Reading<'_>) -> Result<(usize, Option<Item>), Offence> {
        let kept = usize::from(self.header_len);
        let room = &mut self.header[kept..];
        let len = room.len().min(input.len());
        room[..len].copy_from_slice(&input[..len]);
        let Some((header, header_len)) = FrameHeader::parse(&self.header[..kept + len], reading.deflate)? else {
            self.header_len = (kept + len) as u8;
            return Ok((len, None));
        };
        self.header_len = 0;
        let item = self.begin_frame(header, reading)?;
        // The header was incomplete without this input, so it ends within it.
        Ok((header_len - kept, item))
    }

    /// Checks where a frame stands among the others and whether it fits (RFC 6455 §5.4).
    fn begin_frame(&mut self, header: FrameHeader, reading: Reading<'_>) -> Result<Option<Item>, Offence> {
        if header.opcode.is_control() {
            self.control = ControlPayload::EMPTY;
        } else {
            let first = header.opcode != Opcode::Continuation;
            if first && self.message.is_some() {
                return Err(Offence::MessageInsideMessage);
            }
            if first {
                self.message = Some(Assembly::begin(&header, reading.discard));
            }
            let message = self.message.as_mut();
            let message = message.ok_or(Offence::ContinuationWithoutStart)?;
            message.admit(&header, reading.endpoint)?;
        }
        self.frame = Some((header, 0));
        match header.payload_len {
            0 => self.end_frame(header, reading),
            _ => Ok(None),
        }
    }

    fn feed(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Offence> {
        if opcode.is_control() {
            self.control.extend(payload);
            return Ok(());
        }
        match &mut self.message {
            Some(message) => message.feed(payload),
            None => Ok(()),
        }
    }

    fn end_frame(&mut self, header: FrameHeader, reading: Reading<'_>) -> Result<Option<Item>, Offence> {
        self.frame = None;
        if header.opcode.is_control() {
            return Ok(Some(Item::Control(header.opcode, self.control)));
        }
        match self.message.take_if(|_| header.fin) {
            Some(message) => Ok(message.finish(reading.endpoint)?.map(Item::Message)),
            None => Ok(None),
        }
    }
}
