//! Bytes to elements.

use bytes::Bytes;

use super::{Content, Element, Tag};

/// How much a document may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Elements within elements; 32 by default.
    pub depth: usize,
    /// Elements in all; 20,000 by default.
    pub elements: usize,
    /// Bytes of the document; 32 MiB by default.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 32, elements: 20_000, bytes: 32 << 20 }
    }
}

/// Why bytes are no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at byte {at}")]
pub struct DecodeError {
    what: &'static str,
    at: usize,
}

impl DecodeError {
    /// Where it is.
    pub fn at(&self) -> usize {
        self.at
    }
}

/// The document in these bytes. Opaque bytes share their memory.
///
/// # Errors
///
/// [`DecodeError`] where they are none, or more than `limits` allow.
pub fn decode(bytes: &Bytes, limits: &Limits) -> Result<Element, DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(DecodeError { what: "the document is too long", at: limits.bytes });
    }
    let mut reader = Reader { bytes, at: 0, page: 0, table: 0..0, elements: 0, limits };
    reader.header()?;
    reader.root()
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    page: u8,
    table: std::ops::Range<usize>,
    elements: usize,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn error<T>(&self, what: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError { what, at: self.at })
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let Some(byte) = self.bytes.get(self.at) else { return self.error("it ends too soon") };
        self.at += 1;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u32, DecodeError> {
        let mut value: u32 = 0;
        for _ in 0..5 {
            let byte = self.byte()?;
            if value > u32::MAX >> 7 {
                return self.error("a number is too large");
            }
            value = (value << 7) | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.error("a number is too long")
    }

    /// So many bytes.
    fn take(&mut self, length: u32) -> Result<std::ops::Range<usize>, DecodeError> {
        let begin = self.at;
        let end = begin.checked_add(length as usize).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return self.error("a length goes beyond the end") };
        self.at = end;
        Ok(begin..end)
    }

    fn header(&mut self) -> Result<(), DecodeError> {
        if self.byte()? > 0x03 {
            return self.error("not a version of WBXML");
        }
        if self.number()? == 0 {
            // The public id is in the string table; whatever it is.
            self.number()?;
        }
        let charset = self.number()?;
        if !matches!(charset, 0 | 3 | 106) {
            return self.error("a charset that is not UTF-8");
        }
        let length = self.number()?;
        self.table = self.take(length)?;
        Ok(())
    }

    fn text(&self, from: usize, end: usize) -> Result<(String, usize), DecodeError> {
        let Some(length) = memchr::memchr(0, &self.bytes[from..end]) else {
            return self.error("a text without an end");
        };
        match std::str::from_utf8(&self.bytes[from..from + length]) {
            Ok(text) => Ok((text.to_owned(), from + length + 1)),
            Err(_) => self.error("a text that is not UTF-8"),
        }
    }

    fn root(&mut self) -> Result<Element, DecodeError> {
        // The elements that are open, outermost first.
        let mut open: Vec<Element> = Vec::new();
        loop {
            let token = self.byte()?;
            let content = match token {
                0x00 => {
                    self.page = self.byte()?;
                    continue;
                }
                0x01 => match open.pop() {
                    Some(element) => Content::Element(element),
                    None => return self.error("an end without a beginning"),
                },
                0x02 => {
                    let code = self.number()?;
                    match char::from_u32(code).filter(|c| *c != '\0') {
                        Some(c) => Content::Text(c.to_string()),
                        None => return self.error("an entity that is no character"),
                    }
                }
                0x03 => {
                    let (text, next) = self.text(self.at, self.bytes.len())?;
                    self.at = next;
                    Content::Text(text)
                }
                0x83 => {
                    let offset = self.number()? as usize;
                    if offset >= self.table.len() {
                        return self.error("a place that is not in the string table");
                    }
                    Content::Text(self.text(self.table.start + offset, self.table.end)?.0)
                }
                0xC3 => {
                    let length = self.number()?;
                    let range = self.take(length)?;
                    Content::Opaque(self.bytes.slice(range))
                }
                _ if token & 0x80 != 0 || token & 0x3F < 0x05 => return self.error("a token that is not used"),
                _ => {
                    self.elements += 1;
                    if self.elements > self.limits.elements {
                        return self.error("too many elements");
                    }
                    let element = Element::new(Tag::new(self.page, token & 0x3F));
                    if token & 0x40 != 0 {
                        if open.len() == self.limits.depth {
                            return self.error("elements too deep");
                        }
                        open.push(element);
                        continue;
                    }
                    Content::Element(element)
                }
            };
            match (open.last_mut(), content) {
                (Some(parent), content) => parent.content.push(content),
                (None, Content::Element(root)) => return Ok(root),
                (None, _) => return self.error("text outside of the root"),
            }
        }
    }
}
