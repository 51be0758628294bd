//! WebSocket, by a foreign implementation (tokio-tungstenite): a client of single messages, and subscribers
//! over its JSON and raw forms.

use std::{collections::VecDeque, net::SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::client::{Request as Handshake, generate_key},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    http::{GUARD, Head, Response, connect},
    publication::{Close, Gap, Item, Publication, assert_cursor, member, members},
    subscriber::{Opened, Options, Refusal, refused},
};

/// A WebSocket connection, message by message.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The subprotocol the server chose.
    pub protocol: Option<String>,
    seq: u64,
}

/// What a WebSocket client reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The close frame's code and reason; without one, 1005.
    Close(u16, String),
    /// The connection ended, with or without an error.
    End,
}

impl Client {
    /// Opens `{base}/{route}` with the options' query and headers.
    ///
    /// # Errors
    /// When the server answers with something else than 101.
    ///
    /// # Panics
    /// If nobody listens or the handshake is broken.
    pub async fn open(
        addr: SocketAddr,
        options: &Options,
        route: &str,
        more: &[(&str, &str)],
    ) -> Result<Self, Refusal> {
        let target = options.target(route, more);
        let mut handshake = Handshake::builder()
            .uri(format!("ws://{addr}{target}"))
            .header("Host", addr.to_string())
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        if let Some(token) = &options.token {
            handshake = handshake.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in &options.headers {
            if name.eq_ignore_ascii_case("host") {
                handshake.headers_mut().expect("a good request so far").remove("host");
            }
            handshake = handshake.header(name, value);
        }
        let handshake = handshake.body(()).expect("a good request");
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .max_message_size(Some(64 << 20))
            .max_frame_size(Some(64 << 20));
        let stream = connect(addr, options.receive_buffer).await.expect("somebody listens");
        let opened = tokio::time::timeout(GUARD, client_async_with_config(handshake, stream, Some(config)));
        match opened.await.expect("a handshake in time") {
            Ok((socket, answer)) => {
                let protocol = answer.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|value| value.to_str().expect("a token").to_owned());
                Ok(Self { socket, protocol, seq: 0 })
            }
            Err(Error::Http(answer)) => {
                let headers = answer.headers().iter();
                let headers = headers
                    .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                    .collect();
                let head = Head { status: answer.status().as_u16(), headers };
                let whole = head.header("content-length").and_then(|length| length.parse().ok());
                let body = answer.body().clone().unwrap_or_default();
                // The library hands over only what it had read beside the head.
                if whole == Some(body.len()) {
                    return Err(refused(Response { head, body }));
                }
                Err(Refusal { status: head.status, code: None, detail: String::new(), headers: head.headers })
            }
            Err(error) => panic!("{target}: {error}"),
        }
    }

    /// Opens `/push/ws` without a channel.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn bare(addr: SocketAddr) -> Self {
        let options = Options::channels([]);
        match Self::open(addr, &options, "ws", &[]).await {
            Ok(client) => client,
            Err(refusal) => panic!("refused: {refusal:?}"),
        }
    }

    /// Sends any message.
    ///
    /// # Panics
    /// If the server has gone.
    pub async fn send(&mut self, message: Message) {
        self.try_send(message).await.expect("the server reads");
    }

    /// Sends any message to a server that may have gone.
    ///
    /// # Errors
    /// When it has.
    pub async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        tokio::time::timeout(GUARD, self.socket.send(message)).await.expect("a send in time")
    }

    /// Sends text.
    ///
    /// # Panics
    /// If the server has gone.
    pub async fn text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends a close frame.
    ///
    /// # Panics
    /// If the server has gone.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await;
    }

    /// The next message; pings are answered by the library and not shown. Cancel safe.
    ///
    /// # Panics
    /// If nothing comes in time.
    pub async fn frame(&mut self) -> Frame {
        loop {
            let next = tokio::time::timeout(GUARD, self.socket.next());
            match next.await.unwrap_or_else(|_| panic!("nothing came within {GUARD:?}")) {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => return Frame::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Frame::Close(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Close(None))) => return Frame::Close(1005, String::new()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::End,
            }
        }
    }

    /// The next text, as JSON.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn json(&mut self) -> Value {
        match self.frame().await {
            Frame::Text(text) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")),
            other => panic!("expected JSON, read {other:?}"),
        }
    }

    /// Sends an operation with a fresh `seq` and returns the answer to it, with the publications that came before.
    ///
    /// # Panics
    /// If the connection ends first.
    pub async fn ask(&mut self, mut op: Value) -> (Value, Vec<Value>) {
        self.seq += 1;
        op["seq"] = json!(self.seq);
        self.text(&op.to_string()).await;
        let mut before = Vec::new();
        loop {
            let heard = self.json().await;
            if heard["seq"] == json!(self.seq) {
                return (heard, before);
            }
            assert!(heard.get("seq").is_none(), "an answer to nothing: {heard}");
            before.push(heard);
        }
    }

    /// As [`ask`](Self::ask), for times when nothing is published.
    ///
    /// # Panics
    /// If something else comes first.
    pub async fn call(&mut self, op: Value) -> Value {
        let (answer, before) = self.ask(op).await;
        assert!(before.is_empty(), "before {answer}: {before:?}");
        answer
    }

    /// The close code and reason, which must be the next thing.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.frame().await {
            Frame::Close(code, reason) => (code, reason),
            other => panic!("expected a close frame, read {other:?}"),
        }
    }
}

/// Reads a close frame. Codes below 3000 are the protocol's own and carry no JSON.
///
/// # Panics
/// If a reason is not as published.
#[must_use]
pub fn read_close(code: u16, reason: &str) -> Close {
    assert!(reason.len() <= 123, "RFC 6455 §5.5: {reason}");
    let raw = reason.to_owned();
    if !(3000..=3999).contains(&code) {
        return Close { code, reason: raw.clone(), reconnect: None, retry_ms: None, raw };
    }
    let json: Value = serde_json::from_str(reason).unwrap_or_else(|error| panic!("{code}: {error}: {reason:?}"));
    assert_eq!(json.to_string().len(), reason.len(), "compact JSON: {reason}");
    assert_eq!(json["reconnect"].as_bool(), Some(code < 3500), "3000..=3499 reconnect, others do not: {reason}");
    Close {
        code,
        reason: json["reason"].as_str().unwrap_or_else(|| panic!("no reason: {json}")).to_owned(),
        reconnect: json["reconnect"].as_bool(),
        retry_ms: json["retry_ms"].as_u64(),
        raw,
    }
}

/// Takes the bare envelope out of `{"op":"publication",...}`.
fn bare(text: &str) -> Vec<u8> {
    let rest = text.strip_prefix(r#"{"op":"publication","#).unwrap_or_else(|| panic!("op comes first: {text}"));
    format!("{{{rest}").into_bytes()
}

/// A subscriber over `ws`, JSON form, with its channels in the query.
#[derive(Debug)]
pub struct WsJson {
    client: Client,
    queue: VecDeque<Item>,
    cursor: Option<String>,
    ended: bool,
}

impl WsJson {
    /// Subscribes and waits for the `subscribed` of every channel.
    ///
    /// # Errors
    /// With the server's refusal: an answer, or a close code of 3000 and above.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn open(addr: SocketAddr, options: &Options) -> Result<(Self, Opened), Refusal> {
        let client = Client::open(addr, options, "ws", &[("format", "json")]).await?;
        let mut ws = Self { client, queue: VecDeque::new(), cursor: None, ended: false };
        let mut opened = Opened::default();
        let mut waiting = options.channels.clone();
        while !waiting.is_empty() {
            let text = match ws.client.frame().await {
                Frame::Text(text) => text,
                Frame::Close(code, reason) => {
                    let close = read_close(code, &reason);
                    return Err(Refusal { status: code, code: None, detail: close.raw, headers: Vec::new() });
                }
                other => panic!("while subscribing: {other:?}"),
            };
            let read = members(text.as_bytes());
            if member(&read, "op") != "subscribed" {
                let item = ws.item(&text);
                ws.queue.push_back(item);
                continue;
            }
            assert!(!read.contains_key("seq"), "channels of the query have no seq: {text}");
            let channel = member(&read, "channel");
            let at = waiting.iter().position(|waiting| channel == *waiting.as_str());
            waiting.remove(at.unwrap_or_else(|| panic!("not asked for: {text}")));
            Self::merge(&mut opened, &text);
        }
        if ws.queue.is_empty() {
            ws.cursor.clone_from(&opened.cursor);
        }
        Ok((ws, opened))
    }

    /// The channels of the query are one subscription: one cursor, the worst outcome.
    fn merge(opened: &mut Opened, text: &str) {
        let read = members(text.as_bytes());
        let cursor = member(&read, "cursor").as_str().unwrap_or_else(|| panic!("no cursor: {text}")).to_owned();
        assert_cursor(&cursor);
        let outcome = member(&read, "outcome").as_str().unwrap_or_else(|| panic!("no outcome: {text}")).to_owned();
        opened.gaps.extend(Gap::list(&outcome, &member(&read, "gaps")));
        let rank = |outcome: &str| ["complete", "partial", "lost"].iter().position(|known| *known == outcome);
        if opened.outcome.as_deref().is_none_or(|known| rank(known) < rank(&outcome)) {
            opened.outcome = Some(outcome);
        }
        match &opened.cursor {
            Some(known) => assert_eq!(*known, cursor, "one subscription, one cursor: {text}"),
            None => opened.cursor = Some(cursor),
        }
    }

    fn item(&mut self, text: &str) -> Item {
        let value = || serde_json::from_str(text).expect("split into members before");
        match member(&members(text.as_bytes()), "op").as_str() {
            Some("publication") => Item::Publication(Publication::from_envelope(&bare(text))),
            Some("gap") => Item::Gap(Gap::from_json(&value())),
            _ => panic!("not expected: {text}"),
        }
    }

    /// The next item. Cancel safe.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn next(&mut self) -> Item {
        let item = match self.queue.pop_front() {
            Some(item) => item,
            None if self.ended => Item::End,
            None => match self.client.frame().await {
                Frame::Text(text) => self.item(&text),
                Frame::Binary(_) => panic!("a binary frame on json"),
                Frame::Close(code, reason) => Item::Close(read_close(code, &reason)),
                Frame::End => Item::End,
            },
        };
        match &item {
            Item::Publication(publication) => self.cursor.clone_from(&publication.id),
            Item::Close(_) | Item::End => self.ended = true,
            Item::Gap(_) => {}
        }
        item
    }

    /// The `id` received last, or the starting cursor.
    #[must_use]
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }
}

/// A subscriber over `ws`, raw form.
#[derive(Debug)]
pub struct WsRaw {
    client: Client,
}

impl WsRaw {
    /// Subscribes. A refusal that comes as a close frame is the first item.
    ///
    /// # Errors
    /// With the server's refusal, when it is an answer.
    pub async fn open(addr: SocketAddr, options: &Options) -> Result<Self, Refusal> {
        Ok(Self { client: Client::open(addr, options, "ws", &[("format", "raw")]).await? })
    }

    /// The next item. Cancel safe.
    ///
    /// # Panics
    /// If what comes is not as published.
    pub async fn next(&mut self) -> Item {
        let (data, media_type) = match self.client.frame().await {
            Frame::Text(text) => (text.into_bytes(), "text"),
            Frame::Binary(bytes) => (bytes, "binary"),
            Frame::Close(code, reason) => return Item::Close(read_close(code, &reason)),
            Frame::End => return Item::End,
        };
        let event = "message".to_owned();
        Item::Publication(Publication {
            event,
            data,
            media_type: Some(media_type.to_owned()),
            ..Publication::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_the_bare_envelope_behind_its_op() {
        assert_eq!(bare(r#"{"op":"publication","channel":"a"}"#), br#"{"channel":"a"}"#);
    }

    #[test]
    fn a_close_reason_is_compact_json() {
        let close = read_close(3000, r#"{"code":3000,"reason":"draining","reconnect":true,"retry_ms":100}"#);
        assert_eq!((close.reason.as_str(), close.retry_ms), ("draining", Some(100)));
        assert_eq!(read_close(1003, "text only").reconnect, None);
    }
}
