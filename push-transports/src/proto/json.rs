//! Writing JSON into buffers, and reading objects whose members are looked at one by one.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::Problem;

/// Appends `text` as a JSON string. Control characters are escaped, so the result never holds a raw line end.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string becomes JSON in memory");
}

/// Appends `"name":"text"`, a member whose name needs no escaping.
pub(crate) fn push_member(out: &mut Vec<u8>, name: &str, text: &str) {
    push_name(out, name);
    push_string(out, text);
}

/// Appends `"name":`.
pub(crate) fn push_name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends what needs no escaping.
pub(crate) fn push_display(out: &mut Vec<u8>, value: impl fmt::Display) {
    write!(out, "{value}").expect("memory takes every byte");
}

/// The known members of one JSON object, each as it was written.
///
/// Members are typed only when asked for, so that one bad member does not hide the others (a reply can still
/// carry its `seq`, an error line its `channel`). Unknown members are skipped, in constant memory.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    /// At most one for each known name.
    members: Vec<(&'static str, &'a RawValue)>,
    duplicate: Option<&'static str>,
}

impl<'a> Members<'a> {
    /// Reads `text`, which must be one JSON object; keeps the members named in `known`.
    pub(crate) fn parse(text: &'a [u8], known: &'static [&'static str]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(text)
            .map_err(|error| Problem::bad_parameter(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let not_an_object = |error| Problem::bad_parameter(format!("not a JSON object: {error}"));
        let members = deserializer.deserialize_map(KnownMembers { known }).map_err(not_an_object)?;
        deserializer.end().map_err(not_an_object)?;
        Ok(members)
    }

    /// Refuses an object in which a known member stands twice: readers would not agree which one counts.
    pub(crate) fn refuse_duplicates(&self) -> Result<(), Problem> {
        match self.duplicate {
            Some(name) => Err(Problem::bad_parameter(format!("'{name}' is given twice"))),
            None => Ok(()),
        }
    }

    /// The member as written, `null` included.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.members.iter().find(|(have, _)| *have == name).map(|(_, value)| *value)
    }

    /// A string; `null` counts as absent.
    pub(crate) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        match self.raw(name).and_then(plain_string) {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => Ok(self.typed::<String>(name, "a string")?.map(Cow::Owned)),
        }
    }

    /// A boolean; `null` counts as absent.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.typed(name, "true or false")
    }

    fn typed<T: for<'de> Deserialize<'de>>(&self, name: &str, shape: &str) -> Result<Option<T>, Problem> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|_| Problem::bad_parameter(format!("'{name}' must be {shape}")))
    }
}

/// The text of a string that is written without escapes: then it is what stands between the quotes.
pub(crate) fn plain_string(raw: &RawValue) -> Option<&str> {
    let text = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr(b'\\', text.as_bytes()).is_none().then_some(text)
}

/// A member's name, borrowed where it is written without escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct KnownMembers {
    known: &'static [&'static str],
}

impl<'de> Visitor<'de> for KnownMembers {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members { members: Vec::with_capacity(self.known.len().min(8)), duplicate: None };
        while let Some(Name(name)) = map.next_key()? {
            match self.known.iter().find(|known| **known == name) {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(known) => {
                    let value = map.next_value::<&RawValue>()?;
                    if members.raw(known).is_some() {
                        members.duplicate = Some(known);
                    } else {
                        members.members.push((known, value));
                    }
                }
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_members_keep_their_spelling_and_unknown_ones_are_skipped() {
        let text = br#" {"a": 1.0e+1 , "x":{"a":2}, "b":"\u0041", "c":null, "d":true} "#;
        let members = Members::parse(text, &["a", "b", "c", "d"]).expect("an object");
        assert_eq!(members.raw("a").map(RawValue::get), Some("1.0e+1"));
        assert_eq!(members.string("b"), Ok(Some("A".into())));
        assert_eq!(members.raw("c").map(RawValue::get), Some("null"));
        assert_eq!(members.string("c"), Ok(None));
        assert_eq!(members.boolean("d"), Ok(Some(true)));
        assert_eq!(members.string("e"), Ok(None));
        assert!(members.string("a").is_err_and(|p| p.detail().contains("'a' must be a string")));
        assert_eq!(members.refuse_duplicates(), Ok(()));
    }

    #[test]
    fn a_member_given_twice_is_noticed_also_where_it_is_spelled_with_escapes() {
        let members = Members::parse(br#"{"a":1,"\u0061":2}"#, &["a"]).expect("an object");
        assert!(members.refuse_duplicates().is_err_and(|p| p.detail().contains("'a' is given twice")));
    }

    #[test]
    fn what_is_not_one_object_is_refused_without_a_panic() {
        let deep = "[".repeat(100_000);
        for text in ["", "[]", "1", "{", "{}{}", "{\"a\":}", "{\"a\":\"\u{1}\"}", &deep, &format!("{{\"x\":{deep}")] {
            assert!(Members::parse(text.as_bytes(), &["a"]).is_err(), "{}", text.get(..20).unwrap_or(text));
        }
        assert!(Members::parse(b"{\"a\":\"\xff\"}", &["a"]).is_err());
        let nested = format!("{{\"x\":{deep}{}}}", "]".repeat(100_000));
        assert!(Members::parse(nested.as_bytes(), &["a"]).is_ok());
    }
}
