//! What a mail server posts when a mailbox has changed: a hint where to look. Two forms are understood, both of Dovecot's
//! push_notification plugin; `docs/dovecot` has the configuration.
//!
//! ```text
//!  push.lua   POST {"user":"alice","event":"FlagsSet","folder":"Work/Lists","separator":"/","uid":17}
//!  OX driver  PUT  {"user":"alice","event":"messageNew","folder":"INBOX","imap-uid":17,"imap-uidvalidity":1,...}
//! ```

use serde::Deserialize;

use crate::store::part_of_path;

/// The longest body that is read, in bytes.
pub const MAX_BODY: usize = 16 << 10;
/// The longest name of a user or folder, in bytes.
const MAX_NAME: usize = 1024;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// Messages came.
    New,
    /// Messages are marked otherwise.
    Changed,
    /// Messages went.
    Deleted,
    /// Folders came, went or were renamed.
    Tree,
}

/// A hint where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    /// Whose mailbox, as the mail server calls them.
    pub user: String,
    /// In which folder, as [`Folder::path`](crate::store::Folder::path); if it is not among those that are known it may
    /// be any. `None` where it was not told.
    pub folder_path: Option<String>,
    /// What happened.
    pub kind: HookKind,
}

/// A body that is no hint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// It is longer than [`MAX_BODY`].
    #[error("a hint has at most 16384 bytes")]
    TooLong,
    /// It is no JSON, or lacks something.
    #[error("a hint is an object of JSON with user, event and folder: {0}")]
    Malformed(String),
    /// It has an event that is none of those named in `docs/dovecot`.
    #[error("there is no event {0:?}")]
    UnknownEvent(String),
}

#[derive(Deserialize)]
struct Body {
    user: String,
    event: String,
    folder: Option<String>,
    separator: Option<String>,
}

/// Reads a hint of either form. Fields that are not named here are passed over.
///
/// # Errors
///
/// [`HookError`].
pub fn parse(body: &[u8]) -> Result<HookEvent, HookError> {
    if body.len() > MAX_BODY {
        return Err(HookError::TooLong);
    }
    let malformed = |why: &str| Err(HookError::Malformed(why.to_owned()));
    let Body { user, event, folder, separator } =
        serde_json::from_slice(body).map_err(|error| HookError::Malformed(error.to_string()))?;
    if user.is_empty() || user.len() > MAX_NAME || user.contains(char::is_control) {
        return malformed("the user has no name, or one that can be none");
    }
    if folder.as_ref().is_some_and(|folder| folder.is_empty() || folder.len() > MAX_NAME) {
        return malformed("the folder has no name, or one that can be none");
    }
    let mut characters = separator.as_deref().unwrap_or("/").chars();
    let (Some(separator), None) = (characters.next(), characters.next()) else {
        return malformed("the separator is one character");
    };
    let Some(kind) = kind(&event) else {
        return Err(HookError::UnknownEvent(event.chars().take(64).collect()));
    };
    Ok(HookEvent { user, folder_path: folder.map(|folder| path(&folder, separator)), kind })
}

/// The events of both drivers, whatever their letters' case.
fn kind(event: &str) -> Option<HookKind> {
    Some(match event.to_ascii_lowercase().as_str() {
        "messagenew" | "messageappend" => HookKind::New,
        "flagsset" | "flagsclear" | "messageread" | "messagetrash" => HookKind::Changed,
        "messageexpunge" => HookKind::Deleted,
        "mailboxcreate" | "mailboxdelete" | "mailboxrename" | "mailboxsubscribe" | "mailboxunsubscribe" => {
            HookKind::Tree
        }
        _ => return None,
    })
}

/// Dovecot names folders in plain UTF-8.
fn path(folder: &str, separator: char) -> String {
    let parts: Vec<_> = folder.split(separator).map(part_of_path).collect();
    let mut path = parts.join("/");
    if parts[0].eq_ignore_ascii_case("INBOX") {
        path.replace_range(..5, "INBOX");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, folder: Option<&str>, kind: HookKind) -> Result<HookEvent, HookError> {
        Ok(HookEvent { user: user.to_owned(), folder_path: folder.map(str::to_owned), kind })
    }

    #[test]
    fn both_forms_are_read() {
        let lua = br#"{"user":"alice","event":"FlagsSet","folder":"Gr\u00fc\u00dfe.a/b.50%","separator":".","uid":17}"#;
        assert_eq!(parse(lua), event("alice", Some("Grüße/a%2Fb/50%"), HookKind::Changed));
        let ox = br#"{"user":"a@example.org","imap-uidvalidity":1,"imap-uid":2,"folder":"Inbox","event":"messageNew",
            "from":"Bob","subject":"x","snippet":"y","unseen":1}"#;
        assert_eq!(parse(ox), event("a@example.org", Some("INBOX"), HookKind::New));
        let words = [
            ("MessageAppend", HookKind::New),
            ("MessageExpunge", HookKind::Deleted),
            ("FlagsClear", HookKind::Changed),
            ("MailboxRename", HookKind::Tree),
        ];
        for (word, kind) in words {
            assert_eq!(parse(format!(r#"{{"user":"a","event":"{word}"}}"#).as_bytes()), event("a", None, kind));
        }
    }

    #[test]
    fn what_is_no_hint_is_refused_and_says_why() {
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"user":"a","folder":"b"}"#,
            r#"{"user":"","event":"messageNew"}"#,
            r#"{"user":"a\u0000","event":"messageNew"}"#,
            r#"{"user":1,"event":"messageNew"}"#,
            r#"{"user":"a","event":"messageNew","folder":""}"#,
            r#"{"user":"a","event":"messageNew","folder":"b","separator":""}"#,
            r#"{"user":"a","event":"messageNew","folder":"b","separator":"ab"}"#,
            "{\"user\":\"a\",\"event\":\"messageNew\"} x",
            "\u{0}",
        ] {
            assert!(matches!(parse(wrong.as_bytes()), Err(HookError::Malformed(_))), "{wrong}");
        }
        assert_eq!(parse(br#"{"user":"a","event":"Nap"}"#), Err(HookError::UnknownEvent("Nap".to_owned())));
        assert_eq!(parse(&vec![b' '; MAX_BODY + 1]), Err(HookError::TooLong));
        let long = "x".repeat(MAX_NAME + 1);
        for body in [
            format!(r#"{{"user":"{long}","event":"messageNew"}}"#),
            format!(r#"{{"user":"a","event":"messageNew","folder":"{long}"}}"#),
        ] {
            assert!(matches!(parse(body.as_bytes()), Err(HookError::Malformed(_))));
        }
    }
}
