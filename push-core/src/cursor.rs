//! Cursors: points in the hub's one sequence, and their wire form.
//!
//! Wire form, opaque to clients: `epoch.number.check` or, as the `id` of a publication,
//! `epoch.number.offset.channel.check`. All parts are base 36 or decimal without leading zeros, so a
//! cursor has one spelling. The check is no secret: it catches accidents, and a cursor grants nothing.

use std::fmt;

/// Longest wire form accepted, in bytes (wire.md §3).
pub const MAX_CURSOR_BYTES: usize = 200;

/// Identity of a hub's sequence: numbers of two epochs cannot be compared.
///
/// A random value of 40 bits, drawn when a hub starts without a history to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// A new epoch from the system's random source.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness to give.
    pub fn random() -> Self {
        let random = getrandom::u64().expect("the operating system gives random bytes");
        Self(random >> 24)
    }

    /// The epoch of this value: for stores that kept one.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The value, for stores that keep it.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Base36::new(self.0).as_str())
    }
}

/// A point in the hub's sequence: everything up to `number` lies before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The sequence it belongs to.
    pub epoch: Epoch,
    /// The last number that lies before the point; 0 is the beginning.
    pub number: u64,
    /// Where the point lies in one channel's offsets, if it is that of a publication or of one channel's end.
    ///
    /// It lets a server that has trimmed the number still say exactly which offsets are missing.
    pub mark: Option<Mark>,
}

/// The offset of one channel that a cursor's point lies behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The last offset of the channel before the point; 0 if none.
    pub offset: u64,
    /// [`channel_hash`] of the channel's name.
    pub channel: u32,
}

/// A hash of a channel's name that is the same everywhere and for ever: FNV-1a, 32 bits.
pub fn channel_hash(name: &str) -> u32 {
    fnv(name.as_bytes())
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Why a text is not a cursor of ours. The wire says `bad_cursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Not of the form, or longer than [`MAX_CURSOR_BYTES`].
    #[error("not a cursor of this server")]
    Malformed,
    /// The check does not fit the rest.
    #[error("a cursor with a wrong checksum")]
    Checksum,
}

impl Cursor {
    /// The point behind `number`, without a mark.
    pub const fn new(epoch: Epoch, number: u64) -> Self {
        Self { epoch, number, mark: None }
    }

    /// Reads the wire form.
    ///
    /// # Errors
    ///
    /// [`CursorError`]; a cursor of another epoch is no error here.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        if text.len() > MAX_CURSOR_BYTES {
            return Err(CursorError::Malformed);
        }
        let (body, check) = text.rsplit_once('.').ok_or(CursorError::Malformed)?;
        let cursor = Self::parse_body(body).ok_or(CursorError::Malformed)?;
        let check = u64::from_str_radix(check, 36).map_err(|_| CursorError::Malformed)?;
        if check != u64::from(checksum(body)) {
            return Err(CursorError::Checksum);
        }
        // One spelling: leading zeros, signs and upper case have a checksum of their own, but are not ours.
        if cursor.to_string() != text {
            return Err(CursorError::Malformed);
        }
        Ok(cursor)
    }

    fn parse_body(body: &str) -> Option<Self> {
        let mut parts = body.split('.');
        let epoch = Epoch(u64::from_str_radix(parts.next()?, 36).ok()?);
        let number = parts.next()?.parse().ok()?;
        let mark = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(offset), Some(channel)) => {
                Some(Mark { offset: offset.parse().ok()?, channel: u32::from_str_radix(channel, 36).ok()? })
            }
            (Some(_), None) => return None,
        };
        parts.next().is_none().then_some(Self { epoch, number, mark })
    }

    /// The offset that the point lies behind in `channel`, if the cursor knows.
    pub fn offset_in(&self, channel: &str) -> Option<u64> {
        self.mark.filter(|mark| mark.channel == channel_hash(channel)).map(|mark| mark.offset)
    }
}

/// 24 bits: five characters at most.
fn checksum(body: &str) -> u32 {
    let hash = fnv(body.as_bytes());
    (hash >> 24) ^ (hash & 0x00ff_ffff)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(self).as_str())
    }
}

impl Cursor {
    /// Appends the text that a cursor is shown as: what its `Display` says, without a formatter in between.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(Text::of(self).as_str().as_bytes());
    }
}

/// A cursor's text while it is made, on the stack: each publication has one.
struct Text {
    bytes: [u8; Text::MOST],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; Self::MOST], len: 0 }
    }
}

impl Text {
    /// Epoch, number, offset, hash and check, with the dots between them.
    const MOST: usize = 13 + 1 + 20 + 1 + 20 + 1 + 7 + 1 + 7;

    fn of(cursor: &Cursor) -> Self {
        let mut text = Self::default();
        text.push(Base36::new(cursor.epoch.0).as_str());
        text.push_number(cursor.number);
        if let Some(mark) = cursor.mark {
            text.push_number(mark.offset);
            text.push(".");
            text.push(Base36::new(u64::from(mark.channel)).as_str());
        }
        let check = Base36::new(u64::from(checksum(text.as_str())));
        text.push(".");
        text.push(check.as_str());
        text
    }

    fn push(&mut self, part: &str) {
        let end = self.len + part.len();
        self.bytes[self.len..end].copy_from_slice(part.as_bytes());
        self.len = end;
    }

    fn push_number(&mut self, number: u64) {
        self.push(".");
        self.push(itoa::Buffer::new().format(number));
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("its parts are ASCII")
    }
}

/// A number in base 36 on the stack: 13 digits hold any u64.
struct Base36 {
    digits: [u8; 13],
    start: usize,
}

impl Base36 {
    fn new(mut value: u64) -> Self {
        let mut digits = [b'0'; 13];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(value % 36) as usize];
            value /= 36;
            if value == 0 {
                return Self { digits, start };
            }
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[self.start..]).expect("digits are ASCII")
    }
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Since {
    /// With the oldest publication retained.
    Start,
    /// With what is published from now on.
    #[default]
    Now,
    /// With what follows this point.
    Cursor(Cursor),
    /// First the newest N retained publications of all channels together.
    Last(u32),
}

impl Since {
    /// Reads `start`, `now` or a cursor.
    ///
    /// # Errors
    ///
    /// [`CursorError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        match text {
            "start" => Ok(Self::Start),
            "now" => Ok(Self::Now),
            cursor => Cursor::parse(cursor).map(Self::Cursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_cursor() -> impl Strategy<Value = Cursor> {
        let mark = prop::option::of((any::<u64>(), any::<u32>()));
        (any::<u64>(), any::<u64>(), mark).prop_map(|(epoch, number, mark)| Cursor {
            epoch: Epoch(epoch),
            number,
            mark: mark.map(|(offset, channel)| Mark { offset, channel }),
        })
    }

    proptest! {
        #[test]
        fn a_cursor_survives_its_wire_form(cursor in any_cursor()) {
            let text = cursor.to_string();
            prop_assert!(text.len() <= MAX_CURSOR_BYTES);
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b','));
            prop_assert_eq!(Cursor::parse(&text), Ok(cursor));
        }

        #[test]
        fn a_changed_character_is_noticed(cursor in any_cursor(), at in any::<prop::sample::Index>(), to in "[0-9a-z.]") {
            let text = cursor.to_string();
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != text);
            prop_assert!(Cursor::parse(&changed).is_err(), "{} {}", text, changed);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC{0,220}") {
            if let Ok(cursor) = Cursor::parse(&text) {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn a_cursor_has_one_spelling() {
        let cursor = Cursor::new(Epoch(1234567), 42);
        let text = cursor.to_string();
        let (body, _) = text.rsplit_once('.').expect("three parts");
        for other in [format!("0{body}"), body.to_uppercase(), body.replace(".42", ".042"), body.replace(".42", ".+42")]
        {
            let forged = format!("{other}.{}", Base36::new(u64::from(checksum(&other))).as_str());
            assert!(forged == text || Cursor::parse(&forged) == Err(CursorError::Malformed), "{forged}");
        }
        for bad in ["", ".", "a", "a.b.c", "1.2", "1.2.3.4", "1.2.3.4.5.6", "1.2.3\n", &"1".repeat(201)] {
            assert!(Cursor::parse(bad).is_err(), "{bad:?}");
        }
    }
}
