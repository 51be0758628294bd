//! The text of a message as it is sent (RFC 5321 §4.5.2), pure: dots taken away, line ends made those of files.

use memchr::memchr2;

/// Where in a line it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Start,
    Within,
    /// Behind a CR, which is held back.
    Cr,
    /// Behind a dot that began the line, which is held back.
    Dot,
    /// Behind that and a CR.
    DotCr,
}

/// A message that is being received.
#[derive(Debug, Default)]
pub(super) struct Body {
    at: At,
    /// Its bytes so far, as they are kept.
    pub(super) bytes: u64,
    /// RFC 5321 §2.3.8: a CR or LF stood alone. What others take for the end of a line, or of the message, is none here;
    /// a message that can be read in two ways is not delivered.
    pub(super) has_bare_ends: bool,
}

impl Body {
    /// Reads from `input`, which it shortens, and writes what is to be kept. `true` at the message's end.
    pub(super) fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let mut is_end = false;
        while let Some((&byte, rest)) = input.split_first() {
            if matches!(self.at, At::Within | At::Start) && !matches!(byte, b'\r' | b'\n') {
                if self.at == At::Start && byte == b'.' {
                    self.at = At::Dot;
                    *input = rest;
                    continue;
                }
                let end = memchr2(b'\r', b'\n', input).unwrap_or(input.len());
                out.extend_from_slice(&input[..end]);
                *input = &input[end..];
                self.at = At::Within;
                continue;
            }
            *input = rest;
            is_end = self.step(byte, out);
            if is_end {
                break;
            }
        }
        self.bytes += (out.len() - before) as u64;
        is_end
    }

    /// `true` at the message's end.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        self.at = match (self.at, byte) {
            (At::DotCr, b'\n') => return true,
            (At::Cr, b'\n') => {
                out.push(b'\n');
                At::Start
            }
            (At::Dot, b'\r') => At::DotCr,
            (At::Start | At::Within, b'\r') => At::Cr,
            (At::Cr | At::DotCr, b'\r') => {
                self.has_bare_ends = true;
                At::Cr
            }
            (_, b'\n') | (At::Cr | At::DotCr, _) => {
                self.has_bare_ends = true;
                out.push(byte);
                At::Within
            }
            // A dot that was put before the line's own.
            (At::Start | At::Within | At::Dot, _) => {
                out.push(byte);
                At::Within
            }
        };
        false
    }
}
