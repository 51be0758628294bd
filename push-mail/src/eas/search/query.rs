//! What is looked for.

use std::collections::BTreeSet;

use mail_parser::DateTime;
use serde::{Deserialize, Serialize};

use crate::store::{FolderId, Summary};

/// Words of a query that are looked for.
const WORDS: usize = 32;

/// Messages that are looked for: those that have all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Query {
    pub(super) words: Vec<Word>,
    /// All folders of mail if none are named.
    pub(super) folders: BTreeSet<FolderId>,
    /// Those below them too.
    pub(super) is_deep: bool,
    /// Unix milliseconds: received after, and before.
    pub(super) after_ms: Option<u64>,
    pub(super) before_ms: Option<u64>,
    /// It is of classes alone that are not looked through.
    pub(super) is_nothing: bool,
    /// Opaque, as messages are told with it.
    pub(super) conversation: Option<Vec<u8>>,
}

/// A word or a phrase, in lower case, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Word {
    pub(super) place: Place,
    pub(super) text: String,
}

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    Anywhere,
    From,
    Subject,
    Body,
}

/// First and last of a list, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Range {
    pub(super) const DEFAULT: Range = Range { first: 0, last: super::MOST_RESULTS - 1 };

    /// `m-n`, each of at most three digits ([MS-ASCMD] 2.2.3.143.3).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let is_one = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_one.then(|| digits.parse().ok()).flatten()
        };
        let (first, last) = text.trim().split_once('-')?;
        let range = Range { first: number(first)?, last: number(last)? };
        (range.first <= range.last).then_some(range)
    }
}

/// The words of a text as people write it: quoted ones belong together, `from:`, `subject:` and `body:` say where they
/// stand ([MS-KQL], as far as the summary of a message can tell). Other operators are not known, and are words.
pub(super) fn words(text: &str) -> Vec<Word> {
    let text = text.to_lowercase();
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && words.len() < WORDS {
        let (place, behind) = place(rest);
        let (word, next) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => behind.split_once(char::is_whitespace).unwrap_or((behind, "")),
        };
        let word = word.trim().trim_end_matches('*');
        if !word.is_empty() && !matches!(word, "and" | "or") {
            words.push(Word { place, text: word.split_whitespace().collect::<Vec<_>>().join(" ") });
        }
        rest = next.trim_start();
    }
    words
}

fn place(text: &str) -> (Place, &str) {
    for (name, place) in [("from:", Place::From), ("subject:", Place::Subject), ("body:", Place::Body)] {
        if let Some(behind) = text.strip_prefix(name) {
            return (place, behind.trim_start());
        }
    }
    (Place::Anywhere, text)
}

/// A time as [MS-ASDTYPE] 2.7.2 has it, in Unix milliseconds.
pub(super) fn time_ms(text: &str) -> Option<u64> {
    let time = DateTime::parse_rfc3339(text.trim())?;
    u64::try_from(time.to_timestamp()).ok()?.checked_mul(1000)
}

impl Query {
    /// Whether a message of that time can be one.
    pub(super) fn is_in_time(&self, received_ms: u64) -> bool {
        self.after_ms.is_none_or(|after| received_ms > after)
            && self.before_ms.is_none_or(|before| received_ms < before)
    }

    /// Whether a message that is summed up so has all words.
    pub(super) fn is_in(&self, summary: &Summary) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let lower = |text: &Option<String>| text.as_deref().unwrap_or_default().to_lowercase();
        let (from, subject, body) = (lower(&summary.from), lower(&summary.subject), lower(&summary.preview));
        self.words.iter().all(|word| match word.place {
            Place::From => from.contains(&word.text),
            Place::Subject => subject.contains(&word.text),
            Place::Body => body.contains(&word.text),
            Place::Anywhere => [&subject, &from, &body].iter().any(|text| text.contains(&word.text)),
        })
    }
}
