//! Server-Sent Events: the parser of the WHATWG HTML standard §9.2.6 and a subscriber over it.

use std::{collections::VecDeque, net::SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    http::{Connection, Request},
    publication::{Close, Gap, Item, Publication, assert_cursor},
    subscriber::{Opened, Options, Refusal, refusal},
};

/// What stands between two blank lines.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Block {
    /// The `event:` field; empty when there was none.
    pub event: String,
    /// The `data:` lines joined by LF; `None` without any, and then nothing is dispatched.
    pub data: Option<String>,
    /// The `id:` field, where this block has one.
    pub id: Option<String>,
    /// The `retry:` field in milliseconds, where this block has one.
    pub retry: Option<u64>,
    /// How many comments it has.
    pub comments: usize,
}

/// The parser: bytes in, blocks out.
#[derive(Debug, Default)]
pub struct Parser {
    begun: bool,
    after_cr: bool,
    line: Vec<u8>,
    block: Block,
    touched: bool,
    blocks: VecDeque<Block>,
}

impl Parser {
    /// Takes bytes as they came.
    ///
    /// # Panics
    /// If a line is not UTF-8.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' => self.end_line(),
                b'\r' => {
                    self.end_line();
                    self.after_cr = true;
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
    }

    /// The next whole block.
    pub fn block(&mut self) -> Option<Block> {
        self.blocks.pop_front()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8(line).unwrap_or_else(|error| panic!("an event stream is UTF-8: {error}"));
        let line = match line.strip_prefix('\u{feff}') {
            Some(rest) if !self.begun => rest,
            _ => &line,
        };
        self.begun = true;
        if line.is_empty() {
            let block = std::mem::take(&mut self.block);
            if std::mem::take(&mut self.touched) {
                self.blocks.push_back(block);
            }
            return;
        }
        self.touched = true;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.block.comments += 1,
            "event" => value.clone_into(&mut self.block.event),
            "data" => match &mut self.block.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.block.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.block.id = Some(value.to_owned()),
            "retry" => self.block.retry = value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit())),
            _ => {}
        }
    }
}

/// A subscriber over an event stream.
#[derive(Debug)]
pub struct Sse {
    connection: Connection,
    parser: Parser,
    json: bool,
    cursor: Option<String>,
    retry: Option<u64>,
    /// The block that ended the opening, when it was more than a cursor.
    waiting: Option<Block>,
    ended: bool,
}

impl Sse {
    /// Subscribes and reads the first block, which tells the starting cursor.
    ///
    /// # Errors
    /// With the server's refusal.
    ///
    /// # Panics
    /// If the answer is not an event stream as published.
    pub async fn open(addr: SocketAddr, options: &Options, json: bool) -> Result<(Self, Opened), Refusal> {
        let mut connection = Connection::open_with(addr, options.receive_buffer).await.expect("somebody listens");
        let format = if json { "json" } else { "raw" };
        let request = options.headers_on(Request::get(&options.target("sse", &[("format", format)])));
        connection.send(&request.header("Accept", "text/event-stream")).await.expect("the server reads");
        let head = connection.head().await.expect("an answer");
        if head.status != 200 {
            return Err(refusal(head, &mut connection).await);
        }
        let media_type = head.header("content-type").unwrap_or_default();
        assert!(media_type == "text/event-stream" || media_type.starts_with("text/event-stream;"), "{head:?}");
        let mut sse = Self {
            connection,
            parser: Parser::default(),
            json,
            cursor: None,
            retry: None,
            waiting: None,
            ended: false,
        };
        let first = sse.block().await.expect("the first block");
        assert!(first.retry.is_some(), "the first block has retry: {first:?}");
        if first.data.is_some() {
            assert_eq!(first.event, "push.close", "only an ending comes before the cursor: {first:?}");
            sse.waiting = Some(first);
        } else if first.id.is_none() {
            let next = sse.block().await.expect("an ending");
            assert_eq!(next.event, "push.close", "only an ending comes before the cursor: {next:?}");
            sse.waiting = Some(next);
        }
        let opened = Opened { cursor: sse.cursor.clone(), outcome: None, gaps: Vec::new(), retry_ms: sse.retry };
        Ok((sse, opened))
    }

    /// The next block that is more than comments.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(block) = self.parser.block() {
                if block.id.is_none() && block.data.is_none() && block.retry.is_none() {
                    continue;
                }
                self.retry = block.retry.or(self.retry);
                if let Some(id) = &block.id {
                    assert_cursor(id);
                    self.cursor = Some(id.clone());
                }
                return Some(block);
            }
            let chunk = self.connection.stream_chunk().await?;
            self.parser.push(&chunk);
        }
    }

    /// The next item. Cancel safe.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn next(&mut self) -> Item {
        loop {
            if self.ended {
                return Item::End;
            }
            let block = match self.waiting.take() {
                Some(block) => block,
                None => match self.block().await {
                    Some(block) => block,
                    None => {
                        self.ended = true;
                        return Item::End;
                    }
                },
            };
            if let Some(data) = &block.data {
                return self.item(&block, data);
            }
        }
    }

    fn item(&self, block: &Block, data: &str) -> Item {
        let json = || serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {block:?}"));
        match block.event.as_str() {
            "push.gap" => Item::Gap(Gap::from_json(&json())),
            "push.close" => Item::Close(Close::from_json(&json())),
            system if system.starts_with("push.") => panic!("an unknown system event: {block:?}"),
            event if self.json => {
                assert_eq!(event, "", "json has no event line: {block:?}");
                let publication = Publication::from_envelope(data.as_bytes());
                assert_eq!(publication.id, block.id, "the id line is the envelope's id: {block:?}");
                Item::Publication(publication)
            }
            event => {
                let id = block.id.clone().unwrap_or_else(|| panic!("a publication without id: {block:?}"));
                Item::Publication(Self::raw(event, data, id))
            }
        }
    }

    fn raw(event: &str, data: &str, id: String) -> Publication {
        assert_ne!(event, "message", "the default event has no line");
        let (event, data) = match event.strip_suffix(";base64") {
            Some(event) => (event, STANDARD.decode(data).unwrap_or_else(|_| panic!("bad base64: {data}"))),
            None if event.is_empty() => ("message", data.as_bytes().to_vec()),
            None => (event, data.as_bytes().to_vec()),
        };
        Publication { id: Some(id), event: event.to_owned(), data, ..Publication::default() }
    }

    /// The last event ID, as a browser would send it.
    #[must_use]
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(stream: &[u8]) -> Vec<Block> {
        let mut parser = Parser::default();
        for piece in stream.chunks(2) {
            parser.push(piece);
        }
        std::iter::from_fn(|| parser.block()).collect()
    }

    #[test]
    fn fields_comments_and_line_ends_are_read_as_the_standard_says() {
        let blocks = parsed(
            b"\xef\xbb\xbfretry: 20\rid: a.1\r\r: hi\n\nevent: x\r\ndata: one\r\ndata:two\r\nid\r\nunknown: 1\r\n\r\ndata\n\ndata: cut",
        );
        assert_eq!(blocks[0], Block { retry: Some(20), id: Some("a.1".into()), ..Block::default() });
        assert_eq!(blocks[1], Block { comments: 1, ..Block::default() });
        let two =
            Block { event: "x".into(), data: Some("one\ntwo".into()), id: Some(String::new()), ..Block::default() };
        assert_eq!(blocks[2], two);
        assert_eq!(blocks[3], Block { data: Some(String::new()), ..Block::default() });
        assert_eq!(blocks.len(), 4, "an unfinished block is not dispatched");
    }

    #[test]
    fn a_raw_event_that_is_not_text_comes_as_base64() {
        let read = Sse::raw("shot;base64", "/wA=", "e.1".into());
        assert_eq!((read.event.as_str(), read.data.as_slice()), ("shot", &b"\xff\0"[..]));
        assert_eq!(Sse::raw("", "hi", "e.1".into()).event, "message");
    }
}
