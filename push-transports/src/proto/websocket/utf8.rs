//! Text that arrives in pieces, checked as it comes (RFC 6455 §8.1).

use super::message::grow;
use super::offence::Offence;

/// Text so far, and the bytes of a character that is still incomplete.
///
/// What was found valid is never looked at again: the text is a `String` from the start.
#[derive(Debug, Default)]
pub(super) struct Utf8Buffer {
    text: String,
    /// The beginning of one character, cut by the end of a piece; valid as far as it goes.
    tail: [u8; 4],
    tail_len: u8,
}

impl Utf8Buffer {
    /// Appends a piece; `most` is how long the whole text can be by what is known now.
    ///
    /// Fails with the first byte that no continuation could make valid.
    pub(super) fn push(&mut self, mut piece: &[u8], most: usize) -> Result<(), Offence> {
        while self.tail_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.complete(byte, most)?;
        }
        let (valid, tail) = valid_prefix(piece)?;
        append(&mut self.text, valid, most);
        self.tail[..tail.len()].copy_from_slice(tail);
        self.tail_len = tail.len() as u8;
        Ok(())
    }

    /// Adds a byte to the incomplete character.
    fn complete(&mut self, byte: u8, most: usize) -> Result<(), Offence> {
        let len = usize::from(self.tail_len);
        // A character has at most four bytes, so a tail that is still incomplete has at most three.
        self.tail[len] = byte;
        let (valid, tail) = valid_prefix(&self.tail[..=len])?;
        append(&mut self.text, valid, most);
        self.tail_len = tail.len() as u8;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// The whole text; fails when it ends inside a character.
    pub(super) fn finish(self) -> Result<String, Offence> {
        match self.tail_len {
            0 => Ok(self.text),
            _ => Err(Offence::InvalidUtf8),
        }
    }
}

fn append(text: &mut String, valid: &str, most: usize) {
    text.reserve_exact(grow(text.len(), text.capacity(), valid.len(), most));
    text.push_str(valid);
}

/// Splits `bytes` into text and the at most three bytes of a character that is cut at the end.
fn valid_prefix(bytes: &[u8]) -> Result<(&str, &[u8]), Offence> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((text, &[])),
        Err(error) => error,
    };
    // RFC 6455 §8.1: a length of the error means that no further byte can mend it.
    if error.error_len().is_some() {
        return Err(Offence::InvalidUtf8);
    }
    let (valid, tail) = bytes.split_at(error.valid_up_to());
    let valid = std::str::from_utf8(valid).map_err(|_| Offence::InvalidUtf8)?;
    Ok((valid, tail))
}
