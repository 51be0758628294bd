//! What is wrong with a configuration, and where it stands.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a configuration is refused. Nothing was bound then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}")]
pub(crate) struct ConfigError {
    place: Place,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into() }
    }
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no one place.
    All,
    /// A flag, with its dashes.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// A line of a file, from 1, and a key there (`namespace.retain.count`), as far as known.
    File { path: PathBuf, line: Option<usize>, key: Option<String> },
}

impl Place {
    /// A file as a whole.
    pub(crate) fn file(path: &Path) -> Self {
        Self::File { path: path.to_owned(), line: None, key: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::All => Ok(()),
            Place::Flag(name) => write!(f, "{name}: "),
            Place::Variable(name) => write!(f, "{name} (environment): "),
            Place::File { path, line, key } => {
                write!(f, "{}", path.display())?;
                if let Some(line) = line {
                    write!(f, ", line {line}")?;
                }
                if let Some(key) = key {
                    write!(f, ", '{key}'")?;
                }
                f.write_str(": ")
            }
        }
    }
}

/// The one of `known` that was probably meant by `word`: at most two letters away, one for short words.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if word.len() < 5 { 1 } else { 2 };
    let closest = known.into_iter().map(|candidate| (distance(word, candidate), candidate)).min()?;
    (closest.0 <= allowed).then_some(closest.1)
}

/// Letters to insert, delete or replace to make one of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_is_suggested_and_nothing_far_fetched() {
        let known = ["listen", "hosts", "origins", "log"];
        for (word, meant) in [("listne", "listen"), ("host", "hosts"), ("orgins", "origins"), ("lgo", "")] {
            assert_eq!(suggestion(word, known), Some(meant).filter(|meant| !meant.is_empty()), "{word}");
        }
        assert_eq!(suggestion("tls_version", known), None);
    }

    #[test]
    fn distance_counts_letters() {
        for (a, b, expected) in [("", "", 0), ("", "abc", 3), ("count", "cuont", 2), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
