//! The growing document: NDJSON lines, or the script elements of the forever frame.

use std::{collections::VecDeque, net::SocketAddr};

use crate::{
    http::{Connection, Request, find},
    publication::{Close, Gap, Item, Publication, assert_cursor, member, members},
    subscriber::{Opened, Options, Refusal, refusal},
};

const OPEN: &[u8] = b"<script>parent.push(";
const SHUT: &[u8] = b")</script>";

/// Cuts a growing document into its JSON objects.
#[derive(Debug)]
pub struct Cutter {
    script: bool,
    buffer: Vec<u8>,
}

impl Cutter {
    /// For the forever frame, or for lines.
    #[must_use]
    pub fn new(script: bool) -> Self {
        Self { script, buffer: Vec::new() }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole object; blank lines are skipped.
    ///
    /// # Panics
    /// If a script element holds bytes that are to be escaped.
    pub fn object(&mut self) -> Option<Vec<u8>> {
        if self.script {
            let begin = find(&self.buffer, OPEN)? + OPEN.len();
            let end = begin + find(&self.buffer[begin..], SHUT)?;
            let object = self.buffer[begin..end].to_vec();
            self.buffer.drain(..end + SHUT.len());
            let text = std::str::from_utf8(&object).expect("a document is UTF-8");
            assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "unescaped: {text}");
            return Some(object);
        }
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Some(line.to_vec());
            }
        }
    }
}

/// A subscriber over a growing document.
#[derive(Debug)]
pub struct Lines {
    connection: Connection,
    cutter: Cutter,
    queue: VecDeque<Item>,
    cursor: Option<String>,
    ended: bool,
}

impl Lines {
    /// Subscribes and reads the first line.
    ///
    /// # Errors
    /// With the server's refusal.
    ///
    /// # Panics
    /// If the answer is not as published.
    pub async fn open(addr: SocketAddr, options: &Options, script: bool) -> Result<(Self, Opened), Refusal> {
        let mut connection = Connection::open_with(addr, options.receive_buffer).await.expect("somebody listens");
        let format = if script { "script" } else { "json" };
        let request = options.headers_on(Request::get(&options.target("stream", &[("format", format)])));
        connection.send(&request).await.expect("the server reads");
        let head = connection.head().await.expect("an answer");
        if head.status != 200 {
            return Err(refusal(head, &mut connection).await);
        }
        let expected = if script { "text/html" } else { "application/x-ndjson" };
        let media_type = head.header("content-type").unwrap_or_default();
        assert!(media_type.split(';').next() == Some(expected), "{head:?}");
        let mut lines =
            Self { connection, cutter: Cutter::new(script), queue: VecDeque::new(), cursor: None, ended: false };
        let first = lines.object().await.expect("the first line");
        let read = members(&first);
        let shown = || String::from_utf8_lossy(&first).into_owned();
        if member(&read, "op") == "close" {
            lines.queue.push_back(Item::Close(Close::from_json(&serde_json::from_slice(&first).expect("read before"))));
            return Ok((lines, Opened::default()));
        }
        assert_eq!(member(&read, "op"), "subscribed", "the first line: {}", shown());
        let cursor = member(&read, "cursor").as_str().unwrap_or_else(|| panic!("no cursor: {}", shown())).to_owned();
        assert_cursor(&cursor);
        lines.cursor = Some(cursor.clone());
        let outcome = member(&read, "outcome").as_str().unwrap_or_else(|| panic!("no outcome: {}", shown())).to_owned();
        let gaps = Gap::list(&outcome, &member(&read, "gaps"));
        Ok((lines, Opened { cursor: Some(cursor), outcome: Some(outcome), gaps, retry_ms: None }))
    }

    async fn object(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(object) = self.cutter.object() {
                return Some(object);
            }
            let chunk = self.connection.stream_chunk().await?;
            self.cutter.push(&chunk);
        }
    }

    /// The next item. Cancel safe.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn next(&mut self) -> Item {
        if let Some(item) = self.queue.pop_front() {
            return item;
        }
        if self.ended {
            return Item::End;
        }
        let Some(object) = self.object().await else {
            self.ended = true;
            return Item::End;
        };
        let value = || serde_json::from_slice(&object).expect("split into members before");
        match member(&members(&object), "op").as_str() {
            Some("gap") => Item::Gap(Gap::from_json(&value())),
            Some("close") => Item::Close(Close::from_json(&value())),
            Some(_) => panic!("an unknown op: {}", String::from_utf8_lossy(&object)),
            None => {
                let publication = Publication::from_envelope(&object);
                self.cursor.clone_from(&publication.id);
                Item::Publication(publication)
            }
        }
    }

    /// What to resume with.
    #[must_use]
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_blank_ones_skipped() {
        let mut cutter = Cutter::new(false);
        cutter.push(b"\n{\"a\":1}\r\n\n{\"b\"");
        assert_eq!(cutter.object().as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!(cutter.object(), None);
        cutter.push(b":2}\n");
        assert_eq!(cutter.object().as_deref(), Some(&b"{\"b\":2}"[..]));
    }

    #[test]
    fn script_elements_are_cut_out_of_the_document() {
        let mut cutter = Cutter::new(true);
        cutter.push(b"<!doctype html><title>x</title>   <script>parent.push({\"a\":\"\\u003c)\"})</scr");
        assert_eq!(cutter.object(), None);
        cutter.push(b"ipt>\n<script>parent.push({})</script>");
        assert_eq!(cutter.object().as_deref(), Some(&b"{\"a\":\"\\u003c)\"}"[..]));
        assert_eq!(cutter.object().as_deref(), Some(&b"{}"[..]));
    }

    #[test]
    #[should_panic(expected = "unescaped")]
    fn a_bare_angle_bracket_in_a_script_is_refused() {
        let mut cutter = Cutter::new(true);
        cutter.push(b"<script>parent.push({\"a\":\"</b>\"})</script>");
        cutter.object();
    }
}
