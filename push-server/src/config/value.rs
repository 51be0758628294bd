//! One value as it was given: a text of a flag or variable, or a value of TOML.

use std::time::Duration;

use toml::de::DeValue;

/// Bounds of a number, both allowed.
pub(crate) type Bounds = std::ops::RangeInclusive<u64>;

/// A value that is still to be read as what its key takes. Failures to read are one sentence each.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Of a flag or a variable.
    Text(&'a str),
    /// Of a file.
    Toml(&'a DeValue<'a>),
}

impl Value<'_> {
    pub(crate) fn text(self) -> Result<String, String> {
        match self {
            Value::Text(text) => Ok(text.to_owned()),
            Value::Toml(DeValue::String(text)) => Ok(text.clone().into_owned()),
            Value::Toml(other) => Err(unexpected("a string", other)),
        }
    }

    pub(crate) fn flag(self) -> Result<bool, String> {
        match self {
            Value::Text("true" | "1") | Value::Toml(DeValue::Boolean(true)) => Ok(true),
            Value::Text("false" | "0") | Value::Toml(DeValue::Boolean(false)) => Ok(false),
            Value::Text(text) => Err(format!("{text:?} is neither true nor false")),
            Value::Toml(other) => Err(unexpected("true or false", other)),
        }
    }

    /// A whole number within `bounds`.
    pub(crate) fn number(self, bounds: Bounds) -> Result<u64, String> {
        let number = match self {
            Value::Text(text) => text.parse::<i128>().map_err(|_| format!("{text:?} is not a whole number"))?,
            Value::Toml(DeValue::Integer(integer)) => {
                let digits = integer.as_str().replace('_', "");
                i128::from_str_radix(&digits, integer.radix()).map_err(|_| format!("{integer} is out of range"))?
            }
            Value::Toml(other) => return Err(unexpected("a whole number", other)),
        };
        let within = u64::try_from(number).ok().filter(|number| bounds.contains(number));
        within.ok_or_else(|| format!("{number} is not within {}..={}", bounds.start(), bounds.end()))
    }

    /// A number of seconds, with a fraction if need be, within `bounds`.
    pub(crate) fn seconds(self, bounds: Bounds) -> Result<Duration, String> {
        let seconds = match self {
            Value::Text(text) => text.parse::<f64>().map_err(|_| format!("{text:?} is not a number of seconds"))?,
            Value::Toml(DeValue::Float(float)) => {
                float.as_str().replace('_', "").parse().map_err(|_| "it is not a number of seconds".to_owned())?
            }
            Value::Toml(DeValue::Integer(_)) => return self.number(bounds).map(Duration::from_secs),
            Value::Toml(other) => return Err(unexpected("a number of seconds", other)),
        };
        let (least, most) = (Duration::from_secs(*bounds.start()), Duration::from_secs(*bounds.end()));
        let within = Duration::try_from_secs_f64(seconds).ok().filter(|given| (least..=most).contains(given));
        within.ok_or_else(|| format!("{seconds} is not within {}..={} seconds", bounds.start(), bounds.end()))
    }

    /// A list of strings; in a text separated by commas.
    pub(crate) fn list(self) -> Result<Vec<String>, String> {
        match self {
            Value::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
            Value::Text(text) => Ok(text.split(',').map(|entry| entry.trim().to_owned()).collect()),
            Value::Toml(DeValue::Array(entries)) => {
                entries.iter().map(|entry| Value::Toml(entry.get_ref()).text()).collect()
            }
            Value::Toml(other) => Err(unexpected("a list of strings", other)),
        }
    }
}

fn unexpected(expected: &str, given: &DeValue<'_>) -> String {
    format!("it takes {expected}, not a value of type {}", given.type_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml<T>(text: &str, read: impl FnOnce(Value<'_>) -> T) -> T {
        let value = DeValue::parse(text).expect(text);
        read(Value::Toml(value.get_ref()))
    }

    #[test]
    fn numbers_keep_to_their_bounds_in_both_spellings() {
        for (text, expected) in [("5", Some(5)), ("1_000", Some(1000)), ("0x10", Some(16)), ("+7", Some(7))] {
            assert_eq!(toml(text, |value| value.number(1..=1000)).ok(), expected, "{text}");
        }
        for text in ["0", "1001", "-1", "99999999999999999999999", "1.0", "\"5\"", "true"] {
            assert!(toml(text, |value| value.number(1..=1000)).is_err(), "{text}");
        }
        assert_eq!(Value::Text("5").number(1..=1000), Ok(5));
        for text in ["", "0", "5s", "1001", " 5", "0x10"] {
            assert!(Value::Text(text).number(1..=1000).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        let half = Duration::from_millis(500);
        assert_eq!(toml("0.5", |value| value.seconds(0..=10)), Ok(half));
        assert_eq!(Value::Text("0.5").seconds(0..=10), Ok(half));
        assert_eq!(toml("3", |value| value.seconds(0..=10)), Ok(Duration::from_secs(3)));
        for text in ["nan", "inf", "-0.5", "10.5", "\"1\""] {
            assert!(toml(text, |value| value.seconds(0..=10)).is_err(), "{text}");
        }
        for text in ["NaN", "inf", "1e400", "1s", "-1"] {
            assert!(Value::Text(text).seconds(0..=10).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_are_arrays_in_files_and_separated_by_commas_elsewhere() {
        assert_eq!(Value::Text("a, b").list(), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(Value::Text("").list(), Ok(Vec::new()));
        assert_eq!(toml("[\"a,b\"]", |value| value.list()), Ok(vec!["a,b".to_owned()]));
        assert!(toml("\"a\"", |value| value.list()).is_err());
        assert!(toml("[1]", |value| value.list()).is_err());
    }

    #[test]
    fn flags_are_true_or_false() {
        assert_eq!((Value::Text("1").flag(), toml("false", |value| value.flag())), (Ok(true), Ok(false)));
        assert!(Value::Text("yes").flag().is_err() && toml("1", |value| value.flag()).is_err());
    }
}
