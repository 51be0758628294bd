//! Messages as a store tells of them, and how a point in a folder's changes is named.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::folder::Class;

/// A message's number in its folder, for as long as the folder's epoch is the same. At most 2^53 - 1, so that it is
/// itself in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub u64);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point in the changes of one folder. As text `epoch.modseq`, or `epoch.modseq.base.target` between two pages, all in
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// Changes when uids mean other messages than before. 0 in [`Token::START`] alone.
    pub epoch: u64,
    /// The last change that lies before the point.
    pub modseq: u64,
    /// Where it is between two pages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paging: Option<Paging>,
}

/// Of which sequence of pages a token is: what was told in an earlier page is not told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Paging {
    /// The change behind which the sequence began.
    pub base: u64,
    /// The last change there was when it began.
    pub target: u64,
}

impl Token {
    /// Before everything: what is there is new.
    pub const START: Token = Token { epoch: 0, modseq: 0, paging: None };
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.epoch, self.modseq)?;
        self.paging.map_or(Ok(()), |Paging { base, target }| write!(f, ".{base:x}.{target:x}"))
    }
}

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is two or four hexadecimal numbers with dots between them")]
pub struct TokenError;

impl FromStr for Token {
    type Err = TokenError;

    /// # Errors
    ///
    /// For any other shape.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let number = |digits: &str| {
            let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten().ok_or(TokenError)
        };
        let numbers = text.splitn(5, '.').map(number).collect::<Result<Vec<_>, _>>()?;
        match *numbers {
            [epoch, modseq] => Ok(Self { epoch, modseq, paging: None }),
            [epoch, modseq, base, target] => Ok(Self { epoch, modseq, paging: Some(Paging { base, target }) }),
            _ => Err(TokenError),
        }
    }
}

/// What is marked on a message, as a set (RFC 9051 §2.3.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(pub u8);

impl Flags {
    /// It was read.
    pub const SEEN: Flags = Flags(1);
    /// It was answered.
    pub const ANSWERED: Flags = Flags(2);
    /// It is marked as important.
    pub const FLAGGED: Flags = Flags(4);
    /// It is to be deleted.
    pub const DELETED: Flags = Flags(8);
    /// It is not finished.
    pub const DRAFT: Flags = Flags(16);
    /// It was forwarded (RFC 5788, `$Forwarded`).
    pub const FORWARDED: Flags = Flags(32);

    /// Their words, in the order of the bits.
    const WORDS: [(Flags, &'static str); 6] = [
        (Flags::SEEN, "seen"),
        (Flags::ANSWERED, "answered"),
        (Flags::FLAGGED, "flagged"),
        (Flags::DELETED, "deleted"),
        (Flags::DRAFT, "draft"),
        (Flags::FORWARDED, "forwarded"),
    ];

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// What of it is not in `other`.
    #[must_use]
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// The words for them: `seen`, `answered`, `flagged`, `deleted`, `draft`, `forwarded`.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, word)| word)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words()).finish()
    }
}

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is there, and was not.
    New,
    /// It is marked otherwise; what is no mail may say something else, too.
    Changed,
    /// It is no longer there.
    Deleted,
}

impl ChangeKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChangeKind::New => "new",
            ChangeKind::Changed => "changed",
            ChangeKind::Deleted => "deleted",
        }
    }
}

/// One message that is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Since the token that was asked with.
    pub kind: ChangeKind,
    /// Which.
    pub uid: Uid,
    /// When, among the changes of its folder.
    pub modseq: u64,
    /// What it is.
    pub class: Class,
    /// How it is marked now; as it last was if it is deleted.
    pub flags: Flags,
    /// Equal for one message wherever in the account it lies, so that a move can be told from a deletion; `None` where
    /// the store cannot know. Of what is no mail, a hash of its content: another one where that changes.
    pub identity: Option<u64>,
    /// When it was delivered, in Unix milliseconds: what filters by age go by. Of what is no mail, when it ends. 0 where
    /// nobody knows.
    pub received_ms: u64,
}

/// Changes of a folder up to a point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// By `modseq`; each message once.
    pub changes: Vec<Change>,
    /// Where to ask on: all before it is told.
    pub token: Token,
    /// Whether there is more behind it.
    pub more: bool,
}

/// How much of a message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// How it is marked, and how large it is.
    Flags,
    /// Its summary, with at most so many bytes of readable text.
    Summary {
        /// Of `Summary::preview`, at most; cut at the end of a character.
        preview_bytes: usize,
    },
    /// All of it.
    Whole,
}

/// A message, as far as it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub uid: Uid,
    /// How it is marked.
    pub flags: Flags,
    /// Its bytes in all, where the store knows without reading them.
    pub size: Option<u64>,
    /// As [`Change::received_ms`].
    pub received_ms: u64,
    /// Who, what, when; empty for [`Wanted::Flags`].
    pub summary: Summary,
    /// The message itself (RFC 5322), for [`Wanted::Whole`].
    pub raw: Option<Bytes>,
}

/// What is shown of a message in a list. All of it is what the sender wrote, decoded: text without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Who sent it, as `Name <address>` or `address`; at most 512 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is about; at most 998 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it was written, by its sender's clock: RFC 3339, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The beginning of its readable text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written_and_nothing_else_is_one() {
        let token = Token { epoch: 0x1f, modseq: u64::MAX, paging: None };
        assert_eq!(token.to_string(), "1f.ffffffffffffffff");
        assert_eq!(token.to_string().parse(), Ok(token));
        let between = Token { paging: Some(Paging { base: 2, target: 10 }), ..token };
        assert_eq!(between.to_string(), "1f.ffffffffffffffff.2.a");
        assert_eq!(between.to_string().parse(), Ok(between));
        for wrong in ["", ".", "1", "1.", ".1", "+1.1", "1.1.1", "1.1.1.1.1", "1.g", "1 .1", "1.10000000000000000"] {
            assert_eq!(wrong.parse::<Token>(), Err(TokenError), "{wrong:?}");
        }
    }

    #[test]
    fn flags_are_a_set() {
        let flags = Flags::SEEN.with(Flags::FORWARDED);
        assert!(flags.contains(Flags::SEEN) && !flags.contains(Flags::DRAFT));
        assert_eq!(flags.without(Flags::SEEN), Flags::FORWARDED);
        assert_eq!(flags.words().collect::<Vec<_>>(), ["seen", "forwarded"]);
    }
}
