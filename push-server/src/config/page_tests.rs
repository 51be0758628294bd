//! The operator's page, `docs/configuration.md`, says what the binary reads: no key is missing, none has another default.

use std::collections::BTreeMap;
use std::path::Path;

use push_core::Pattern;

use super::file::File;
use super::keys::{self, Field, Key};
use super::value::Bounds;
use super::*;

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// The rows of the page's tables, cell by cell, by what their first cell has in backticks.
fn rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    rows_of(PAGE)
}

/// Those of the part of the page that begins with `heading`.
fn rows_below(heading: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let (_, rest) = PAGE.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    rows_of(rest.split("\n#").next().expect("there is a first part"))
}

fn rows_of(page: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>();
    let rows = page.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.filter_map(|row| Some((row.first()?.strip_prefix('`')?.strip_suffix('`')?, row))).collect()
}

/// Those of the tables in which keys have variables.
fn rows_with_variables() -> BTreeMap<&'static str, Vec<&'static str>> {
    let tables = PAGE.split("\n\n").filter(|part| part.starts_with("| key | variable |"));
    tables.flat_map(rows_of).collect()
}

/// What `key` takes, as the page says it.
fn takes<S: Default>(key: &Key<S>) -> String {
    let within = |bounds: &Bounds| {
        let unit = match key.name {
            name if name.ends_with("_s") => " s",
            name if name.ends_with("_ms") => " ms",
            name if name.ends_with("_bytes") => " bytes",
            _ => "",
        };
        format!("{}..={}{unit}", bounds.start(), bounds.end())
    };
    match (key.field)(&mut S::default()) {
        Field::MaybeText(_) => "text".to_owned(),
        Field::Secret(_) => "secret".to_owned(),
        Field::Address(_) | Field::MaybeAddress(_) => "address".to_owned(),
        Field::MaybePath(_) => "path".to_owned(),
        Field::Filter(_) => "filter".to_owned(),
        Field::Flag(_) | Field::MaybeFlag(_) => "true or false".to_owned(),
        Field::List(..) => "list".to_owned(),
        Field::Count(_, bounds)
        | Field::MaybeCount(_, bounds)
        | Field::Number(_, bounds)
        | Field::Bytes(_, bounds)
        | Field::Milliseconds(_, bounds)
        | Field::WholeSeconds(_, bounds)
        | Field::Seconds(_, bounds)
        | Field::SecondsOfBoth(_, _, bounds) => within(&bounds),
    }
}

fn default<S: Default>(key: &Key<S>) -> String {
    let default = (key.field)(&mut S::default()).to_string();
    if default.is_empty() { "not set".to_owned() } else { format!("`{default}`") }
}

/// Whether `keys` stand below `heading`, each with what it takes and its default, and nothing else does but `others`.
fn check_table<S: Default>(heading: &str, keys: &[Key<S>], others: &[&str]) {
    let rows = rows_below(heading);
    for key in keys {
        let row = rows.get(key.name).unwrap_or_else(|| panic!("{} is not below {heading}", key.name));
        assert_eq!(row[1..3], [takes(key), default(key)], "{heading}: {}", key.name);
        assert!(row[3].len() > 10, "{}: what it is", key.name);
    }
    for name in rows.keys() {
        let is_known = keys.iter().any(|key| key.name == *name) || others.contains(name);
        assert!(is_known, "{heading}: {name} is on the page and no key");
    }
}

#[test]
fn each_key_of_mail_stands_on_the_page_with_what_it_takes_and_its_default() {
    check_table("### Limits of mail", &mail::keys::MAIL, &[]);
    check_table("### Phones", &mail::keys::EAS, &[]);
    check_table("#### Users", &mail::keys::USER, &[]);
    check_table("### Accounts", &mail::keys::ACCOUNT, &["kind"]);
    check_table("#### Sending", &mail::keys::SENDING, &[]);
    check_table("#### Maildir", &mail::keys::MAILDIR, &[]);
    check_table("#### IMAP and POP3", &mail::keys::REMOTE, &[]);
    check_table("#### IMAP alone", &mail::keys::IMAP, &[]);
}

#[test]
fn each_key_of_tls_stands_on_the_page_with_what_it_takes_and_its_default() {
    check_table("### TLS", &tls::TLS, &[]);
}

#[test]
fn each_key_stands_on_the_page_with_its_variable_what_it_takes_and_its_default() {
    let rows = rows_with_variables();
    for key in keys::all() {
        let row = rows.get(key.name).unwrap_or_else(|| panic!("{} is not on the page", key.name));
        assert_eq!(row[1..4], [format!("`{}`", key.variable()), takes(key), default(key)], "{}", key.name);
        assert!(row[4].len() > 10, "{}: what it is", key.name);
    }
}

#[test]
fn no_variable_stands_on_the_page_that_is_not_read() {
    let known: Vec<_> = keys::all().map(Key::variable).chain([env::CONFIG.to_owned()]).collect();
    for named in PAGE.split('`').filter(|text| text.starts_with("PUSH_") && text.len() > "PUSH_".len()) {
        assert!(known.iter().any(|variable| variable == named), "{named}");
    }
}

#[test]
fn what_namespaces_leave_out_is_as_the_page_says() {
    let rows = rows();
    let namespace = push_core::Namespace::new(Pattern::parse("a").expect("a pattern"));
    let retain = &namespace.retention;
    for (key, default) in [
        ("retain.count", retain.count.to_string()),
        ("retain.age_s", retain.age.as_secs().to_string()),
        ("retain.bytes", retain.bytes.to_string()),
        ("presence", namespace.presence.to_string()),
        ("overflow", "\"gap\"".to_owned()),
    ] {
        let (start, end) = (format!("| `{key}` |"), format!("| `{default}` |"));
        assert!(PAGE.lines().any(|line| line.starts_with(&start) && line.contains(&end)), "{key}: {default}");
    }
    for key in ["pattern", "secret", "user", "subscribe", "publish", "history", "admin"] {
        assert!(rows.contains_key(key), "{key}");
    }
    assert_eq!(namespace.overflow, push_core::Overflow::Gap);
}

#[test]
fn the_file_to_begin_with_is_a_valid_one() {
    let (_, rest) = PAGE.split_once("```toml\n").expect("a file to begin with");
    let (text, _) = rest.split_once("```").expect("its end");
    let mut settings = Settings::default();
    assert_eq!(File { path: Path::new("page.toml"), text }.apply(&mut settings), Ok(()));
    let sizes = (settings.tokens.len(), settings.hub.namespaces.len(), settings.mail.accounts.len());
    assert_eq!(sizes, (3, 1, 1));
    assert_eq!(settings.check(), Ok(()));
}

#[test]
fn what_the_page_on_mail_tells_to_set_can_be_set() {
    const ACCOUNT: &str = "[[mail.account]]\nname = \"bob\"\nkind = \"maildir\"\npath = \"/tmp/bob\"\n";
    let pieces: Vec<_> = include_str!("../../../docs/mail.md").split("```toml\n").skip(1).collect();
    assert!(pieces.len() >= 3);
    for piece in pieces {
        let (text, _) = piece.split_once("```").expect("its end");
        let mut settings = Settings::default();
        let text = format!("{text}{ACCOUNT}");
        assert_eq!(File { path: Path::new("mail.toml"), text: &text }.apply(&mut settings), Ok(()), "{text}");
    }
}
