//! One face for every transport.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;

use crate::{
    http::{Connection, Head, Request, Response, encode},
    mixed::Mixed,
    poll::{Poll, PollRaw},
    publication::{Gap, Item, Publication},
    sse::Sse,
    stream::Lines,
    ws::{WsJson, WsRaw},
};

/// A way to subscribe.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// `GET sse?format=json`
    SseJson,
    /// `GET sse?format=raw`
    SseRaw,
    /// `GET poll`
    Poll,
    /// `POST poll`
    PollPost,
    /// `GET poll?format=raw`
    PollRaw,
    /// `GET stream`
    Ndjson,
    /// `GET stream?format=script`, the forever frame
    Script,
    /// `GET ws`
    WsJson,
    /// `GET ws?format=raw`
    WsRaw,
    /// `GET mixed`
    Mixed,
    /// `GET mixed?format=json`
    MixedJson,
}

impl Transport {
    /// Those that tell every cursor and every loss.
    pub const RESUMABLE: [Self; 7] =
        [Self::SseJson, Self::SseRaw, Self::Poll, Self::PollPost, Self::Ndjson, Self::Script, Self::WsJson];

    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::SseJson,
        Self::SseRaw,
        Self::Poll,
        Self::PollPost,
        Self::PollRaw,
        Self::Ndjson,
        Self::Script,
        Self::WsJson,
        Self::WsRaw,
        Self::Mixed,
        Self::MixedJson,
    ];

    /// Whether its publications come as envelopes.
    #[must_use]
    pub fn has_envelope(self) -> bool {
        !matches!(self, Self::SseRaw | Self::PollRaw | Self::WsRaw | Self::Mixed)
    }

    /// The last segment of its path.
    #[must_use]
    pub fn route(self) -> &'static str {
        match self {
            Self::SseJson | Self::SseRaw => "sse",
            Self::Poll | Self::PollPost | Self::PollRaw => "poll",
            Self::Ndjson | Self::Script => "stream",
            Self::WsJson | Self::WsRaw => "ws",
            Self::Mixed | Self::MixedJson => "mixed",
        }
    }
}

/// What to subscribe to, and how.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) base: String,
    pub(crate) channels: Vec<String>,
    pub(crate) since: Option<String>,
    pub(crate) last: Option<u64>,
    pub(crate) by_header: bool,
    pub(crate) token: Option<String>,
    pub(crate) overflow: Option<String>,
    pub(crate) limit: Option<u64>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) receive_buffer: Option<u32>,
}

impl Options {
    /// One channel or pattern.
    #[must_use]
    pub fn channel(channel: &str) -> Self {
        Self::channels([channel])
    }

    /// Several channels or patterns.
    #[must_use]
    pub fn channels<'a>(channels: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            base: "/push".to_owned(),
            channels: channels.into_iter().map(str::to_owned).collect(),
            since: None,
            last: None,
            by_header: false,
            token: None,
            overflow: None,
            limit: None,
            headers: Vec::new(),
            params: Vec::new(),
            receive_buffer: None,
        }
    }

    /// `since`: a cursor, `start` or `now`.
    #[must_use]
    pub fn since(mut self, cursor: impl Into<String>) -> Self {
        self.since = Some(cursor.into());
        self
    }

    /// Sends the cursor as `Last-Event-ID` instead of `since` (where the transport is plain HTTP).
    #[must_use]
    pub fn by_header(mut self) -> Self {
        self.by_header = true;
        self
    }

    /// `last`: the newest N.
    #[must_use]
    pub fn last(mut self, count: u64) -> Self {
        self.last = Some(count);
        self
    }

    /// A bearer token, sent as a header.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// `overflow`: `gap`, `latest` or `disconnect`.
    #[must_use]
    pub fn overflow(mut self, policy: &str) -> Self {
        self.overflow = Some(policy.to_owned());
        self
    }

    /// `limit` of a poll's answer.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Any other parameter.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The socket's receive buffer, so that a reader who stops is soon felt.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Where the router is mounted; `/push` by default.
    #[must_use]
    pub fn base(mut self, base: &str) -> Self {
        base.clone_into(&mut self.base);
        self
    }

    fn pairs(&self) -> Vec<(&str, String)> {
        let mut pairs = Vec::new();
        if let Some(since) = self.since.as_ref().filter(|_| !self.by_header) {
            pairs.push(("since", since.clone()));
        }
        pairs.extend(self.last.map(|last| ("last", last.to_string())));
        pairs.extend(self.overflow.clone().map(|overflow| ("overflow", overflow)));
        pairs.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        pairs.extend(self.params.iter().map(|(name, value)| (name.as_str(), value.clone())));
        pairs
    }

    /// Path and query for a route, with these parameters as well.
    #[must_use]
    pub fn target(&self, route: &str, more: &[(&str, &str)]) -> String {
        let channels = self.channels.iter().map(|channel| ("channel", channel.clone()));
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let query: Vec<String> = channels
            .chain(self.pairs())
            .chain(more)
            .map(|(name, value)| format!("{name}={}", encode(&value)))
            .collect();
        format!("{}/{route}?{}", self.base, query.join("&"))
    }

    /// The same parameters as a JSON body. Whole numbers go as numbers.
    #[must_use]
    pub fn json(&self, more: &[(&str, &str)]) -> Value {
        let mut body = serde_json::Map::new();
        let channel = match self.channels.as_slice() {
            [one] => Value::from(one.as_str()),
            several => Value::from(several.to_vec()),
        };
        body.insert("channel".to_owned(), channel);
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in self.pairs().into_iter().chain(more) {
            let number = matches!(name, "last" | "limit" | "timeout").then(|| value.parse::<u64>().ok()).flatten();
            body.insert(name.to_owned(), number.map_or_else(|| Value::from(value), Value::from));
        }
        Value::Object(body)
    }

    /// Adds token, cursor and headers to a request.
    #[must_use]
    pub fn headers_on(&self, request: Request) -> Request {
        let mut request = request.maybe_bearer(self.token.as_deref());
        if let Some(cursor) = self.since.as_ref().filter(|_| self.by_header) {
            request = request.header("Last-Event-ID", cursor);
        }
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}

/// What the server told when the subscription began.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Opened {
    /// The starting cursor, where the transport tells it before the first publication.
    pub cursor: Option<String>,
    /// The outcome, where it is told at once (an event stream tells losses as gaps that follow).
    pub outcome: Option<String>,
    /// The losses, where they are told at once.
    pub gaps: Vec<Gap>,
    /// The `retry:` of an event stream, in milliseconds.
    pub retry_ms: Option<u64>,
}

/// A subscription the server did not open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The status; on a WebSocket that was opened and closed, the close code.
    pub status: u16,
    /// The problem's code, where there is one.
    pub code: Option<String>,
    /// The answer's body or the close reason.
    pub detail: String,
    /// The answer's headers.
    pub headers: Vec<(String, String)>,
}

/// Reads a refusal's body.
pub(crate) async fn refusal(head: Head, connection: &mut Connection) -> Refusal {
    let body = connection.body().await.unwrap_or_default();
    refused(Response { head, body })
}

/// Makes a refusal of an answer.
pub(crate) fn refused(response: Response) -> Refusal {
    let problem = response.header("content-type") == Some("application/problem+json");
    Refusal {
        status: response.status(),
        code: problem.then(|| response.problem()),
        detail: response.text(),
        headers: response.head.headers,
    }
}

#[derive(Debug)]
enum Inner {
    Sse(Sse),
    Poll(Poll),
    PollRaw(PollRaw),
    Lines(Lines),
    WsJson(WsJson),
    WsRaw(WsRaw),
    Mixed(Mixed),
}

/// A subscription over any transport.
#[derive(Debug)]
pub struct Subscriber {
    transport: Transport,
    opened: Opened,
    inner: Inner,
}

impl Subscriber {
    /// Subscribes.
    ///
    /// # Errors
    /// With the server's refusal.
    ///
    /// # Panics
    /// If nobody listens, or the answer is not as published.
    pub async fn try_open(transport: Transport, addr: SocketAddr, options: &Options) -> Result<Self, Refusal> {
        let (opened, inner) = match transport {
            Transport::SseJson | Transport::SseRaw => {
                let (sse, opened) = Sse::open(addr, options, transport == Transport::SseJson).await?;
                (opened, Inner::Sse(sse))
            }
            Transport::Poll | Transport::PollPost => {
                let (poll, opened) = Poll::open(addr, options, transport == Transport::PollPost).await?;
                (opened, Inner::Poll(poll))
            }
            Transport::PollRaw => {
                let (poll, opened) = PollRaw::open(addr, options).await?;
                (opened, Inner::PollRaw(poll))
            }
            Transport::Ndjson | Transport::Script => {
                let (lines, opened) = Lines::open(addr, options, transport == Transport::Script).await?;
                (opened, Inner::Lines(lines))
            }
            Transport::WsJson => {
                let (ws, opened) = WsJson::open(addr, options).await?;
                (opened, Inner::WsJson(ws))
            }
            Transport::WsRaw => (Opened::default(), Inner::WsRaw(WsRaw::open(addr, options).await?)),
            Transport::Mixed | Transport::MixedJson => {
                let mixed = Mixed::open(addr, options, transport == Transport::MixedJson).await?;
                (Opened::default(), Inner::Mixed(mixed))
            }
        };
        Ok(Self { transport, opened, inner })
    }

    /// As [`try_open`](Self::try_open), for subscriptions that must not be refused.
    ///
    /// # Panics
    /// If it is.
    pub async fn open(transport: Transport, addr: SocketAddr, options: &Options) -> Self {
        match Self::try_open(transport, addr, options).await {
            Ok(subscriber) => subscriber,
            Err(refusal) => panic!("{transport:?} was refused: {refusal:?}"),
        }
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// What was told at the beginning.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The next item. Cancel safe.
    ///
    /// # Panics
    /// If nothing comes within [`GUARD`](crate::GUARD), or what comes is not as published.
    pub async fn next(&mut self) -> Item {
        let transport = self.transport;
        let next = async {
            match &mut self.inner {
                Inner::Sse(sse) => sse.next().await,
                Inner::Poll(poll) => poll.next().await,
                Inner::PollRaw(poll) => poll.next().await,
                Inner::Lines(lines) => lines.next().await,
                Inner::WsJson(ws) => ws.next().await,
                Inner::WsRaw(ws) => ws.next().await,
                Inner::Mixed(mixed) => mixed.next().await,
            }
        };
        tokio::time::timeout(crate::GUARD, next)
            .await
            .unwrap_or_else(|_| panic!("{transport:?}: nothing came within {:?}", crate::GUARD))
    }

    /// The next item if it comes within `patience`.
    pub async fn next_within(&mut self, patience: Duration) -> Option<Item> {
        tokio::time::timeout(patience, self.next()).await.ok()
    }

    /// The next publication.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn publication(&mut self) -> Publication {
        match self.next().await {
            Item::Publication(publication) => publication,
            other => panic!("{:?}: expected a publication, heard {other:?}", self.transport),
        }
    }

    /// The next publications, that many.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn publications(&mut self, count: usize) -> Vec<Publication> {
        let mut heard = Vec::with_capacity(count);
        while heard.len() < count {
            heard.push(self.publication().await);
        }
        heard
    }

    /// What to resume with: all that [`next`](Self::next) has returned is before it, all that it has not is after.
    #[must_use]
    pub fn cursor(&self) -> Option<String> {
        match &self.inner {
            Inner::Sse(sse) => sse.cursor(),
            Inner::Poll(poll) => poll.cursor(),
            Inner::PollRaw(poll) => poll.cursor(),
            Inner::Lines(lines) => lines.cursor(),
            Inner::WsJson(ws) => ws.cursor(),
            Inner::WsRaw(_) => None,
            Inner::Mixed(mixed) => mixed.cursor(),
        }
    }

    /// Cuts the connection without a word and returns the cursor to resume with.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn cut(self) -> String {
        self.cursor().unwrap_or_else(|| panic!("{:?} has no cursor", self.transport))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_a_target_or_a_body() {
        let options = Options::channels(["a/b", "c/*"]).since("e.1").overflow("gap").limit(5);
        assert_eq!(
            options.target("sse", &[("format", "raw")]),
            "/push/sse?channel=a%2Fb&channel=c%2F%2A&since=e.1&overflow=gap&limit=5&format=raw"
        );
        let body = serde_json::json!({"channel":["a/b","c/*"],"since":"e.1","overflow":"gap","limit":5,"timeout":0});
        assert_eq!(options.json(&[("timeout", "0")]), body);
    }
}
