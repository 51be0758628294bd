//! The kinds of connections, and how each begins.

use serde::{Deserialize, Serialize};

use crate::client::{nats, resp, socketio};

/// What a client's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum Kind {
    /// WebSocket, `format=raw`.
    Ws,
    /// WebSocket, `format=json`: told of what it missed.
    WsJson,
    /// Server-sent events, `format=raw`.
    Sse,
    /// Long poll, `format=raw`: a request for each delivery.
    Poll,
    /// A stream of lines of JSON.
    Stream,
    /// Connected, and not a byte sent.
    Silent,
    /// Answered once and kept alive.
    Keepalive,
    /// A subscriber of Redis.
    #[value(skip)]
    Redis,
    /// A subscriber of NATS.
    #[value(skip)]
    Nats,
    /// Socket.IO over a WebSocket.
    #[value(skip)]
    SocketIo,
}

/// How long a poll is parked, in seconds.
const POLL_SECS: u32 = 600;

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::WsJson => "ws-json",
            Self::Sse => "sse",
            Self::Poll => "poll",
            Self::Stream => "stream",
            Self::Silent => "silent",
            Self::Keepalive => "keepalive",
            Self::Redis => "RESP",
            Self::Nats => "NATS",
            Self::SocketIo => "Socket.IO",
        }
    }

    /// The status of the first answer over HTTP; `None` if there is none.
    pub(crate) fn first_status(self) -> Option<u16> {
        match self {
            Self::Ws | Self::WsJson | Self::SocketIo => Some(101),
            Self::Sse | Self::Stream => Some(200),
            Self::Poll | Self::Keepalive => Some(204),
            Self::Silent | Self::Redis | Self::Nats => None,
        }
    }

    /// Whether a subscriber is told when it is one, in the protocol that it then goes on with.
    pub(crate) fn joins(self) -> bool {
        matches!(self, Self::Redis | Self::Nats | Self::SocketIo)
    }

    /// The first request, for `channel` of the server at `host`.
    pub(crate) fn first_request(self, host: &str, channel: &str) -> String {
        match self {
            Self::Ws => upgrade(host, &format!("channel={channel}&format=raw")),
            Self::WsJson => upgrade(host, &format!("channel={channel}&format=json")),
            Self::Sse => format!(
                "GET /push/sse?channel={channel}&format=raw HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n"
            ),
            Self::Poll | Self::Keepalive => {
                format!("GET /push/poll?channel={channel}&format=raw&timeout=0 HTTP/1.1\r\nhost: {host}\r\n\r\n")
            }
            Self::Stream => format!("GET /push/stream?channel={channel} HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            Self::Silent => String::new(),
            Self::Redis => resp::subscribe(channel),
            Self::Nats => nats::subscribe(channel),
            Self::SocketIo => upgrade_at(host, &socketio::target(channel)),
        }
    }

    /// Whether it is told cursors, and so can come back.
    pub(crate) fn can_resume(self) -> bool {
        matches!(self, Self::WsJson | Self::Sse | Self::Stream | Self::Poll)
    }

    /// The request of one that was here before and has all up to `cursor`.
    pub(crate) fn resume_request(self, host: &str, channel: &str, cursor: &str) -> String {
        match self {
            Self::WsJson => upgrade(host, &format!("channel={channel}&format=json&since={cursor}")),
            Self::Sse => {
                let first = self.first_request(host, channel);
                first.replacen("accept:", &format!("last-event-id: {cursor}\r\naccept:"), 1)
            }
            Self::Stream => {
                format!("GET /push/stream?channel={channel}&since={cursor} HTTP/1.1\r\nhost: {host}\r\n\r\n")
            }
            Self::Poll => next_poll(host, channel, cursor),
            Self::Ws | Self::Silent | Self::Keepalive | Self::Redis | Self::Nats | Self::SocketIo => {
                self.first_request(host, channel)
            }
        }
    }
}

/// A request to speak WebSocket with push, of which `query` says what about.
pub(crate) fn upgrade(host: &str, query: &str) -> String {
    upgrade_at(host, &format!("/push/ws?{query}"))
}

/// A request to speak WebSocket. RFC 6455 §1.3: the nonce of the specification's own example, whose answer is known.
fn upgrade_at(host: &str, target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// The request of a poll that goes on after `cursor`.
pub(crate) fn next_poll(host: &str, channel: &str, cursor: &str) -> String {
    format!(
        "GET /push/poll?channel={channel}&format=raw&timeout={POLL_SECS}&since={cursor} HTTP/1.1\r\nhost: {host}\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_shows_its_cursor_and_asks_the_same_otherwise() {
        for kind in [Kind::WsJson, Kind::Sse, Kind::Stream, Kind::Poll] {
            assert!(kind.can_resume());
            let request = kind.resume_request("127.0.0.1:1", "bench", "a.7");
            let shown = ["&since=a.7", "last-event-id: a.7\r\n"].map(|shown| request.matches(shown).count());
            assert_eq!(shown.iter().sum::<usize>(), 1, "{request}");
            assert!(request.contains("channel=bench") && request.ends_with("\r\n\r\n"), "{request}");
        }
        let first = Kind::Sse.first_request("h", "c");
        assert_eq!(Kind::Sse.resume_request("h", "c", "a.7").replace("last-event-id: a.7\r\n", ""), first);
    }
}
