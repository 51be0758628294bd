//! permessage-deflate without context takeover, both ways (RFC 7692 §7).
//!
//! Without context takeover a message is compressed on its own. So a publication is compressed once
//! and its frame is right for every connection, and neither a compressor (some 300 KiB) nor an
//! inflater (some 60 KiB) belongs to a connection: a worker owns one [`Deflater`], an
//! [`InflaterPool`] lends out an inflater for as long as one message takes.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::frame::{Opcode, encode_frame};
use super::offence::Offence;

/// Shortest payload worth compressing, in bytes.
///
/// Below it the saving is lost in the frame's own headers and the packet's, and inflating costs the
/// receiver more than it gains.
pub const MIN_DEFLATE: usize = 128;

/// RFC 7692 §7.2.1: what a sync flush ends with, left out on the wire.
const SYNC_TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What is put after a received message: the tail that the sender left out (RFC 7692 §7.2.2), then an
/// empty final block. If the decoder does not end exactly with that block, or finds data in here, the
/// message was cut off.
const CLOSING_TAIL: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

/// Most final blocks (BFINAL) in one message; a sender that compresses each of its fragments on its own
/// needs one per fragment. After each the decoder starts afresh, which is dear enough to be bounded.
const MAX_FINAL_BLOCKS: u32 = 1024;

/// Bytes inflated at a time.
const SCRATCH: usize = 16 * 1024;

/// Output buffer that a [`Deflater`] keeps between messages, at most, in bytes.
const KEPT_OUTPUT: usize = 256 * 1024;

/// Compresses publications into frames; one per worker, used for all its connections in turn.
pub struct Deflater {
    compress: Compress,
    out: Vec<u8>,
}

impl Deflater {
    /// A compressor of zlib's default effort: each publication is compressed once, sent many times.
    pub fn new() -> Self {
        Self { compress: Compress::new(Compression::default(), false), out: Vec::new() }
    }

    /// The frame for connections that agreed on permessage-deflate.
    ///
    /// A compressed frame (RSV1 set) if that is smaller than the plain one, else `None`: then the
    /// plain frame is right for these connections too (RFC 7692 §6). Payloads shorter than
    /// [`MIN_DEFLATE`] are not tried. `opcode` is [`Opcode::Text`] or [`Opcode::Binary`].
    pub fn encode_frame(&mut self, opcode: Opcode, payload: &[u8]) -> Option<Bytes> {
        if payload.len() < MIN_DEFLATE || opcode.is_control() {
            return None;
        }
        let frame = self.deflate(payload).map(|compressed| encode_frame(opcode, true, compressed));
        self.out.shrink_to(KEPT_OUTPUT);
        frame
    }

    /// The payload compressed, if that makes it smaller.
    fn deflate(&mut self, payload: &[u8]) -> Option<&[u8]> {
        self.compress.reset();
        self.out.clear();
        // What does not fit in here is no gain, so compressing can stop where the room ends.
        self.out.reserve_exact(payload.len() + SYNC_TAIL.len());
        let status = self.compress.compress_vec(payload, &mut self.out, FlushCompress::Sync);
        let complete = matches!(status, Ok(Status::Ok))
            && self.compress.total_in() == payload.len() as u64
            && self.out.len() < payload.len() + SYNC_TAIL.len();
        // RFC 7692 §7.2.1: the tail of the sync flush is not sent.
        complete.then(|| self.out.strip_suffix(&SYNC_TAIL)).flatten()
    }
}

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

/// Inflates one message after another; keeps nothing of one for the next.
pub struct Inflater {
    decompress: Decompress,
    scratch: Box<[u8]>,
}

impl Inflater {
    /// An inflater with the largest window, which every sender's fits.
    pub fn new() -> Self {
        Self { decompress: Decompress::new(false), scratch: vec![0; SCRATCH].into_boxed_slice() }
    }

    /// Inflates the whole payload of a message, handing it to `sink` in pieces of at most 16 KiB.
    ///
    /// # Errors
    ///
    /// [`Offence::InflatedTooBig`] before `sink` was given more than `limit` bytes in all,
    /// [`Offence::BadDeflate`] for what is not DEFLATE or is cut off, and whatever `sink` says.
    pub fn inflate(
        &mut self,
        compressed: &[u8],
        limit: usize,
        mut sink: impl FnMut(&[u8]) -> Result<(), Offence>,
    ) -> Result<(), Offence> {
        // RFC 7692 §7.2.3.6 has an empty message be 0x00; some senders leave that out as well.
        if compressed.is_empty() {
            return Ok(());
        }
        let mut room = limit;
        self.decompress.reset(false);
        let mut input = compressed;
        let mut final_blocks = 0;
        while self.run(&mut input, &mut room, &mut sink)? == Status::StreamEnd {
            // RFC 7692 §7.2.3.4: a final block may stand anywhere; what follows starts afresh.
            if input.is_empty() {
                return Ok(());
            }
            final_blocks += 1;
            if final_blocks > MAX_FINAL_BLOCKS {
                return Err(Offence::BadDeflate);
            }
            self.decompress.reset(false);
        }
        let mut tail = &CLOSING_TAIL[..];
        let mut tail_room = SCRATCH;
        let mut no_data = |piece: &[u8]| match piece {
            [] => Ok(()),
            _ => Err(Offence::BadDeflate),
        };
        match self.run(&mut tail, &mut tail_room, &mut no_data)? {
            Status::StreamEnd if tail.is_empty() => Ok(()),
            _ => Err(Offence::BadDeflate),
        }
    }

    /// Inflates until the input is used up or a final block ends.
    fn run(
        &mut self,
        input: &mut &[u8],
        room: &mut usize,
        sink: &mut impl FnMut(&[u8]) -> Result<(), Offence>,
    ) -> Result<Status, Offence> {
        loop {
            let (read, written) = (self.decompress.total_in(), self.decompress.total_out());
            let status = self
                .decompress
                .decompress(input, &mut self.scratch, FlushDecompress::None)
                .map_err(|_| Offence::BadDeflate)?;
            let read = (self.decompress.total_in() - read) as usize;
            let written = (self.decompress.total_out() - written) as usize;
            *input = &input[read..];
            *room = room.checked_sub(written).ok_or(Offence::InflatedTooBig)?;
            sink(&self.scratch[..written])?;
            if status == Status::StreamEnd {
                return Ok(status);
            }
            // A full scratch buffer may mean that more output waits, even after the last of the input.
            if input.is_empty() && written < self.scratch.len() {
                return Ok(Status::Ok);
            }
            if read == 0 && written == 0 {
                return Err(Offence::BadDeflate);
            }
        }
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

/// Inflaters that no message is using at the moment.
///
/// Taken from under a lock that is held for a push or a pop only; one is made when there is none, and at
/// most `keep` are kept. A thread uses one at a time, so as many as there are workers is enough.
#[derive(Debug)]
pub struct InflaterPool {
    idle: Mutex<Vec<Inflater>>,
    keep: usize,
}

impl InflaterPool {
    /// An empty pool that keeps at most so many.
    pub const fn new(keep: usize) -> Self {
        Self { idle: Mutex::new(Vec::new()), keep }
    }

    /// Runs `work` with an inflater that is its own meanwhile.
    pub fn with<T>(&self, work: impl FnOnce(&mut Inflater) -> T) -> T {
        let taken = self.lock().pop();
        let mut inflater = taken.unwrap_or_default();
        let result = work(&mut inflater);
        let mut idle = self.lock();
        if idle.len() < self.keep {
            idle.push(inflater);
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Inflater>> {
        // A push or a pop leaves the list whole, whoever panicked meanwhile.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
