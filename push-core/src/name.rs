//! The names a stranger may send: channels, patterns, and either of them (a selector).
//!
//! Grammar (wire.md §1): segments joined by `/`, no empty segment, no control characters, no white
//! space, no `*` but the wildcards of a pattern. Names are compared byte by byte and never normalised.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest channel or pattern, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// Longest name whose first segment starts with `$`: room for `$sys/presence/` in front of any channel.
pub const MAX_SYSTEM_NAME_BYTES: usize = 300;

/// Why a text is not a channel or a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No bytes at all.
    #[error("a channel must not be empty")]
    Empty,
    /// Longer than [`MAX_NAME_BYTES`] (or [`MAX_SYSTEM_NAME_BYTES`] where the first segment starts with `$`).
    #[error("a channel has at most 255 bytes")]
    TooLong,
    /// A leading, trailing or doubled `/`.
    #[error("a channel has no empty segment and no leading or trailing '/'")]
    EmptySegment,
    /// A Unicode control character or white space.
    #[error("a channel has no white space and no control characters")]
    ForbiddenCharacter,
    /// `*` in a name that must be one literal channel.
    #[error("a literal channel is needed here, '*' is for patterns")]
    Wildcard,
    /// `*` beside other characters, or `**` before the last segment.
    #[error("'*' stands for one whole segment, '**' for the whole rest")]
    MisplacedWildcard,
}

fn check_common(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let limit = if text.starts_with('$') { MAX_SYSTEM_NAME_BYTES } else { MAX_NAME_BYTES };
    if text.len() > limit {
        return Err(NameError::TooLong);
    }
    if text.split('/').any(str::is_empty) {
        return Err(NameError::EmptySegment);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(NameError::ForbiddenCharacter);
    }
    Ok(())
}

/// The name of one channel: 1..=255 bytes of UTF-8 in segments joined by `/` (wire.md §1).
///
/// Cheap to clone: the text is shared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    ///
    /// The first rule of the grammar that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_common(text)?;
        if text.contains('*') {
            return Err(NameError::Wildcard);
        }
        Ok(Self(text.into()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the first segment starts with `$`: the system's own channels, which nobody may publish to.
    pub fn is_system(&self) -> bool {
        self.0.starts_with('$')
    }

    /// Whether this is `mail/...`, written by the mail crate alone.
    pub fn is_mail(&self) -> bool {
        self.0.starts_with(MAIL_PREFIX)
    }

    /// The channel of joins and leaves of this one: `$sys/presence/<self>`; `None` for system channels.
    pub fn presence_channel(&self) -> Option<ChannelName> {
        (!self.is_system()).then(|| Self(format!("{PRESENCE_PREFIX}{}", self.0).into()))
    }
}

/// What the channels of mail begin with.
pub(crate) const MAIL_PREFIX: &str = "mail/";

/// What stands before a channel in the name of its presence channel.
pub(crate) const PRESENCE_PREFIX: &str = "$sys/presence/";

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// An expression that selects channels: `*` for exactly one segment, `**` as the last segment for one or more.
///
/// A first segment `*` or `**` never matches channels that begin with `$`, nor `mail/...` (wire.md §1).
/// A pattern may have no wildcard at all; it then matches one channel.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    ///
    /// The first rule of the grammar that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_common(text)?;
        let mut segments = text.split('/').peekable();
        while let Some(segment) = segments.next() {
            let misplaced = match segment {
                "*" => false,
                "**" => segments.peek().is_some(),
                _ => segment.contains('*'),
            };
            if misplaced {
                return Err(NameError::MisplacedWildcard);
            }
        }
        Ok(Self(text.into()))
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `channel` is among those this pattern selects.
    pub fn matches(&self, channel: &ChannelName) -> bool {
        self.covers(channel.as_str())
    }

    /// Whether every channel that `selector` selects is selected by this pattern too: what a grant must fulfil.
    pub fn contains(&self, selector: &Selector) -> bool {
        self.covers(selector.as_str())
    }

    /// Segment by segment; `other` may itself hold wildcards, which only a wider wildcard covers.
    fn covers(&self, other: &str) -> bool {
        if self.0.starts_with('*') && hidden_from_leading_wildcards(other) {
            return false;
        }
        let mut theirs = other.split('/');
        for mine in self.0.split('/') {
            let Some(their) = theirs.next() else { return false };
            let covered = match mine {
                "**" => return true,
                "*" => their != "**",
                literal => literal == their,
            };
            if !covered {
                return false;
            }
        }
        theirs.next().is_none()
    }
}

/// Channels that begin with `$`, and `mail/...`, are reached only by naming their first segment.
pub(crate) fn hidden_from_leading_wildcards(name: &str) -> bool {
    name.starts_with('$') || name.starts_with(MAIL_PREFIX)
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one subscribes to: one channel by name, or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// One literal channel.
    Channel(ChannelName),
    /// All channels that the pattern matches, those not yet known included.
    Pattern(Pattern),
}

impl Selector {
    /// A text with a `*` is a pattern, any other a channel.
    ///
    /// # Errors
    ///
    /// The first rule of the grammar that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.contains('*') {
            Pattern::parse(text).map(Selector::Pattern)
        } else {
            ChannelName::parse(text).map(Selector::Channel)
        }
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        match self {
            Selector::Channel(channel) => channel.as_str(),
            Selector::Pattern(pattern) => pattern.as_str(),
        }
    }

    /// Whether `channel` is selected.
    pub fn matches(&self, channel: &ChannelName) -> bool {
        match self {
            Selector::Channel(own) => own == channel,
            Selector::Pattern(pattern) => pattern.matches(channel),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(text: &str) -> ChannelName {
        ChannelName::parse(text).expect(text)
    }

    #[test]
    fn the_channel_grammar_refuses_each_offence_by_name() {
        let long = "a".repeat(256);
        let system = format!("${}", "a".repeat(300));
        let table = [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong),
            (system.as_str(), NameError::TooLong),
            ("/a", NameError::EmptySegment),
            ("a/", NameError::EmptySegment),
            ("a//b", NameError::EmptySegment),
            ("/", NameError::EmptySegment),
            ("a b", NameError::ForbiddenCharacter),
            ("a\nb", NameError::ForbiddenCharacter),
            ("a\u{85}b", NameError::ForbiddenCharacter),
            ("a\u{2028}b", NameError::ForbiddenCharacter),
            ("a\u{a0}b", NameError::ForbiddenCharacter),
            ("a/*", NameError::Wildcard),
        ];
        for (text, offence) in table {
            assert_eq!(ChannelName::parse(text), Err(offence), "{text:?}");
        }
        for good in ["a", "chat/lobby", "ü/日本", "a,b", "$sys/x", &"a".repeat(255), &format!("${}", "a".repeat(299))]
        {
            assert!(ChannelName::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_wildcard_is_a_whole_segment_and_the_double_one_is_last() {
        for bad in ["a*", "a/b*", "**/a", "a/**/b", "***", "a/***"] {
            assert_eq!(Pattern::parse(bad), Err(NameError::MisplacedWildcard), "{bad:?}");
        }
        for good in ["*", "**", "a/*", "a/*/b", "*/b/**", "a/**"] {
            assert!(Pattern::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn patterns_match_by_segments() {
        let table = [
            ("*", "a", true),
            ("*", "a/b", false),
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("a/*", "a/b", true),
            ("a/*", "a", false),
            ("a/*", "a/b/c", false),
            ("a/**", "a", false),
            ("a/**", "a/b/c", true),
            ("a/*/c", "a/b/c", true),
            ("**", "$sys/x", false),
            ("*/x", "$sys/x", false),
            ("$sys/**", "$sys/x", true),
            ("**", "mail/a/b", false),
            ("*/a/b", "mail/a/b", false),
            ("mail/**", "mail/a/b", true),
            ("*", "mail", true),
            ("**", "mailbox/a", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(Pattern::parse(pattern).expect(pattern).matches(&channel(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_grant_contains_a_pattern_only_wholly() {
        let table = [
            ("chat/**", "chat/*", true),
            ("chat/**", "chat/**", true),
            ("chat/**", "chat/a/*", true),
            ("chat/*", "chat/**", false),
            ("chat/*", "chat/*", true),
            ("chat/a", "chat/*", false),
            ("**", "*", true),
            ("*", "**", false),
            ("**", "chat/**", true),
            ("**", "mail/**", false),
            ("**", "$sys/**", false),
            ("chat/**", "**", false),
            ("*/a", "*/a", true),
        ];
        for (grant, selector, expected) in table {
            let selector = Selector::parse(selector).expect(selector);
            assert_eq!(Pattern::parse(grant).expect(grant).contains(&selector), expected, "{grant} {selector}");
        }
    }
}
