//! Figures as a table and as a line of JSON.

use serde_json::{Map, Value, json};

use crate::Result;
use crate::args::ServerArgs;
use crate::client::tally::{Account, Latency};

/// A figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => f64::NAN,
            len if len % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        Self { min: end(values.first()), median, max: end(values.last()) }
    }
}

/// Rows of names and figures.
#[derive(Debug)]
pub(crate) struct Report {
    title: String,
    rows: Vec<(String, String)>,
    json: Map<String, Value>,
}

impl Report {
    pub(crate) fn new(scenario: &str, settings: &str, server: &ServerArgs) -> Self {
        let tls = if server.tls { ", over TLS" } else { "" };
        let settings = format!("{settings}{tls}; server: {} threads, {} lots", server.threads, server.lots());
        let json = Map::from_iter([("scenario".to_owned(), json!(scenario)), ("settings".to_owned(), json!(settings))]);
        Self { title: format!("{scenario}: {settings}"), rows: Vec::new(), json }
    }

    /// A figure of one measurement.
    pub(crate) fn value(&mut self, name: &str, value: f64, unit: &str) {
        self.rows.push((name.to_owned(), with_unit(&round(value), unit)));
        self.json.insert(name.to_owned(), json!(value));
    }

    /// A figure of several rounds.
    pub(crate) fn spread(&mut self, name: &str, spread: Spread, unit: &str) {
        let Spread { min, median, max } = spread;
        let text = format!("**{}** ({} .. {})", round(median), round(min), round(max));
        self.rows.push((name.to_owned(), with_unit(&text, unit)));
        self.json.insert(name.to_owned(), json!({"median": median, "min": min, "max": max}));
    }

    /// Latencies of several rounds.
    pub(crate) fn latencies(&mut self, what: &str, rounds: &[Latency]) {
        for (name, figure) in [("p50", (|l| l.p50) as fn(&Latency) -> u64), ("p99", |l| l.p99), ("max", |l| l.max)] {
            let spread = Spread::of(rounds.iter().map(|round| figure(round) as f64 / 1e6));
            self.spread(&format!("{name}, {what}"), spread, "ms");
        }
    }

    /// Whether all deliveries of `who` came, once and in order.
    pub(crate) fn account(&mut self, who: &str, account: &Account) {
        let Account { deliveries, missing, told_missing, repeated, reordered, malformed, closed, refused } = account;
        let verdict = match (account.is_clean(), missing) {
            (true, 0) => "all there, once, in order",
            (true, _) => "each loss told, the rest once and in order",
            (false, _) => "**NOT AS IT SHOULD BE**",
        };
        let text = format!(
            "{deliveries}: {verdict}; missing {missing} (told {told_missing}), repeated {repeated}, reordered {reordered}, \
             malformed {malformed}, closed {closed}, refused {refused}"
        );
        let name = format!("deliveries checked, {who}");
        self.json.insert(name.clone(), json!(account));
        self.rows.push((name, text));
    }

    /// Prints the table and the line; fails where an account that was reported is not clean.
    pub(crate) fn print(self, accounts: &[Account]) -> Result<()> {
        println!("\n### {}\n\n| figure | value |\n| --- | --- |", self.title);
        for (name, value) in &self.rows {
            println!("| {name} | {value} |");
        }
        println!("\n{}", Value::Object(self.json));
        if accounts.iter().all(Account::is_clean) {
            return Ok(());
        }
        Err("deliveries were lost, repeated or out of order".into())
    }
}

fn with_unit(text: &str, unit: &str) -> String {
    if unit.is_empty() { text.to_owned() } else { format!("{text} {unit}") }
}

/// Three significant digits, or a whole number.
fn round(value: f64) -> String {
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
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }

    #[test]
    fn figures_have_three_digits() {
        let rounded = [1234.5, 99.94, 3.456, 0.951, 0.01234, 0.0].map(round);
        assert_eq!(rounded, ["1234", "99.9", "3.46", "0.95", "0.0123", "0"]);
    }
}
