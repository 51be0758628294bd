//! What a POP3 server says (RFC 1939, RFC 2449). Pure.

use crate::store::{StoreError, StoreErrorKind};

/// The first line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) is_ok: bool,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (is_ok, text) = match line.strip_prefix("+OK") {
            Some(text) => (true, text),
            None => (false, line.strip_prefix("-ERR")?),
        };
        Some(Self { is_ok, text: text.trim().to_owned() })
    }

    /// # Errors
    ///
    /// Where it says no.
    pub(super) fn ok(self, asked: &str) -> Result<String, StoreError> {
        if self.is_ok {
            return Ok(self.text);
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, format!("the server says no to {asked}: {}", self.text)))
    }

    /// Why somebody is not let in (RFC 2449 §8, RFC 3206).
    pub(super) fn refusal(&self) -> StoreError {
        let may_pass = ["[IN-USE]", "[LOGIN-DELAY]", "[SYS/"].iter().any(|code| self.text.starts_with(code));
        let kind = if may_pass { StoreErrorKind::Unavailable } else { StoreErrorKind::Refused };
        StoreError::new(kind, format!("the server lets nobody in so: {}", self.text))
    }

    /// The stamp of a greeting, from which a proof is made (RFC 1939 §7, APOP).
    pub(super) fn stamp(&self) -> Option<&str> {
        let start = self.text.find('<')?;
        let end = self.text[start..].find('>')? + start;
        let stamp = &self.text[start..=end];
        (stamp.contains('@') && stamp.is_ascii()).then_some(stamp)
    }
}

/// Two numbers, as STAT and LIST tell them.
pub(super) fn pair(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// A line of UIDL: which message is called what. A name has 1..=70 printable characters (RFC 1939 §7); some servers use
/// longer ones.
pub(super) fn named(line: &[u8]) -> Option<(u32, String)> {
    let text = std::str::from_utf8(line).ok()?;
    let (number, name) = text.trim().split_once(' ')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.len() <= 512 && name.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    Some((number.parse().ok()?, name.to_owned())).filter(|_| is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let reply = |line: &str| Reply::parse(line.as_bytes());
        let greeting = reply("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n").expect("an answer");
        assert_eq!(greeting.stamp(), Some("<1896.697170952@dbc.mtview.ca.us>"));
        assert_eq!(reply("+OK hello <you>").and_then(|it| it.stamp().map(str::to_owned)), None);
        assert_eq!(reply("* OK IMAP"), None);
        assert_eq!(pair("2 320"), Some((2, 320)));
        assert_eq!(pair("2 messages"), None);
        assert_eq!(named(b"1 whqtswO00WBw418f9t5JxYwZ\r\n"), Some((1, "whqtswO00WBw418f9t5JxYwZ".to_owned())));
        for wrong in ["1\r\n", "x y\r\n", "1 a b\r\n", "1 \u{e9}\r\n"] {
            assert_eq!(named(wrong.as_bytes()), None, "{wrong:?}");
        }
        for (line, kind) in [
            ("-ERR [IN-USE] another session", StoreErrorKind::Unavailable),
            ("-ERR [SYS/TEMP] later", StoreErrorKind::Unavailable),
            ("-ERR [AUTH] Authentication failed.", StoreErrorKind::Refused),
            ("-ERR no", StoreErrorKind::Refused),
        ] {
            assert_eq!(reply(line).expect("an answer").refusal().kind(), kind, "{line}");
        }
    }
}
