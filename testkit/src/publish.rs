//! Publishing from outside.

use std::net::SocketAddr;

use serde_json::Value;

use crate::http::{Request, Response, encode, query};

/// A publication to make.
#[derive(Clone, Debug, Default)]
pub struct Publish {
    base: Option<String>,
    channels: Vec<String>,
    body: Vec<u8>,
    media_type: Option<String>,
    token: Option<String>,
    headers: Vec<(String, String)>,
}

/// The answer to one publication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Published {
    /// The channel.
    pub channel: String,
    /// Its cursor.
    pub id: String,
    /// Its offset.
    pub offset: u64,
    /// How many connections it is to reach.
    pub subscribers: u64,
    /// Whether it was there already.
    pub duplicate: bool,
}

impl Published {
    /// Reads `{"channel","id","offset","subscribers"}`.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        let number = |name: &str| json[name].as_u64().unwrap_or_else(|| panic!("no {name}: {json}"));
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned();
        let duplicate = json.get("duplicate").is_some_and(|value| value == true);
        Self {
            channel: text("channel"),
            id: text("id"),
            offset: number("offset"),
            subscribers: number("subscribers"),
            duplicate,
        }
    }
}

impl Publish {
    /// A payload for one channel.
    #[must_use]
    pub fn new(channel: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { channels: vec![channel.to_owned()], body: body.into(), ..Self::default() }
    }

    /// Another channel.
    #[must_use]
    pub fn and(mut self, channel: &str) -> Self {
        self.channels.push(channel.to_owned());
        self
    }

    /// The `Content-Type`.
    #[must_use]
    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// `Push-Event`.
    #[must_use]
    pub fn event(self, event: &str) -> Self {
        self.header("Push-Event", event)
    }

    /// `Push-Key`, percent-encoded here.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("Push-Key", &encode(key))
    }

    /// `Push-Id`.
    #[must_use]
    pub fn push_id(self, id: &str) -> Self {
        self.header("Push-Id", id)
    }

    /// `Push-Retain: false`.
    #[must_use]
    pub fn unretained(self) -> Self {
        self.header("Push-Retain", "false")
    }

    /// A bearer token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Any header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the router is mounted; `/push` by default.
    #[must_use]
    pub fn base(mut self, base: &str) -> Self {
        self.base = Some(base.to_owned());
        self
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> Request {
        let query = query(self.channels.iter().map(|channel| ("channel", channel.as_str())));
        let base = self.base.as_deref().unwrap_or("/push");
        let mut request = Request::post(&format!("{base}/publish?{query}"), self.body.clone());
        if let Some(media_type) = &self.media_type {
            request = request.header("Content-Type", media_type);
        }
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.maybe_bearer(self.token.as_deref())
    }

    /// Publishes, whatever the answer.
    pub async fn response(&self, addr: SocketAddr) -> Response {
        self.request().send(addr).await
    }

    /// Publishes to one channel.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn send(&self, addr: SocketAddr) -> Published {
        let response = self.response(addr).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        Published::from_json(&response.json())
    }

    /// Publishes to several channels.
    ///
    /// # Panics
    /// If it is refused, in whole or in part.
    pub async fn send_all(&self, addr: SocketAddr) -> Vec<Published> {
        let response = self.response(addr).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        let json = response.json();
        let results = json["results"].as_array().unwrap_or_else(|| panic!("no results: {json}"));
        results.iter().map(Published::from_json).collect()
    }
}

/// Publishes text to a channel.
///
/// # Panics
/// If it is refused.
pub async fn text(addr: SocketAddr, channel: &str, text: &str) -> Published {
    Publish::new(channel, text).media_type("text/plain").send(addr).await
}

/// Sends an NDJSON batch as it is.
pub async fn batch(addr: SocketAddr, body: impl Into<Vec<u8>>, token: Option<&str>) -> Response {
    Request::post("/push/publish", body)
        .header("Content-Type", "application/x-ndjson")
        .maybe_bearer(token)
        .send(addr)
        .await
}

/// The lines of a batch's answer.
///
/// # Panics
/// If it is not NDJSON.
#[must_use]
pub fn batch_lines(response: &Response) -> Vec<Value> {
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"), "{response:?}");
    let text = response.text();
    assert!(text.is_empty() || text.ends_with('\n'), "lines end: {text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
