//! The index: each figure, what it is to reach, and what it did.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::list::{Goal, RUNS, TARGETS, Target};
use crate::Result;
use crate::report::{self, Cell, Spread};

/// Its name.
pub(super) const FILE: &str = "index.md";

/// Writes the index of the results that are in `directory`.
pub(super) fn write(directory: &Path, quick: bool) -> Result<()> {
    let result = |name: &str| {
        let text = fs::read_to_string(directory.join(format!("{name}.json"))).ok()?;
        serde_json::from_str(&text).ok()
    };
    let has_picture = |name: &str| directory.join(format!("{name}.svg")).exists();
    let mut text = format!("# Figures\n\n{}\n\n", report::machine());
    if quick {
        text += "**Short rounds: these figures show that everything runs, and not what it takes.**\n\n";
    }
    text += &targets(TARGETS, result);
    text += &runs(result, has_picture);
    Ok(fs::write(directory.join(FILE), text)?)
}

fn targets(targets: &[Target], result: impl Fn(&str) -> Option<Value>) -> String {
    let mut text = "| figure | target | reached | |\n| --- | --- | --- | --- |\n".to_owned();
    for Target { what, goal, run, figure } in targets {
        let found = result(run).map(|result| Found::of(&result, figure));
        let (reached, verdict) = match &found {
            None => ("not run".to_owned(), ""),
            Some(Found { cell: None, .. }) => ("no such figure".to_owned(), ""),
            Some(Found { is_clean: false, .. }) => {
                ("deliveries were lost, repeated or out of order".to_owned(), "**no**")
            }
            Some(Found { cell: Some(cell), unit, .. }) => {
                let space = if unit.is_empty() { "" } else { " " };
                (format!("{}{space}{unit}", cell.text()), goal.verdict(median(cell)))
            }
        };
        text += &format!("| {what} | {} | [{reached}]({run}.md) | {verdict} |\n", goal.text());
    }
    text
}

fn runs(result: impl Fn(&str) -> Option<Value>, has_picture: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for run in RUNS {
        let Some(result) = result(run.name) else { continue };
        let [command, settings] = ["command", "settings"].map(|field| result[field].as_str().unwrap_or_default());
        text += &format!("\n## [{name}]({name}.md)\n\n`{command}`: {settings}\n", name = run.name);
        if has_picture(run.name) {
            text += &format!("\n![{name}]({name}.svg)\n", name = run.name);
        }
    }
    text
}

/// A figure of a result.
struct Found {
    is_clean: bool,
    cell: Option<Cell>,
    unit: String,
}

impl Found {
    fn of(result: &Value, figure: &str) -> Self {
        let found = &result["figures"][figure];
        let rounds = found["rounds"].as_array().map(|rounds| rounds.iter().filter_map(Value::as_f64));
        let cell = match rounds {
            Some(rounds) => Some(Cell::from(Spread::of(rounds))),
            None => found["value"].as_f64().map(Cell::from),
        };
        let is_clean = result["clean"].as_bool().unwrap_or_default();
        Self { is_clean, cell, unit: found["unit"].as_str().unwrap_or_default().to_owned() }
    }
}

fn median(cell: &Cell) -> f64 {
    match cell {
        Cell::Spread(spread) => spread.median,
        Cell::Value(value) => *value,
        Cell::Text(_) | Cell::Count(_) => f64::NAN,
    }
}

impl Goal {
    fn text(self) -> String {
        match self {
            Self::AtLeast(value) => format!("≥ {value}"),
            Self::AtMost(value) => format!("≤ {value}"),
            Self::Known => "to be known".to_owned(),
        }
    }

    fn verdict(self, reached: f64) -> &'static str {
        let is_met = match self {
            Self::AtLeast(value) => reached >= value,
            Self::AtMost(value) => reached <= value,
            Self::Known => return "",
        };
        if is_met { "yes" } else { "**no**" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RATIO: Target = Target { what: "ratio", goal: Goal::AtLeast(0.95), run: "fanout", figure: "ratio" };

    fn row(target: Target, result: Option<Value>) -> String {
        let text = targets(&[target], |run| (run == "fanout").then(|| result.clone()).flatten());
        text.lines().last().expect("a row").to_owned()
    }

    #[test]
    fn a_figure_is_met_by_its_median() {
        let result =
            |rounds: [f64; 3]| Some(json!({"clean": true, "figures": {"ratio": {"rounds": rounds, "unit": ""}}}));
        let met = row(RATIO, result([0.9, 0.96, 1.0]));
        assert_eq!(met, "| ratio | ≥ 0.95 | [**0.96** (0.90 .. 1.00)](fanout.md) | yes |");
        assert!(row(RATIO, result([0.9, 0.94, 1.0])).ends_with("| **no** |"));
        let memory = json!({"clean": true, "figures": {"ratio": {"value": 41.0, "unit": "B"}}});
        let row = row(Target { goal: Goal::AtMost(64.0), ..RATIO }, Some(memory));
        assert_eq!(row, "| ratio | ≤ 64 | [41.0 B](fanout.md) | yes |");
    }

    #[test]
    fn what_was_not_run_or_lost_something_has_reached_nothing() {
        assert!(row(RATIO, None).contains("| [not run](fanout.md) |  |"));
        assert!(row(RATIO, Some(json!({"clean": true, "figures": {}}))).contains("no such figure"));
        let lost = json!({"clean": false, "figures": {"ratio": {"value": 2.0, "unit": ""}}});
        assert!(row(RATIO, Some(lost)).ends_with("| **no** |"));
    }

    #[test]
    fn each_run_that_has_a_result_is_told_with_its_command() {
        let result =
            |name: &str| (name == "latency").then(|| json!({"command": "latency --secs 4", "settings": "1000"}));
        let text = runs(result, |name| name == "latency");
        assert_eq!(text, "\n## [latency](latency.md)\n\n`latency --secs 4`: 1000\n\n![latency](latency.svg)\n");
    }
}
