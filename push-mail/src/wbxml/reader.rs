//! Bytes to elements.

use std::ops::Range;

use bytes::Bytes;

use super::{Content, Element, Tag};

/// How much a document may ask for. Whatever is in it, reading takes at most its own bytes (which the opaque ones share),
/// [`text`](Self::text) bytes, and 48 bytes for each of [`elements`](Self::elements) and [`pieces`](Self::pieces), some
/// of it twice over while vectors grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Elements within elements, the root being the first; 32 by default, and never more than 512.
    pub depth: usize,
    /// Elements in all; 20,000 by default.
    pub elements: usize,
    /// Pieces of text and of opaque bytes in all; 20,000 by default. What is written as several texts in a row is counted
    /// as one.
    pub pieces: usize,
    /// Bytes of text in all, in UTF-8; 32 MiB by default. A text in the string table counts each time it is used.
    pub text: usize,
    /// Bytes of the document; 32 MiB by default.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 32, elements: 20_000, pieces: 20_000, text: 32 << 20, bytes: 32 << 20 }
    }
}

impl Limits {
    /// Trees are written, compared and dropped by functions that call themselves: this deep, on any stack.
    const DEEPEST: usize = 512;

    pub(super) fn deepest(&self) -> usize {
        self.depth.min(Self::DEEPEST)
    }
}

/// Why bytes are no document: what, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {at}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
    at: usize,
}

impl DecodeError {
    /// What it is.
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Where the token begins that is wrong, from 0; the end of the bytes where something is missing.
    pub fn at(&self) -> usize {
        self.at
    }
}

/// What is wrong with bytes that are no document. Sections are those of W3C's WBXML 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// There are no bytes at all.
    #[error("there is no document")]
    Empty,
    /// It ends within a token, or before the root does.
    #[error("it ends too soon")]
    TooShort,
    /// The first byte is not 1.1, 1.2 or 1.3 (§5.4).
    #[error("not a version of WBXML from 1.1 to 1.3")]
    Version,
    /// Text in a character set other than UTF-8, ASCII and ISO 8859-1 (§5.6).
    #[error("a character set that is none of UTF-8, ASCII and ISO 8859-1")]
    Charset,
    /// A multi-byte integer of more than five bytes, or over 2^32 - 1 (§5.1).
    #[error("a number of more than 32 bits")]
    Number,
    /// A string table or opaque bytes that are longer than what is left.
    #[error("a length that goes beyond the end")]
    Length,
    /// A text without its NUL (§5.8.4.1).
    #[error("a text without an end")]
    Unterminated,
    /// A text that is not in the character set of the document.
    #[error("a text that is not UTF-8")]
    Utf8,
    /// A reference to where the string table is not (§5.7).
    #[error("a reference that is not into the string table")]
    Reference,
    /// An entity that is no Unicode character, or is NUL (§5.8.4.3).
    #[error("an entity that is no character")]
    Entity,
    /// An element with attributes (§5.8.2): none has any in ActiveSync.
    #[error("an element with attributes")]
    Attributes,
    /// A literal tag, an extension or a processing instruction (§5.8.4): there are none in ActiveSync.
    #[error("a token that ActiveSync does not use")]
    Unused,
    /// The end of an element where none is open.
    #[error("an end without a beginning")]
    End,
    /// Text or opaque bytes where the root should begin.
    #[error("text outside of the root")]
    Outside,
    /// More than [`Limits::depth`].
    #[error("elements too deep within each other")]
    TooDeep,
    /// More than [`Limits::elements`].
    #[error("too many elements")]
    TooManyElements,
    /// More than [`Limits::pieces`].
    #[error("too many pieces of text or bytes")]
    TooManyPieces,
    /// More than [`Limits::text`].
    #[error("too much text")]
    TooMuchText,
    /// More than [`Limits::bytes`].
    #[error("the document is too long")]
    TooLong,
}

use DecodeErrorKind as Kind;

/// The document in these bytes. Opaque bytes share their memory.
///
/// Lenient where nothing can go wrong: string tables, references into them and entities are read though ActiveSync does not
/// write them, tokens that no page names are kept, and what follows the root is left out ([`decode_first`] tells). Texts in a
/// row become one, and empty texts none.
///
/// # Errors
///
/// [`DecodeError`] where they are none, or more than `limits` allow.
pub fn decode(bytes: &Bytes, limits: &Limits) -> Result<Element, DecodeError> {
    decode_first(bytes, limits).map(|(root, _)| root)
}

/// As [`decode`], with how many bytes the document takes: up to and with the end of its root.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_first(bytes: &Bytes, limits: &Limits) -> Result<(Element, usize), DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError { kind: Kind::Empty, at: 0 });
    }
    if bytes.len() > limits.bytes {
        return Err(DecodeError { kind: Kind::TooLong, at: limits.bytes });
    }
    let mut reader =
        Reader { bytes, at: 0, begin: 0, page: 0, table: 0..0, latin1: false, used: Used::default(), limits };
    reader.header()?;
    let root = reader.root()?;
    Ok((root, reader.at))
}

/// What of the limits is used up.
#[derive(Default)]
struct Used {
    elements: usize,
    pieces: usize,
    text: usize,
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    /// Where the token began that is being read.
    begin: usize,
    page: u8,
    table: Range<usize>,
    latin1: bool,
    used: Used,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn error<T>(&self, kind: Kind) -> Result<T, DecodeError> {
        let at = if kind == Kind::TooShort { self.bytes.len() } else { self.begin };
        Err(DecodeError { kind, at })
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let Some(byte) = self.bytes.get(self.at) else { return self.error(Kind::TooShort) };
        self.at += 1;
        Ok(*byte)
    }

    /// A token's first byte, or a number of the header.
    fn begin(&mut self) {
        self.begin = self.at;
    }

    // WBXML 1.3 §5.1: seven bits a byte, the highest first; the top bit says that more follow.
    fn number(&mut self) -> Result<u32, DecodeError> {
        let mut value: u32 = 0;
        for _ in 0..5 {
            let byte = self.byte()?;
            if value > u32::MAX >> 7 {
                return self.error(Kind::Number);
            }
            value = (value << 7) | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.error(Kind::Number)
    }

    /// So many bytes.
    fn take(&mut self, length: u32) -> Result<Range<usize>, DecodeError> {
        let begin = self.at;
        let end = begin.checked_add(length as usize).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return self.error(Kind::Length) };
        self.at = end;
        Ok(begin..end)
    }

    fn header(&mut self) -> Result<(), DecodeError> {
        // WBXML 1.3 §5.4: the version's major part less one, then its minor part. 1.0 had no character set.
        if !matches!(self.byte()?, 0x01..=0x03) {
            return self.error(Kind::Version);
        }
        self.begin();
        if self.number()? == 0 {
            // The public id is in the string table; whatever it is.
            self.number()?;
        }
        self.begin();
        // §5.6: IANA's numbers; 0 is unknown.
        match self.number()? {
            0 | 3 | 106 => {}
            4 => self.latin1 = true,
            _ => return self.error(Kind::Charset),
        }
        self.begin();
        let length = self.number()?;
        self.table = self.take(length)?;
        Ok(())
    }

    /// The text in a range up to its NUL, and where that is.
    fn text(&mut self, within: Range<usize>) -> Result<(String, usize), DecodeError> {
        let bytes = &self.bytes[within.clone()];
        let Some(length) = memchr::memchr(0, bytes) else { return self.error(Kind::Unterminated) };
        let bytes = &bytes[..length];
        let in_utf8 = if self.latin1 { length + bytes.iter().filter(|byte| !byte.is_ascii()).count() } else { length };
        self.count_text(in_utf8)?;
        let text = match std::str::from_utf8(bytes) {
            _ if self.latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Ok(text) => text.to_owned(),
            Err(_) => return self.error(Kind::Utf8),
        };
        Ok((text, within.start + length))
    }

    fn count_text(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.used.text += bytes;
        if self.used.text > self.limits.text { self.error(Kind::TooMuchText) } else { Ok(()) }
    }

    fn count_piece(&mut self) -> Result<(), DecodeError> {
        self.used.pieces += 1;
        if self.used.pieces > self.limits.pieces { self.error(Kind::TooManyPieces) } else { Ok(()) }
    }

    /// The root, after its last byte.
    fn root(&mut self) -> Result<Element, DecodeError> {
        // The elements that are open, outermost first.
        let mut open: Vec<Element> = Vec::new();
        loop {
            self.begin();
            let token = self.byte()?;
            let content = match token {
                0x00 => {
                    self.page = self.byte()?;
                    continue;
                }
                0x01 => match open.pop() {
                    Some(element) => Content::Element(element),
                    None => return self.error(Kind::End),
                },
                0x02 | 0x03 | 0x83 => Content::Text(self.any_text(token)?),
                0xC3 => {
                    let length = self.number()?;
                    self.count_piece()?;
                    let range = self.take(length)?;
                    Content::Opaque(self.bytes.slice(range))
                }
                _ => {
                    let element = self.element(token, open.len())?;
                    if token & 0x40 != 0 {
                        open.push(element);
                        continue;
                    }
                    Content::Element(element)
                }
            };
            match (open.last_mut(), content) {
                (Some(parent), Content::Text(text)) => self.append(parent, text)?,
                (Some(parent), content) => parent.content.push(content),
                (None, Content::Element(root)) => return Ok(root),
                (None, _) => return self.error(Kind::Outside),
            }
        }
    }

    /// An entity, a text that is here, or one in the string table.
    fn any_text(&mut self, token: u8) -> Result<String, DecodeError> {
        match token {
            0x02 => {
                let code = self.number()?;
                let Some(c) = char::from_u32(code).filter(|c| *c != '\0') else { return self.error(Kind::Entity) };
                self.count_text(c.len_utf8())?;
                Ok(c.to_string())
            }
            0x03 => {
                let (text, end) = self.text(self.at..self.bytes.len())?;
                self.at = end + 1;
                Ok(text)
            }
            _ => {
                let offset = self.number()? as usize;
                if offset >= self.table.len() {
                    return self.error(Kind::Reference);
                }
                Ok(self.text(self.table.start + offset..self.table.end)?.0)
            }
        }
    }

    fn append(&mut self, parent: &mut Element, text: String) -> Result<(), DecodeError> {
        match parent.content.last_mut() {
            _ if text.is_empty() => {}
            Some(Content::Text(before)) => before.push_str(&text),
            _ => {
                self.count_piece()?;
                parent.content.push(Content::Text(text));
            }
        }
        Ok(())
    }

    /// The element that a token begins, so many deep.
    fn element(&mut self, token: u8, depth: usize) -> Result<Element, DecodeError> {
        // WBXML 1.3 §7.1: the lowest five of each 64 tokens are for all pages.
        if token & 0x3F < 0x05 {
            return self.error(Kind::Unused);
        }
        if token & 0x80 != 0 {
            return self.error(Kind::Attributes);
        }
        self.used.elements += 1;
        if self.used.elements > self.limits.elements {
            return self.error(Kind::TooManyElements);
        }
        if depth >= self.limits.deepest() {
            return self.error(Kind::TooDeep);
        }
        Ok(Element::new(Tag::new(self.page, token & 0x3F)))
    }
}
