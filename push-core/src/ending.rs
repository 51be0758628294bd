//! How a server ends a subscription: a code, a reason, and whether to come back.

use std::borrow::Cow;
use std::time::Duration;

/// Why a server ends a subscription, in the same words on every transport (wire.md §4, "Endings").
///
/// Codes 3000..=3499 ask the client to reconnect, 3500..=3999 not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    code: u16,
    reason: Cow<'static, str>,
    retry: Option<Duration>,
}

/// The codes of wire.md §4 with their usual reasons.
macro_rules! endings {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        impl Ending {
            $($(#[$doc])* pub const fn $name() -> Self {
                Self { code: $code, reason: Cow::Borrowed($reason), retry: None }
            })*
        }
    };
}

endings! {
    /// 3000: the node is going down.
    draining = 3000, "draining";
    /// 3001: too many requests.
    rate_limited = 3001, "rate limited";
    /// 3002: no room for another connection.
    too_many_connections = 3002, "too many connections";
    /// 3003: an operator ended it; the client may come back.
    disconnected = 3003, "disconnected";
    /// 3005: the token's time is over.
    token_expired = 3005, "token expired";
    /// 3008: the subscriber fell off the tail under the policy `disconnect`.
    too_slow = 3008, "too slow";
    /// 3500: no token, or a wrong one.
    unauthorized = 3500, "unauthorized";
    /// 3501: the token does not allow it.
    forbidden = 3501, "forbidden";
    /// 3503: a request that cannot be understood.
    bad_request = 3503, "bad request";
    /// 3504: an operator ended it for good.
    disconnected_for_good = 3504, "disconnected";
}

impl Ending {
    /// Gives another reason; it reaches the client's developer.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Asks the client to come back after this long.
    #[must_use]
    pub fn retry_after(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The code: 3000..=3999.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the client should come back.
    pub fn reconnect(&self) -> bool {
        self.code < 3500
    }

    /// When the client should come back, if the server says.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }
}

/// What happens to a subscription that does not keep up (wire.md §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum Overflow {
    /// It reads on from the log, and is told what it lost when it fell off the tail.
    #[default]
    Gap,
    /// Once it could not take a publication at once it gets only the newest per key of what it missed, without a notice.
    Latest,
    /// It is ended with 3008 when it falls off the tail.
    Disconnect,
}

impl Overflow {
    /// Reads the word on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "gap" => Some(Self::Gap),
            "latest" => Some(Self::Latest),
            "disconnect" => Some(Self::Disconnect),
            _ => None,
        }
    }
}
