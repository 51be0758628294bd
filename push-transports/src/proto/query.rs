//! Parameters by name: from a query string, or from the JSON body that may stand in its place.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json::Members;
use super::problem::{Code, Problem};

/// Every parameter some route knows. Others are dropped unread.
const KNOWN: [&str; 12] = [
    "channel", "since", "last", "format", "overflow", "token", "timeout", "limit", "refresh", "info", "prefix", "after",
];

/// The parameters of one request, decoded and in order.
///
/// Unknown names are ignored, their values not even decoded. `+` is a space, as browsers' `URLSearchParams` writes it.
#[derive(Clone, Default)]
pub struct Query {
    pairs: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Query {
    /// Names only: a value may be a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl Query {
    /// Reads a query string, without its `?`.
    ///
    /// # Errors
    ///
    /// `bad_parameter` where a name, or the value of a known name, is not percent-encoded UTF-8; for a channel and a
    /// cursor their own codes.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)
                .ok_or_else(|| Problem::bad_parameter("the name of a parameter is not percent-encoded UTF-8"))?;
            let Some(known) = known(&name) else { continue };
            let value = decode(value).ok_or_else(|| undecodable(known))?;
            pairs.push((known, value.into_owned()));
        }
        Ok(Self { pairs })
    }

    /// Reads the body of a POST: a JSON object of the same parameters. `channel` may be a list, numbers may be
    /// strings, `null` counts as absent.
    ///
    /// # Errors
    ///
    /// `bad_parameter` for anything else, and for a member given twice.
    pub fn from_json(body: &[u8]) -> Result<Self, Problem> {
        let members = Members::parse(body, &KNOWN)?;
        members.refuse_duplicates()?;
        let mut pairs = Vec::new();
        for name in KNOWN {
            let Some(raw) = members.raw(name) else { continue };
            match (name, raw.get().as_bytes().first()) {
                (_, Some(b'n')) => {}
                // Any JSON value: the text is read as JSON again.
                ("info", _) => pairs.push((name, raw.get().to_owned())),
                ("channel", Some(b'[')) => {
                    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong_shape(name))?;
                    for item in list {
                        pairs.push((name, serde_json::from_str(item.get()).map_err(|_| wrong_shape(name))?));
                    }
                }
                ("timeout" | "limit" | "last" | "refresh", Some(b'-' | b'0'..=b'9')) => {
                    pairs.push((name, raw.get().to_owned()));
                }
                _ => pairs.push((name, serde_json::from_str(raw.get()).map_err(|_| wrong_shape(name))?)),
            }
        }
        Ok(Self { pairs })
    }

    /// All values of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(have, _)| *have == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that stands at most once.
    ///
    /// # Errors
    ///
    /// `bad_parameter` if it is repeated.
    pub fn single(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.pairs.iter().filter(|(have, _)| *have == name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Problem::bad_parameter(format!("'{name}' is given more than once"))),
            None => Ok(first.map(|(_, value)| value.as_str())),
        }
    }

    /// A whole number within `low..=high`, inclusive.
    ///
    /// # Errors
    ///
    /// `bad_parameter`, naming the parameter and both bounds.
    pub fn number(&self, name: &str, low: u64, high: u64) -> Result<Option<u64>, Problem> {
        self.single(name)?.map(|text| whole_number(name, text, low, high)).transpose()
    }
}

/// Digits within bounds; the refusal names both.
pub(crate) fn whole_number(name: &str, text: &str, low: u64, high: u64) -> Result<u64, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse::<u64>().ok()).flatten();
    number
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| Problem::bad_parameter(format!("'{name}' must be a whole number from {low} to {high}")))
}

fn wrong_shape(name: &str) -> Problem {
    Problem::bad_parameter(match name {
        "channel" => "'channel' must be a string or a list of strings".to_owned(),
        "timeout" | "limit" | "last" | "refresh" => format!("'{name}' must be a number"),
        _ => format!("'{name}' must be a string"),
    })
}

fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

/// Strict: a `%` without two hexadecimal digits, or bytes that are not UTF-8, are no text.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'%', b'+', bytes).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (high, low) = (hex(at + 1)?, hex(at + 2)?);
                out.push(u8::try_from(high * 16 + low).expect("two digits are a byte"));
                at += 3;
            }
            byte => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Nothing that is not UTF-8 is a channel or a cursor.
fn undecodable(name: &'static str) -> Problem {
    let code = match name {
        "channel" => Code::BadChannel,
        "since" => Code::BadCursor,
        _ => Code::BadParameter,
    };
    Problem::new(code, format!("'{name}' is not percent-encoded UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_parameters_are_decoded_and_unknown_ones_ignored() {
        let query = Query::parse("channel=a%2Fb&&x=%zz&channel=%C3%BC&info=a+b&since").expect("fine");
        assert_eq!(query.all("channel").collect::<Vec<_>>(), ["a/b", "ü"]);
        assert_eq!(query.single("info"), Ok(Some("a b")));
        assert_eq!(query.single("since"), Ok(Some("")));
        assert_eq!(query.single("last"), Ok(None));
        assert!(query.single("channel").is_err_and(|p| p.detail().contains("'channel'")));
    }

    #[test]
    fn broken_percent_encoding_and_bytes_that_are_not_utf8_name_the_parameter() {
        for bad in ["since=%", "since=%4", "since=%zz", "since=%ff", "since=%C3%28"] {
            let problem = Query::parse(bad).expect_err(bad);
            assert!(problem.detail().contains("'since'"), "{problem}");
        }
        assert!(Query::parse("%ff=1").is_err());
    }

    #[test]
    fn numbers_are_digits_within_bounds_that_are_named() {
        let number = |text: &str| Query::parse(&format!("timeout={text}")).and_then(|q| q.number("timeout", 0, 3540));
        assert_eq!(number("0"), Ok(Some(0)));
        assert_eq!(number("3540"), Ok(Some(3540)));
        for bad in ["", "3541", "-1", "%2B5", "+5", "1.0", "1e1", "99999999999999999999", "abc"] {
            assert!(
                number(bad).is_err_and(|p| p.detail().contains("3540") && p.detail().contains("'timeout'")),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_json_body_says_the_same_as_a_query() {
        let body =
            br#"{"channel":["a","b"],"since":"start","timeout":5,"limit":"7","x":[1],"last":null,"info":{"a":1}}"#;
        let query = Query::from_json(body).expect("fine");
        assert_eq!(query.all("channel").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(query.single("since"), Ok(Some("start")));
        assert_eq!(query.number("timeout", 0, 9), Ok(Some(5)));
        assert_eq!(query.number("limit", 0, 9), Ok(Some(7)));
        assert_eq!(query.single("last"), Ok(None));
        assert_eq!(query.single("info"), Ok(Some(r#"{"a":1}"#)));
        let one = Query::from_json(br#"{"channel":"a"}"#).expect("fine");
        assert_eq!(one.all("channel").collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_json_body_of_another_shape_is_refused_by_name() {
        let table = [
            (r#"[]"#, "not a JSON object"),
            (r#"{"channel":5}"#, "'channel'"),
            (r#"{"channel":["a",5]}"#, "'channel'"),
            (r#"{"channel":[["a"]]}"#, "'channel'"),
            (r#"{"since":5}"#, "'since'"),
            (r#"{"timeout":true}"#, "'timeout'"),
            (r#"{"timeout":[1]}"#, "'timeout'"),
            (r#"{"since":"now","since":"start"}"#, "'since' is given twice"),
        ];
        for (body, word) in table {
            let problem = Query::from_json(body.as_bytes()).expect_err(body);
            assert!(problem.detail().contains(word), "{body}: {problem}");
        }
        let number = Query::from_json(br#"{"timeout":1.5}"#).expect("a number");
        assert!(number.number("timeout", 0, 9).is_err());
    }

    proptest! {
        #[test]
        fn any_value_survives_a_query_written_by_others(value in "\\PC{0,40}") {
            let text: String = form_urlencoded::Serializer::new(String::new()).append_pair("info", &value).finish();
            let query = Query::parse(&text).expect("well encoded");
            prop_assert_eq!(query.single("info"), Ok(Some(value.as_str())));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[a-z=&%+0-9\\PC]{0,60}") {
            let _ = Query::parse(&text);
            let _ = Query::from_json(text.as_bytes());
        }
    }

    #[test]
    fn a_token_never_shows_in_debug_output() {
        let query = Query::parse("token=secret").expect("fine");
        assert!(!format!("{query:?}").contains("secret"));
    }
}
