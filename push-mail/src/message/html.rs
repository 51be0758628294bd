//! HTML as the text that a reader sees, in one pass.

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::add_html_token;

/// What is read goes here.
pub(crate) trait Reading {
    /// Whether nothing more is taken.
    fn is_full(&self) -> bool;
    /// Text, with its white space.
    fn push_text(&mut self, text: &str);
    /// A character.
    fn push(&mut self, character: char);
    /// The begin or end of an element that parts the words around it.
    fn part(&mut self, element: &str, is_end: bool);
}

/// Elements whose contents are not read.
const UNREAD: [&str; 5] = ["script", "style", "template", "title", "svg"];

/// Elements that do not part the words around them; all others do.
const WITHIN_WORDS: [&str; 22] = [
    "a", "abbr", "b", "bdi", "big", "code", "em", "font", "i", "ins", "mark", "q", "s", "small", "span", "strike",
    "strong", "sub", "sup", "tt", "u", "wbr",
];

/// An entity is shorter, its `&` and `;` included.
const ENTITY_BYTES: usize = 40;

/// Writes the text of `html` until the reading is full.
pub(crate) fn read(html: &str, line: &mut impl Reading) {
    let mut reader = Reader { rest: html, quotes_end: true };
    while !line.is_full() && !reader.rest.is_empty() {
        reader.step(line);
    }
}

struct Reader<'h> {
    rest: &'h str,
    /// Whether quotes in tags are still believed: one that does not end would be looked for again in every tag.
    quotes_end: bool,
}

impl Reader<'_> {
    fn step(&mut self, line: &mut impl Reading) {
        let next = self.rest.find(['<', '&']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(next);
        line.push_text(text);
        self.rest = rest;
        if rest.starts_with('<') {
            self.mark(line);
        } else if rest.starts_with('&') {
            self.entity(line);
        }
    }

    fn mark(&mut self, line: &mut impl Reading) {
        let behind = &self.rest[1..];
        if let Some(comment) = behind.strip_prefix("!--") {
            // `<!-->` is a whole comment.
            let end = comment.find("-->").map(|at| at + 3).filter(|_| !comment.starts_with('>'));
            let end = if comment.starts_with('>') { Some(1) } else { end };
            self.rest = end.map_or("", |end| &comment[end..]);
        } else if behind.starts_with(|first: char| first.is_ascii_alphabetic() || "/!?".contains(first)) {
            self.tag(line);
        } else {
            line.push('<');
            self.rest = behind;
        }
    }

    fn tag(&mut self, line: &mut impl Reading) {
        let tag = &self.rest[1..];
        let end = self.end_of_tag(tag);
        self.rest = tag.get(end + 1..).unwrap_or_default();
        let name = tag.trim_start_matches('/');
        let name = &name[..name.find(|byte: char| !byte.is_ascii_alphanumeric() && byte != ':').unwrap_or(name.len())];
        let is = |other: &&str| name.eq_ignore_ascii_case(other);
        if !WITHIN_WORDS.iter().any(is) {
            line.part(name, tag.starts_with('/'));
        }
        let is_whole = tag.starts_with('/') || tag[..end].ends_with('/');
        if let Some(unread) = UNREAD.iter().find(|other| is(other)).filter(|_| !is_whole) {
            self.rest = behind_element(self.rest, unread);
        }
    }

    /// Where the `>` of a tag stands, outside of quotes if they end.
    fn end_of_tag(&mut self, tag: &str) -> usize {
        if self.quotes_end {
            let mut quote = None;
            for (at, byte) in tag.bytes().enumerate() {
                match (quote, byte) {
                    (None, b'>') => return at,
                    (None, b'"' | b'\'') => quote = Some(byte),
                    (Some(open), _) if open == byte => quote = None,
                    _ => {}
                }
            }
            self.quotes_end = false;
        }
        tag.find('>').unwrap_or(tag.len())
    }

    fn entity(&mut self, line: &mut impl Reading) {
        let end = self.rest.bytes().take(ENTITY_BYTES).position(|byte| byte == b';');
        let name = end.map(|end| &self.rest[1..end]).filter(|name| is_entity(name));
        let Some(name) = name else {
            line.push('&');
            self.rest = &self.rest[1..];
            return;
        };
        let (token, rest) = self.rest.split_at(name.len() + 2);
        let mut decoded = String::new();
        add_html_token(&mut decoded, token.as_bytes(), false);
        // Numbers of control characters mean those of Windows-1252.
        let byte = decoded.chars().next().and_then(|first| u8::try_from(u32::from(first)).ok());
        match (byte.filter(|byte| (0x80..0xa0).contains(byte)), charset_decoder(b"windows-1252")) {
            (Some(byte), Some(decode)) => line.push_text(&decode(&[byte])),
            _ => line.push_text(&decoded),
        }
        self.rest = rest;
    }
}

fn is_entity(name: &str) -> bool {
    let name = name.strip_prefix('#').unwrap_or(name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What is behind `</name`; nothing if it never comes.
fn behind_element<'h>(html: &'h str, name: &str) -> &'h str {
    let is_end = |at: &usize| {
        let found = html.as_bytes().get(at + 2..at + 2 + name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    };
    html.match_indices("</").map(|(at, _)| at).find(is_end).map_or("", |at| &html[at..])
}
