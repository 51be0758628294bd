//! What a key is, and the top-level keys: each is a key of the file and a variable of the environment, some are flags
//! too.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use push_core::MediaType;
use push_transports::proto::access::AccessPolicy;
use tracing_subscriber::EnvFilter;

use super::limits::LIMITS;
use super::secret::Secret;
use super::value::{Bounds, Value};
use super::{Settings, address, mail, tls};

/// A key of a table whose settings are an `S`; of those that stand before the first table by default.
pub(crate) struct Key<S: 'static = Settings> {
    /// As it stands in the file.
    pub(crate) name: &'static str,
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// The part of the settings that it sets.
    pub(crate) field: fn(&mut S) -> Field<'_>,
}

/// A part of the settings with what it takes.
pub(crate) enum Field<'a> {
    Address(&'a mut SocketAddr),
    MaybeAddress(&'a mut Option<SocketAddr>),
    MaybePath(&'a mut Option<PathBuf>),
    MaybeText(&'a mut Option<String>),
    /// What is never shown.
    Secret(&'a mut Option<Secret>),
    Filter(&'a mut String),
    Flag(&'a mut bool),
    MaybeFlag(&'a mut Option<bool>),
    Count(&'a mut usize, Bounds),
    MaybeCount(&'a mut Option<usize>, Bounds),
    Number(&'a mut u32, Bounds),
    Bytes(&'a mut u64, Bounds),
    Seconds(&'a mut Duration, Bounds),
    Milliseconds(&'a mut Duration, Bounds),
    /// Without a fraction.
    WholeSeconds(&'a mut Duration, Bounds),
    /// One limit that two parts keep.
    SecondsOfBoth(&'a mut Duration, &'a mut Duration, Bounds),
    /// With a check of the whole list.
    List(&'a mut Vec<String>, fn(&[String]) -> Result<(), String>),
}

/// A table of keys: name, what it is, and what it sets.
macro_rules! keys {
    ($($name:literal, $about:literal, |$settings:ident| $field:expr;)*) => {
        [$(Key { name: $name, about: $about, field: |$settings| $field },)*]
    };
}
pub(super) use keys;

/// The keys that are no limits.
const GENERAL: [Key; 13] = keys![
    "listen", "where to listen; port 0 takes a free one",
        |s| Field::Address(&mut s.listen);
    "metrics_listen", "another address for /metrics alone, without a token",
        |s| Field::MaybeAddress(&mut s.metrics_listen);
    "origins", "origins of pages elsewhere that may reach it: https://app.example",
        |s| Field::List(&mut s.transports.origins, check_origins);
    "hosts", "names under which it answers: push.example; any if empty and a token is configured",
        |s| Field::List(&mut s.transports.hosts, check_hosts);
    "data", "directory for what outlives a restart: devices of mail; in this version history stays in memory",
        |s| Field::MaybePath(&mut s.data);
    "echo", "answer /push/echo, a plain WebSocket echo",
        |s| Field::Flag(&mut s.transports.echo);
    "log", "what to log on stderr: error, warn, info, debug, trace, or by module",
        |s| Field::Filter(&mut s.log);
    "demo", "the page at / and the host's load that it shows; on while no token is configured",
        |s| Field::MaybeFlag(&mut s.demo);
    "active_types", "media types that mixed sends as they are though browsers run them: image/svg+xml",
        |s| Field::List(&mut s.transports.active_types, check_media_types);
    "lots", "tasks that hold the waiting connections; by default one a core; 0: each connection has a task of its own",
        |s| Field::MaybeCount(&mut s.lots, 0..=1024);
    "drain_notice_s", "after SIGTERM: how long it still accepts, so that probes of /readyz see 503",
        |s| Field::Seconds(&mut s.drain_notice, 0..=600);
    "drain_window_s", "after SIGTERM: over how long at most clients are asked to come back, a thousand in a second",
        |s| Field::Seconds(&mut s.drain_window, 0..=3600);
    "grace_s", "after the notice: how long connections may take to end before they are cut",
        |s| Field::Seconds(&mut s.serve.grace, 0..=3600);
];

/// All top-level keys.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    GENERAL.iter().chain(&LIMITS)
}

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}

impl<S> Key<S> {
    /// Reads `value` into `settings`; changes nothing if it is not what the key takes.
    pub(crate) fn set(&self, settings: &mut S, value: Value<'_>) -> Result<(), String> {
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match (self.field)(settings) {
            Field::Address(field) => *field = address::parse(&value.text()?)?,
            Field::MaybeAddress(field) => *field = Some(address::parse(&value.text()?)?),
            Field::MaybePath(field) => *field = Some(path(value.text()?)?),
            Field::MaybeText(field) => *field = Some(text(value.text()?)?),
            Field::Secret(field) => *field = Some(Secret::read(value.text()?)?),
            Field::Filter(field) => *field = filter(value.text()?)?,
            Field::Flag(field) => *field = value.flag()?,
            Field::MaybeFlag(field) => *field = Some(value.flag()?),
            Field::Count(field, bounds) => *field = whole(value.number(bounds)?),
            Field::MaybeCount(field, bounds) => *field = Some(whole(value.number(bounds)?)),
            Field::Number(field, bounds) => *field = u32::try_from(value.number(bounds)?).unwrap_or(u32::MAX),
            Field::Bytes(field, bounds) => *field = value.number(bounds)?,
            Field::Seconds(field, bounds) => *field = value.seconds(bounds)?,
            Field::Milliseconds(field, bounds) => *field = Duration::from_millis(value.number(bounds)?),
            Field::WholeSeconds(field, bounds) => *field = Duration::from_secs(value.number(bounds)?),
            Field::SecondsOfBoth(one, other, bounds) => {
                *one = value.seconds(bounds)?;
                *other = *one;
            }
            Field::List(field, check) => {
                let list = value.list()?;
                check(&list)?;
                *field = list;
            }
        }
        Ok(())
    }
}

impl Key {
    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        format!("PUSH_{}", self.name.to_ascii_uppercase())
    }
}

impl fmt::Display for Field<'_> {
    /// As it would stand in the file; nothing where it is not set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Address(address) => write!(f, "\"{address}\""),
            Field::Filter(filter) => write!(f, "{filter:?}"),
            Field::Flag(flag) => write!(f, "{flag}"),
            Field::Count(count, _) => write!(f, "{count}"),
            Field::Number(number, _) => write!(f, "{number}"),
            Field::Bytes(bytes, _) => write!(f, "{bytes}"),
            Field::Seconds(duration, _) | Field::WholeSeconds(duration, _) | Field::SecondsOfBoth(duration, ..) => {
                write!(f, "{}", duration.as_secs_f64())
            }
            Field::List(list, _) => write!(f, "{list:?}"),
            Field::Milliseconds(duration, _) => write!(f, "{}", duration.as_millis()),
            Field::MaybeAddress(address) => address.iter().try_for_each(|address| write!(f, "\"{address}\"")),
            Field::MaybePath(path) => path.iter().try_for_each(|path| write!(f, "{path:?}")),
            Field::MaybeText(text) => text.iter().try_for_each(|text| write!(f, "{text:?}")),
            Field::Secret(_) => Ok(()),
            Field::MaybeFlag(flag) => flag.iter().try_for_each(|flag| write!(f, "{flag}")),
            Field::MaybeCount(count, _) => count.iter().try_for_each(|count| write!(f, "{count}")),
        }
    }
}

fn path(text: String) -> Result<PathBuf, String> {
    if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn text(text: String) -> Result<String, String> {
    let is_line = !text.is_empty() && !text.contains(char::is_control);
    if is_line { Ok(text) } else { Err(format!("{text:?} is not a text without control characters")) }
}

fn filter(text: String) -> Result<String, String> {
    EnvFilter::try_new(&text).map_err(|error| format!("{text:?} is no filter: {error}"))?;
    Ok(text)
}

fn check_origins(list: &[String]) -> Result<(), String> {
    AccessPolicy::new(list, &[], false).map(drop).map_err(|error| error.to_string())
}

fn check_hosts(list: &[String]) -> Result<(), String> {
    AccessPolicy::new(&[], list, false).map(drop).map_err(|error| error.to_string())
}

fn check_media_types(list: &[String]) -> Result<(), String> {
    let is_essence = |entry: &&String| MediaType::parse(entry).is_ok_and(|parsed| parsed.essence() == entry.as_str());
    match list.iter().find(|entry| !is_essence(entry)) {
        Some(entry) => Err(format!("{entry:?} is no media type such as image/svg+xml")),
        None => Ok(()),
    }
}

/// The keys with their defaults, for `--help`.
pub(crate) fn help() -> String {
    let mut out = String::from("Keys of the file, and of the environment as PUSH_<KEY> (lists comma-separated):\n");
    list(all(), &mut Settings::default(), &mut out);
    out.push_str(TABLES);
    mail::help(&mut out);
    tls::help(&mut out);
    out.push_str("\nA flag goes over the environment, the environment over the file.\n");
    out
}

/// Keys with their defaults, a line each.
pub(crate) fn list<'k, S: 'static>(keys: impl IntoIterator<Item = &'k Key<S>>, defaults: &mut S, out: &mut String) {
    for key in keys {
        let default = (key.field)(defaults).to_string();
        let default = if default.is_empty() { "not set".to_owned() } else { default };
        out.push_str(&format!("  {:<28} {} [default: {default}]\n", key.name, key.about));
    }
}

/// What the file has beside keys.
const TABLES: &str = r#"
Tables of the file:
  [[namespace]]  settings of channels, the first whose pattern matches wins; pattern "**" for all others
                 pattern = "chat/**", presence = false, overflow = "gap" | "latest" | "disconnect",
                 retain = { count = 1024, age_s = 3600, bytes = 8388608 }
  [[token]]      who may do what; with at least one it may listen anywhere
                 secret = "...", user = "alice", subscribe = ["chat/**"], publish = [], history = [],
                 presence = [], admin = false
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_name_of_its_own_and_takes_its_own_default() {
        let mut names: Vec<_> = all().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
        for key in all() {
            let mut settings = Settings::default();
            let default = (key.field)(&mut settings).to_string();
            if default.is_empty() {
                continue;
            }
            let value = toml::de::DeValue::parse(&default).expect(key.name);
            assert_eq!(key.set(&mut settings, Value::Toml(value.get_ref())), Ok(()), "{}", key.name);
            assert_eq!((key.field)(&mut settings).to_string(), default, "{}", key.name);
        }
    }

    #[test]
    fn help_names_every_key_once() {
        let help = help();
        for key in all() {
            assert_eq!(help.matches(&format!("\n  {:<28} {} [", key.name, key.about)).count(), 1, "{}", key.name);
        }
    }

    #[test]
    fn lists_are_checked_entry_by_entry() {
        for (name, good, bad) in [
            ("origins", "https://a.example,null", "https://a.example/path"),
            ("hosts", "push.example,push.example:8080", "push.example/"),
            ("active_types", "image/svg+xml", "image/svg+xml; charset=utf-8"),
        ] {
            let key = find(name).expect(name);
            let mut settings = Settings::default();
            assert_eq!(key.set(&mut settings, Value::Text(good)), Ok(()), "{name}");
            let before = (key.field)(&mut settings).to_string();
            assert!(key.set(&mut settings, Value::Text(bad)).is_err_and(|error| error.contains(bad)), "{name}");
            assert_eq!((key.field)(&mut settings).to_string(), before, "a refused value changes nothing");
        }
    }
}
