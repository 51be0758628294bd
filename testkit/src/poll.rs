//! Long polls, by GET and by POST, as JSON and raw.

use std::{collections::VecDeque, net::SocketAddr};

use serde_json::{Value, value::RawValue};

use crate::{
    http::{Connection, Request, Response, decode},
    publication::{Close, Gap, Item, Publication, assert_cursor, member, members},
    subscriber::{Opened, Options, Refusal, refused},
};

/// How long a waiting poll is asked to park, in seconds.
const PARK: &str = "30";

/// A poll's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where to go on.
    pub cursor: String,
    /// `complete`, `partial` or `lost`.
    pub outcome: String,
    /// The losses.
    pub gaps: Vec<Gap>,
    /// The publications.
    pub events: Vec<Publication>,
    /// Whether there are more at once.
    pub more: bool,
    /// Why the subscription ends, if it does.
    pub close: Option<Close>,
}

impl Answer {
    /// Reads an answer, and holds it to the published form.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn from_response(response: &Response) -> Self {
        assert_eq!(response.status(), 200, "{}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
        let shown = || response.text();
        let members = members(&response.body);
        let cursor = member(&members, "cursor").as_str().unwrap_or_else(|| panic!("no cursor: {}", shown())).to_owned();
        assert_cursor(&cursor);
        let outcome =
            member(&members, "outcome").as_str().unwrap_or_else(|| panic!("no outcome: {}", shown())).to_owned();
        let gaps = Gap::list(&outcome, &member(&members, "gaps"));
        let more = member(&members, "more").as_bool().unwrap_or_else(|| panic!("no more: {}", shown()));
        let raw = members.get("events").unwrap_or_else(|| panic!("no events: {}", shown()));
        let events: Vec<Box<RawValue>> =
            serde_json::from_str(raw.get()).unwrap_or_else(|_| panic!("events: {}", shown()));
        let events: Vec<Publication> =
            events.iter().map(|event| Publication::from_envelope(event.get().as_bytes())).collect();
        if more {
            let newest = events.last().and_then(|event| event.id.as_deref());
            assert_eq!(newest, Some(cursor.as_str()), "with more, the cursor is the last event's: {}", shown());
        }
        let close = match member(&members, "close") {
            Value::Null => None,
            close => Some(Close::from_json(&close)),
        };
        Self { cursor, outcome, gaps, events, more, close }
    }
}

/// A subscriber that polls.
#[derive(Debug)]
pub struct Poll {
    addr: SocketAddr,
    options: Options,
    post: bool,
    connection: Option<Connection>,
    in_flight: bool,
    /// What was answered and not yet returned.
    queue: VecDeque<Item>,
    /// After what was answered, and after what was returned.
    answered: Option<String>,
    returned: Option<String>,
    ended: bool,
}

impl Poll {
    /// Asks once without parking, as a client does that must miss nothing.
    ///
    /// # Errors
    /// With the server's refusal.
    ///
    /// # Panics
    /// If the answer is not as published.
    pub async fn open(addr: SocketAddr, options: &Options, post: bool) -> Result<(Self, Opened), Refusal> {
        let mut poll = Self {
            addr,
            options: options.clone(),
            post,
            connection: None,
            in_flight: false,
            queue: VecDeque::new(),
            answered: None,
            returned: options.since.clone().filter(|since| since != "now"),
            ended: false,
        };
        poll.send("0").await;
        let answer = poll.answer().await?;
        let opened = Opened {
            cursor: answer.events.is_empty().then(|| answer.cursor.clone()),
            outcome: Some(answer.outcome.clone()),
            gaps: answer.gaps.clone(),
            retry_ms: None,
        };
        poll.take(answer, true);
        Ok((poll, opened))
    }

    async fn send(&mut self, timeout: &str) {
        let mut options = self.options.clone();
        if let Some(cursor) = &self.answered {
            options.since = Some(cursor.clone());
            options.last = None;
        }
        let more = [("timeout", timeout)];
        let request = match self.post {
            true => Request::post(&format!("{}/poll", options.base), options.json(&more).to_string())
                .header("Content-Type", "application/json"),
            false => Request::get(&options.target("poll", &more)),
        };
        let request = options.headers_on(request);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open_with(self.addr, options.receive_buffer).await.expect("somebody listens"),
        };
        connection.send(&request).await.expect("the server reads");
        self.connection = Some(connection);
        self.in_flight = true;
    }

    async fn answer(&mut self) -> Result<Answer, Refusal> {
        let connection = self.connection.as_mut().expect("a request was sent");
        let response = connection.response().await.expect("a whole answer");
        self.in_flight = false;
        if response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = None;
        }
        if response.status() != 200 {
            return Err(refused(response));
        }
        let no_store = response.header("cache-control").unwrap_or_default();
        assert_eq!(no_store, "no-store, no-transform", "a poll is never cached");
        Ok(Answer::from_response(&response))
    }

    fn take(&mut self, answer: Answer, first: bool) {
        if !first {
            self.queue.extend(answer.gaps.into_iter().map(Item::Gap));
        }
        self.queue.extend(answer.events.into_iter().map(Item::Publication));
        self.queue.extend(answer.close.map(Item::Close));
        self.answered = Some(answer.cursor);
        if self.queue.is_empty() {
            self.returned.clone_from(&self.answered);
        }
    }

    /// The next item. Cancel safe.
    ///
    /// # Panics
    /// If an answer is not as published.
    pub async fn next(&mut self) -> Item {
        loop {
            if let Some(item) = self.queue.pop_front() {
                if let Item::Publication(publication) = &item {
                    self.returned.clone_from(&publication.id);
                }
                if self.queue.is_empty() {
                    self.returned.clone_from(&self.answered);
                }
                self.ended |= matches!(item, Item::Close(_));
                return item;
            }
            if self.ended {
                return Item::End;
            }
            if !self.in_flight {
                self.send(PARK).await;
            }
            let answer = self.answer().await.unwrap_or_else(|refusal| panic!("a poll was refused: {refusal:?}"));
            self.take(answer, false);
        }
    }

    /// What to resume with.
    #[must_use]
    pub fn cursor(&self) -> Option<String> {
        self.returned.clone()
    }
}

/// A subscriber that polls one payload at a time.
#[derive(Debug)]
pub struct PollRaw {
    addr: SocketAddr,
    options: Options,
    connection: Option<Connection>,
    in_flight: bool,
    first: Option<Publication>,
    cursor: Option<String>,
    answered: Option<String>,
}

impl PollRaw {
    /// Asks once without parking.
    ///
    /// # Errors
    /// With the server's refusal.
    ///
    /// # Panics
    /// If the answer is not as published.
    pub async fn open(addr: SocketAddr, options: &Options) -> Result<(Self, Opened), Refusal> {
        let mut poll = Self {
            addr,
            options: options.clone(),
            connection: None,
            in_flight: false,
            first: None,
            cursor: options.since.clone().filter(|since| since != "now"),
            answered: None,
        };
        poll.send("0").await;
        let (publication, outcome) = poll.answer().await?;
        let cursor = poll.answered.clone().filter(|_| publication.is_none());
        if publication.is_none() {
            poll.cursor.clone_from(&poll.answered);
        }
        poll.first = publication;
        Ok((poll, Opened { cursor, outcome, gaps: Vec::new(), retry_ms: None }))
    }

    async fn send(&mut self, timeout: &str) {
        let mut options = self.options.clone();
        if let Some(cursor) = &self.answered {
            options.since = Some(cursor.clone());
            options.last = None;
        }
        let request =
            options.headers_on(Request::get(&options.target("poll", &[("format", "raw"), ("timeout", timeout)])));
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open_with(self.addr, options.receive_buffer).await.expect("somebody listens"),
        };
        connection.send(&request).await.expect("the server reads");
        self.connection = Some(connection);
        self.in_flight = true;
    }

    async fn answer(&mut self) -> Result<(Option<Publication>, Option<String>), Refusal> {
        let connection = self.connection.as_mut().expect("a request was sent");
        let response = connection.response().await.expect("a whole answer");
        self.in_flight = false;
        if !matches!(response.status(), 200 | 204) {
            return Err(refused(response));
        }
        let header = |name: &str| response.header(name).map(str::to_owned);
        let cursor = header("push-cursor").unwrap_or_else(|| panic!("no cursor: {response:?}"));
        assert_cursor(&cursor);
        self.answered = Some(cursor.clone());
        let outcome = header("push-outcome");
        if response.status() == 204 {
            return Ok((None, outcome));
        }
        let publication = Publication {
            channel: header("push-channel").map(|channel| decode(&channel)),
            id: Some(cursor),
            event: header("push-event").unwrap_or_else(|| "message".to_owned()),
            key: header("push-key").map(|key| decode(&key)),
            media_type: header("content-type"),
            data: response.body,
            ..Publication::default()
        };
        Ok((Some(publication), outcome))
    }

    /// The next publication; losses show in nothing but the outcome and are not returned. Cancel safe.
    ///
    /// # Panics
    /// If an answer is not as published.
    pub async fn next(&mut self) -> Item {
        loop {
            if let Some(first) = self.first.take() {
                self.cursor.clone_from(&first.id);
                return Item::Publication(first);
            }
            if !self.in_flight {
                self.send(PARK).await;
            }
            let (publication, outcome) =
                self.answer().await.unwrap_or_else(|refusal| panic!("a poll was refused: {refusal:?}"));
            self.cursor.clone_from(&self.answered);
            if let Some(outcome) = outcome.filter(|outcome| outcome != "complete") {
                self.first = publication;
                return Item::Gap(Gap { outcome, ..Gap::default() });
            }
            if let Some(publication) = publication {
                return Item::Publication(publication);
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
    use crate::http::Head;

    fn response(body: &str) -> Response {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Response { head: Head { status: 200, headers }, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn an_answer_is_read_whole() {
        let answer = Answer::from_response(&response(
            r#"{"cursor":"e.2","outcome":"partial","gaps":[{"channel":"a","outcome":"partial","from":1,"to":1,"missed":1}],
            "events":[{"channel":"a","id":"e.2","offset":2,"time":1,"type":"application/json","data":[1.50]}],"more":true}"#,
        ));
        assert_eq!(answer.gaps[0].missed, Some(1));
        assert_eq!(answer.events[0].data, b"[1.50]");
    }

    #[test]
    #[should_panic(expected = "with more, the cursor is the last event's")]
    fn more_without_the_last_events_cursor_is_refused() {
        let body = r#"{"cursor":"e.3","outcome":"complete","events":[],"more":true}"#;
        let _ = Answer::from_response(&response(body));
    }
}
