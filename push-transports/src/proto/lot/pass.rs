//! The bytes of one pass: frames in a row, made once and sent to every member.
//!
//! ```text
//!  bytes  ├── frame 0 ──┼─ frame 1 ─┼──── frame 2 ────┤
//!  ends                 ▲           ▲      (the last frame ends with the bytes)
//!                                         ▲
//!  cut after a short write: 2 frames whole, and the rest of the third
//! ```

use bytes::Bytes;

/// Rests of frames up to this length are copied, so that they hold nothing else in memory.
const COPIED_REST: usize = 4 * 1024;

/// What ends a chunked body that has no trailers, RFC 9112 §7.1.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What stands around each frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nothing: WebSocket, and bodies that the connection's end ends.
    Plain,
    /// Each frame is a chunk of its own, RFC 9112 §7.1.
    Chunked,
}

impl Framing {
    /// Bytes that a frame of so many takes.
    pub(crate) fn framed_len(self, len: usize) -> usize {
        match self {
            Self::Chunked if len > 0 => hex_digits(len) + 2 + len + 2,
            _ => len,
        }
    }

    /// Appends a frame with what stands around it.
    pub(crate) fn frame_into(self, frame: &[u8], out: &mut Vec<u8>) {
        // RFC 9112 §7.1: a chunk of length zero would end the body.
        let chunk = self == Self::Chunked && !frame.is_empty();
        out.reserve(self.framed_len(frame.len()));
        if chunk {
            for digit in (0..hex_digits(frame.len())).rev() {
                out.push(b"0123456789abcdef"[frame.len() >> (4 * digit) & 0xf]);
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(frame);
        if chunk {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Digits that a chunk's length has in base 16.
fn hex_digits(len: usize) -> usize {
    (len.checked_ilog2().unwrap_or(0) / 4 + 1) as usize
}

/// Puts frames together.
///
/// A pass of one frame that needs no framing is that frame's own bytes and costs no allocation: most passes are, where
/// channels have one subscriber.
#[derive(Debug)]
pub(crate) struct PassBuilder {
    framing: Framing,
    /// The first frame while it is the only one and was given shared, with nothing to stand around it.
    shared: Option<Bytes>,
    /// All frames otherwise.
    bytes: Vec<u8>,
    /// How many frames there are.
    frames: usize,
    /// Ends of all frames but the last.
    ends: Vec<u32>,
}

impl PassBuilder {
    pub(crate) const fn new(framing: Framing) -> Self {
        Self { framing, shared: None, bytes: Vec::new(), frames: 0, ends: Vec::new() }
    }

    /// Adds a frame.
    pub(crate) fn frame(&mut self, frame: &[u8]) {
        if self.frames > 0 {
            if let Some(first) = self.shared.take() {
                self.bytes.extend_from_slice(&first);
            }
            self.ends.push(u32::try_from(self.bytes.len()).expect("a batch has a budget far below 4 GiB"));
        }
        self.framing.frame_into(frame, &mut self.bytes);
        self.frames += 1;
    }

    /// As [`frame`](Self::frame), without a copy where the frame stays alone and has nothing around it.
    pub(crate) fn frame_shared(&mut self, frame: Bytes) {
        if self.frames == 0 && self.framing == Framing::Plain {
            self.shared = Some(frame);
            self.frames = 1;
        } else {
            self.frame(&frame);
        }
    }

    /// The pass.
    pub(crate) fn build(self) -> Pass {
        let bytes = self.shared.unwrap_or_else(|| self.bytes.into());
        Pass { bytes, frames: self.frames, ends: self.ends }
    }
}

/// The bytes of one pass, and where its frames end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pass {
    bytes: Bytes,
    frames: usize,
    ends: Vec<u32>,
}

/// Where a connection stopped inside a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Frames that it has whole, from the first.
    pub(crate) frames: usize,
    /// What it lacks of the frame in the middle; empty if it stopped at a frame's end.
    pub(crate) rest: Bytes,
}

impl Pass {
    /// What is sent.
    pub(crate) const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    #[cfg(test)]
    /// Frames there are; those without bytes count.
    pub(crate) const fn frames(&self) -> usize {
        self.frames
    }

    /// What a connection that took `written` bytes has whole, and the rest of the frame it stopped in.
    ///
    /// The rest never holds more in memory than itself or the one frame it is of, so a slow connection does not keep
    /// a pass alive.
    pub(crate) fn cut(&self, written: usize) -> Cut {
        if written >= self.bytes.len() {
            return Cut { frames: self.frames, rest: Bytes::new() };
        }
        let frames = self.ends.partition_point(|&end| end as usize <= written);
        let start = frames.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let end = self.ends.get(frames).map_or(self.bytes.len(), |&end| end as usize);
        let rest = match written > start {
            false => Bytes::new(),
            true if self.ends.is_empty() && end - written > COPIED_REST => self.bytes.slice(written..),
            true => Bytes::copy_from_slice(&self.bytes[written..end]),
        };
        Cut { frames, rest }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn built(framing: Framing, frames: &[Vec<u8>]) -> Pass {
        let mut builder = PassBuilder::new(framing);
        for (index, frame) in frames.iter().enumerate() {
            match index % 2 {
                0 => builder.frame_shared(frame.clone().into()),
                _ => builder.frame(frame),
            }
        }
        builder.build()
    }

    /// As the standard library writes it.
    fn framed(framing: Framing, frame: &[u8]) -> Vec<u8> {
        match framing {
            Framing::Chunked if !frame.is_empty() => {
                [format!("{:x}\r\n", frame.len()).as_bytes(), frame, b"\r\n"].concat()
            }
            _ => frame.to_vec(),
        }
    }

    proptest! {
        #[test]
        fn wherever_a_pass_is_cut_whole_frames_and_the_rest_make_what_was_to_come(
            framing in prop_oneof![Just(Framing::Plain), Just(Framing::Chunked)],
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        ) {
            let pass = built(framing, &frames);
            let framed: Vec<Vec<u8>> = frames.iter().map(|frame| framed(framing, frame)).collect();
            let all = framed.concat();
            prop_assert_eq!(pass.bytes(), &all[..]);
            prop_assert_eq!(pass.frames(), frames.len());
            for written in 0..=all.len() {
                let cut = pass.cut(written);
                let whole = framed[..cut.frames].concat().len();
                if cut.rest.is_empty() {
                    prop_assert_eq!(whole, written);
                } else {
                    // In the middle of the next frame, and not at its beginning.
                    let next = &framed[cut.frames];
                    prop_assert!(whole < written && written < whole + next.len());
                    prop_assert_eq!(&cut.rest[..], &next[written - whole..]);
                }
                // A frame without bytes is had as soon as the one before it is.
                prop_assert!(framed.get(cut.frames).is_none_or(|next| !next.is_empty()));
            }
        }

        #[test]
        fn a_chunk_has_its_length_in_hex_and_as_many_bytes_as_foretold(len in 0usize..0x20000) {
            let frame = vec![b'x'; len];
            let mut out = vec![];
            Framing::Chunked.frame_into(&frame, &mut out);
            prop_assert_eq!(out.len(), Framing::Chunked.framed_len(len));
            prop_assert!(out == framed(Framing::Chunked, &frame));
        }
    }

    #[test]
    fn a_frame_without_bytes_does_not_end_a_chunked_body() {
        // RFC 9112 §7.1: only the last chunk has length zero.
        let pass = built(Framing::Chunked, &[b"a".to_vec(), vec![], b"b".to_vec()]);
        assert_eq!(pass.bytes(), &b"1\r\na\r\n1\r\nb\r\n"[..]);
        assert!(!pass.bytes().windows(LAST_CHUNK.len()).any(|bytes| bytes == LAST_CHUNK));
        assert_eq!(pass.cut(6), Cut { frames: 2, rest: Bytes::new() });
    }

    #[test]
    fn a_single_shared_frame_is_sent_from_where_it_lies() {
        let frame = Bytes::from(vec![7; 20_000]);
        let mut builder = PassBuilder::new(Framing::Plain);
        builder.frame_shared(frame.clone());
        let pass = builder.build();
        assert_eq!(pass.bytes().as_ptr(), frame.as_ptr());
        // A long rest is shared as well; a short rest is not.
        assert_eq!(pass.cut(10_000).rest.as_ptr(), frame[10_000..].as_ptr());
        let short = pass.cut(frame.len() - COPIED_REST);
        assert_ne!(short.rest.as_ptr(), frame[frame.len() - COPIED_REST..].as_ptr());
        assert_eq!(short.rest.len(), COPIED_REST);
    }

    #[test]
    fn the_rest_of_one_among_many_does_not_hold_the_others_in_memory() {
        let pass = built(Framing::Plain, &[vec![1; 10_000], vec![2; 20_000], vec![3; 5]]);
        let cut = pass.cut(10_001);
        assert_eq!((cut.frames, cut.rest.len()), (1, 19_999));
        assert!(!pass.bytes().as_ptr_range().contains(&cut.rest.as_ptr()));
    }
}
