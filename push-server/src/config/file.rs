//! The configuration file: TOML, in which every key is known and every value is checked.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place, suggestion};
use super::keys::Key;
use super::value::Value;
use super::{Settings, keys, tables};

/// A file as it was read, for refusals that name the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
}

/// Reads the file at `path` into `settings`.
pub(crate) fn apply(path: &Path, settings: &mut Settings) -> Result<(), ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(Place::file(path), format!("it cannot be read: {error}")))?;
    File { path, text: &text }.apply(settings)
}

impl File<'_> {
    pub(crate) fn apply(&self, settings: &mut Settings) -> Result<(), ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| {
            // Only the message: the excerpt that comes with it could show a secret.
            self.refuse(error.span().map(|span| span.start), None, error.message())
        })?;
        for (name, value) in table.get_ref() {
            match keys::find(name.get_ref()) {
                Some(key) => key
                    .set(settings, Value::Toml(value.get_ref()))
                    .map_err(|problem| self.refuse(Some(name.span().start), Some(key.name), problem))?,
                None if tables::NAMES.contains(&name.get_ref().as_ref()) => {
                    tables::apply(self, name.get_ref(), value, settings)?;
                }
                None => return Err(self.unknown("", name, keys::all().map(|key| key.name).chain(tables::NAMES))),
            }
        }
        Ok(())
    }

    /// A refusal at a byte of the text.
    pub(crate) fn refuse(&self, at: Option<usize>, key: Option<&str>, problem: impl Into<String>) -> ConfigError {
        let before = |at: usize| self.text.get(..at).unwrap_or(self.text);
        let line = at.map(|at| before(at).bytes().filter(|byte| *byte == b'\n').count() + 1);
        ConfigError::new(Place::File { path: self.path.to_owned(), line, key: key.map(str::to_owned) }, problem)
    }

    fn unknown<'k>(
        &self,
        within: &str,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        known: impl IntoIterator<Item = &'k str>,
    ) -> ConfigError {
        let meant = suggestion(name.get_ref(), known);
        let meant = meant.map(|meant| format!("; did you mean '{meant}'?")).unwrap_or_default();
        let key = format!("{within}{}", name.get_ref());
        self.refuse(Some(name.span().start), Some(&key), format!("there is no such key{meant}"))
    }
}

/// A table of the file that is read member by member.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    file: &'a File<'a>,
    /// `token.` and the like, for refusals.
    prefix: &'a str,
    /// Where it begins, for what is missing.
    start: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// `value` as a table whose members are all in `known`.
    pub(crate) fn new(
        file: &'a File<'a>,
        prefix: &'a str,
        value: &'a Spanned<DeValue<'a>>,
        known: &[&'static str],
    ) -> Result<Self, ConfigError> {
        let start = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            let name = prefix.trim_end_matches('.');
            return Err(file.refuse(Some(start), Some(name), "it is a table"));
        };
        match table.keys().find(|name| !known.contains(&name.get_ref().as_ref())) {
            Some(name) => Err(file.unknown(prefix, name, known.iter().copied())),
            None => Ok(Self { file, prefix, start, table }),
        }
    }

    /// Reads a member, if it is there.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(Value<'_>) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((key, value)) = self.table.get_key_value(name) else { return Ok(None) };
        let read = read(Value::Toml(value.get_ref()));
        read.map(Some).map_err(|problem| self.refuse(Some(key.span().start), name, problem))
    }

    /// Reads a member that must be there.
    pub(crate) fn need<T>(
        &self,
        name: &str,
        read: impl FnOnce(Value<'_>) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.read(name, read)?.ok_or_else(|| self.refuse(None, name, "it is missing"))
    }

    /// Reads all members that are keys of `keys` into `settings`.
    pub(crate) fn fill<S>(&self, keys: &[Key<S>], settings: &mut S) -> Result<(), ConfigError> {
        keys.iter().try_for_each(|key| self.read(key.name, |value| key.set(settings, value)).map(drop))
    }

    /// Where a member stands, if it is there.
    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.table.get_key_value(name).map(|(key, _)| key.span().start)
    }

    /// A member that is itself a table or a list.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(name)
    }

    /// A refusal of a member; by default where the table begins.
    pub(crate) fn refuse(&self, at: Option<usize>, name: &str, problem: impl Into<String>) -> ConfigError {
        self.file.refuse(at.or(Some(self.start)), Some(&format!("{}{name}", self.prefix)), problem)
    }
}
