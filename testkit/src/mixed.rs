//! `multipart/x-mixed-replace`: the parser and a subscriber over it.

use std::net::SocketAddr;

use crate::{
    http::{Connection, Request, find},
    publication::{Item, Publication, assert_cursor},
    subscriber::{Options, Refusal, refusal},
};

/// One part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Part {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The parser: a part counts only once the delimiter after it was seen, as browsers have it.
#[derive(Debug)]
pub struct Parser {
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    begun: bool,
}

impl Parser {
    /// For the boundary of the `Content-Type`.
    #[must_use]
    pub fn new(boundary: &str) -> Self {
        Self { delimiter: format!("--{boundary}").into_bytes(), buffer: Vec::new(), begun: false }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole part.
    ///
    /// # Panics
    /// If the parts are not delimited as their lengths say.
    pub fn part(&mut self) -> Option<Part> {
        if !self.begun {
            let at = find(&self.buffer, &self.delimiter)?;
            self.buffer.drain(..at + self.delimiter.len());
            self.begun = true;
        }
        if self.buffer.starts_with(b"--") {
            return None;
        }
        let head_end = find(&self.buffer, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&self.buffer[..head_end]).expect("part headers are text");
        assert!(head.starts_with("\r\n"), "a delimiter ends its line: {head:?}");
        let mut headers = Vec::new();
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("a part header: {line:?}"));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut part = Part { headers, body: Vec::new() };
        let length = part.header("content-length").unwrap_or_else(|| panic!("no length: {part:?}"));
        let length: usize = length.parse().unwrap_or_else(|_| panic!("length: {length}"));
        let body = head_end + 4;
        let next = body + length + 2;
        if self.buffer.len() < next + self.delimiter.len() {
            return None;
        }
        assert_eq!(&self.buffer[body + length..next], b"\r\n", "a line break before the delimiter: {part:?}");
        assert_eq!(self.buffer[next..next + self.delimiter.len()], self.delimiter, "{part:?}");
        part.body = self.buffer[body..body + length].to_vec();
        self.buffer.drain(..next + self.delimiter.len());
        Some(part)
    }
}

/// A subscriber over a multipart answer.
#[derive(Debug)]
pub struct Mixed {
    connection: Connection,
    parser: Parser,
    json: bool,
    cursor: Option<String>,
    ended: bool,
}

impl Mixed {
    /// Subscribes.
    ///
    /// # Errors
    /// With the server's refusal.
    ///
    /// # Panics
    /// If the answer is not as published.
    pub async fn open(addr: SocketAddr, options: &Options, json: bool) -> Result<Self, Refusal> {
        let mut connection = Connection::open_with(addr, options.receive_buffer).await.expect("somebody listens");
        let format = if json { "json" } else { "raw" };
        let request = options.headers_on(Request::get(&options.target("mixed", &[("format", format)])));
        connection.send(&request).await.expect("the server reads");
        let head = connection.head().await.expect("an answer");
        if head.status != 200 {
            return Err(refusal(head, &mut connection).await);
        }
        let media_type = head.header("content-type").unwrap_or_default();
        let boundary = media_type
            .strip_prefix("multipart/x-mixed-replace;")
            .and_then(|rest| rest.trim_start().strip_prefix("boundary="))
            .unwrap_or_else(|| panic!("{head:?}"));
        assert!(
            boundary.len() >= 20 && boundary.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            "{head:?}"
        );
        Ok(Self { connection, parser: Parser::new(boundary), json, cursor: None, ended: false })
    }

    /// The next part as it is, `None` at the end. Cancel safe.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn part(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.parser.part() {
                return Some(part);
            }
            let chunk = self.connection.stream_chunk().await?;
            self.parser.push(&chunk);
        }
    }

    /// The next publication. Cancel safe.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn next(&mut self) -> Item {
        if self.ended {
            return Item::End;
        }
        let Some(part) = self.part().await else {
            self.ended = true;
            return Item::End;
        };
        let cursor = part.header("push-cursor").unwrap_or_else(|| panic!("no cursor: {part:?}")).to_owned();
        assert_cursor(&cursor);
        self.cursor = Some(cursor.clone());
        let media_type = part.header("content-type").unwrap_or_else(|| panic!("no type: {part:?}")).to_owned();
        if self.json {
            assert_eq!(media_type, "application/json");
            let publication = Publication::from_envelope(&part.body);
            assert_eq!(publication.id.as_deref(), Some(cursor.as_str()));
            return Item::Publication(publication);
        }
        Item::Publication(Publication {
            id: Some(cursor),
            event: "message".to_owned(),
            media_type: Some(media_type),
            data: part.body,
            ..Publication::default()
        })
    }

    /// The last part's cursor.
    #[must_use]
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_once_its_delimiter_was_seen() {
        let mut parser = Parser::new("b");
        parser.push(b"--b\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n--b\r\n\r\n");
        assert_eq!(parser.part(), None);
        parser.push(b"--b");
        assert_eq!(parser.part().expect("whole").body, b"--b\r\n");
        parser.push(b"\r\nContent-Type: image/png\r\nContent-Length: 0\r\n\r\n\r\n--b--\r\n");
        let empty = parser.part().expect("whole");
        assert_eq!((empty.header("content-type"), empty.body.len()), (Some("image/png"), 0));
        assert_eq!(parser.part(), None);
    }
}
