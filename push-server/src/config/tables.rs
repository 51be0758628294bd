//! The tables of the file: `[[namespace]]`, `[[token]]`, `[mail]` and `[tls]`.

use push_core::{Grants, Identity, Namespace, Overflow, Pattern};
use toml::Spanned;
use toml::de::DeValue;

use super::error::ConfigError;
use super::file::{File, Section};
use super::secret::MAX_SECRET_BYTES;
use super::value::Value;
use super::{Settings, Token, mail, tls};

/// The tables that a file may have.
pub(crate) const NAMES: [&str; 4] = ["namespace", "token", "mail", "tls"];

/// Longest age of a publication that may be set.
const MAX_AGE_S: u64 = 100 * 365 * 24 * 3600;

/// Reads the table `name` into `settings`.
pub(crate) fn apply<'a>(
    file: &'a File<'a>,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    match name {
        "namespace" => {
            for entry in entries(file, name, value)? {
                settings.hub.namespaces.push(namespace(file, entry)?);
            }
        }
        "token" => {
            for entry in entries(file, name, value)? {
                let token = token(file, entry, &settings.tokens)?;
                settings.tokens.push(token);
            }
        }
        "mail" => settings.mail = mail::read(file, value)?,
        _ => settings.tls = Some(tls::read(file, value)?),
    }
    Ok(())
}

/// The tables of a list of tables.
pub(super) fn entries<'a>(
    file: &File<'_>,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<&'a [Spanned<DeValue<'a>>], ConfigError> {
    match value.get_ref() {
        DeValue::Array(entries) => Ok(entries),
        _ => Err(file.refuse(Some(value.span().start), Some(name), format!("it is a list of tables: [[{name}]]"))),
    }
}

fn namespace<'a>(file: &'a File<'a>, value: &'a Spanned<DeValue<'a>>) -> Result<Namespace, ConfigError> {
    let section = Section::new(file, "namespace.", value, &["pattern", "retain", "presence", "overflow"])?;
    let mut namespace = Namespace::new(section.need("pattern", pattern)?);
    if let Some(retain) = section.get("retain") {
        let section = Section::new(file, "namespace.retain.", retain, &["count", "age_s", "bytes"])?;
        let retention = &mut namespace.retention;
        let count = section.read("count", |value| value.number(0..=1_000_000_000))?;
        let count = count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        retention.count = count.unwrap_or(retention.count);
        retention.age = section.read("age_s", |value| value.seconds(0..=MAX_AGE_S))?.unwrap_or(retention.age);
        retention.bytes = section.read("bytes", |value| value.number(0..=1 << 40))?.unwrap_or(retention.bytes);
    }
    namespace.presence = section.read("presence", |value| value.flag())?.unwrap_or(namespace.presence);
    namespace.overflow = section.read("overflow", overflow)?.unwrap_or(namespace.overflow);
    Ok(namespace)
}

fn token<'a>(file: &'a File<'a>, value: &'a Spanned<DeValue<'a>>, before: &[Token]) -> Result<Token, ConfigError> {
    let known = ["secret", "user", "subscribe", "publish", "history", "presence", "admin"];
    let section = Section::new(file, "token.", value, &known)?;
    let secret = section.need("secret", secret)?;
    if before.iter().any(|token| token.secret == secret) {
        return Err(section.refuse(None, "secret", "an earlier [[token]] has the same"));
    }
    let grants = |name: &str| section.read(name, patterns).map(Option::unwrap_or_default);
    let grants = Grants {
        subscribe: grants("subscribe")?,
        publish: grants("publish")?,
        history: grants("history")?,
        presence: grants("presence")?,
        admin: section.read("admin", |value| value.flag())?.unwrap_or(false),
    };
    let user = section.read("user", user)?.map(Into::into);
    Ok(Token { secret, identity: Identity { user, grants, expires_ms: None } })
}

fn pattern(value: Value<'_>) -> Result<Pattern, String> {
    let text = value.text()?;
    Pattern::parse(&text).map_err(|error| format!("{text:?} is no pattern: {error}"))
}

fn patterns(value: Value<'_>) -> Result<Vec<Pattern>, String> {
    let parse = |text: &String| Pattern::parse(text).map_err(|error| format!("{text:?} is no pattern: {error}"));
    value.list()?.iter().map(parse).collect()
}

fn overflow(value: Value<'_>) -> Result<Overflow, String> {
    let text = value.text()?;
    Overflow::parse(&text).ok_or_else(|| format!("{text:?} is none of \"gap\", \"latest\" and \"disconnect\""))
}

/// What can be carried in every place where a token may stand. Never shown in a refusal.
fn secret(value: Value<'_>) -> Result<String, String> {
    let text = value.text()?;
    if text.is_empty() || text.len() > MAX_SECRET_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("it is 1..={MAX_SECRET_BYTES} printable ASCII characters without white space"));
    }
    Ok(text)
}

fn user(value: Value<'_>) -> Result<String, String> {
    let text = value.text()?;
    check_user(&text).map(|()| text)
}

/// Whether there can be such a user.
pub(super) fn check_user(text: &str) -> Result<(), String> {
    // RFC 7617 §2: a user-id has no colon
    let is_wrong = |c: char| c.is_control() || c == ':';
    if text.is_empty() || text.len() > MAX_USER_BYTES || text.contains(is_wrong) {
        return Err(format!("{text:?} is not 1..={MAX_USER_BYTES} bytes without colon and control characters"));
    }
    Ok(())
}

const MAX_USER_BYTES: usize = 255;
