//! Figures: of one measurement or of several rounds, and how they are written.

use serde_json::{Value, json};

/// A figure over all rounds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
    /// Each round's value, in their order.
    pub(crate) rounds: Vec<f64>,
}

impl Spread {
    /// Of at least one value; of none, all are not a number.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let rounds: Vec<f64> = values.into_iter().collect();
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        Self { min: end(sorted.first()), median, max: end(sorted.last()), rounds }
    }

    /// Each round's value made into another one.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self::of(self.rounds.iter().map(|value| change(*value)))
    }
}

/// A figure, or what stands in a table beside figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Count(usize),
    Value(f64),
    Spread(Spread),
}

impl Cell {
    /// For people: the median in bold, the spread behind it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Value(value) => round(*value),
            Self::Spread(Spread { min, median, max, rounds }) if rounds.len() > 1 => {
                format!("**{}** ({} .. {})", round(*median), round(*min), round(*max))
            }
            Self::Spread(Spread { median, .. }) => format!("**{}**", round(*median)),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Count(count) => json!(count),
            Self::Value(value) => json!({"value": value}),
            Self::Spread(Spread { min, median, max, rounds }) => {
                json!({"median": median, "min": min, "max": max, "rounds": rounds})
            }
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

impl From<Spread> for Cell {
    fn from(spread: Spread) -> Self {
        Self::Spread(spread)
    }
}

/// Three significant digits, or a whole number.
pub(crate) fn round(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        small if small >= 0.1 => format!("{value:.2}"),
        tiny if tiny > 0.0 => format!("{value:.4}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        let Spread { min, median, max, rounds } = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((min, median, max, rounds), (1.0, 2.0, 3.0, vec![3.0, 1.0, 2.0]));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn a_spread_that_is_turned_over_has_its_ends_in_order() {
        let Spread { min, max, rounds, .. } = Spread::of([1.0, 2.0, 4.0]).map(|value| 1.0 / value);
        assert_eq!((min, max, rounds), (0.25, 1.0, vec![1.0, 0.5, 0.25]));
    }

    #[test]
    fn figures_have_three_digits() {
        let rounded = [1234.5, 99.94, 3.456, 0.951, 0.01234, 0.0].map(round);
        assert_eq!(rounded, ["1234", "99.9", "3.46", "0.95", "0.0123", "0"]);
    }

    #[test]
    fn a_cell_is_written_for_people_and_for_programs() {
        let spread = Cell::from(Spread::of([0.5, 0.25, 1.0]));
        assert_eq!(spread.text(), "**0.50** (0.25 .. 1.00)");
        assert_eq!(spread.json(), json!({"median": 0.5, "min": 0.25, "max": 1.0, "rounds": [0.5, 0.25, 1.0]}));
        assert_eq!(Cell::from(Spread::of([2.0])).text(), "**2.00**");
        assert_eq!((Cell::from("ws").json(), Cell::from(2.0).json()), (json!("ws"), json!({"value": 2.0})));
    }
}
