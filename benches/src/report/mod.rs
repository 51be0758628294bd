//! Results: a table and a line of JSON on standard output, and files where they are asked for.
//!
//! In reading order: [`Report`], `figure` (numbers and how they are written), `plot` (pictures), `files` and `machine`.

mod figure;
mod files;
mod machine;
pub(crate) mod plot;

use serde_json::{Map, Value, json};

pub(crate) use self::figure::{Cell, Spread};
pub(crate) use self::files::{Place, directory, into};
use self::machine::Machine;
use self::plot::Plot;
use crate::Result;
use crate::args::ServerArgs;
use crate::client::tally::{Account, Latency};

/// What a scenario has found out: figures, tables and pictures.
#[derive(Debug)]
pub(crate) struct Report {
    scenario: String,
    settings: String,
    /// What was typed to have it.
    command: String,
    rows: Vec<(String, String)>,
    figures: Map<String, Value>,
    accounts: Map<String, Value>,
    tables: Vec<Table>,
    plots: Vec<Plot>,
}

#[derive(Debug)]
struct Table {
    name: String,
    headers: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Report {
    pub(crate) fn new(scenario: &str, settings: &str, server: &ServerArgs) -> Self {
        let tls = if server.tls { ", over TLS" } else { "" };
        let settings = format!("{settings}{tls}; server: {} threads, {} lots", server.threads, server.lots());
        Self::without_server(scenario, settings)
    }

    /// Of what is measured in this program itself.
    pub(crate) fn without_server(scenario: &str, settings: String) -> Self {
        Self {
            scenario: scenario.to_owned(),
            settings,
            command: files::command(std::env::args().skip(1)),
            rows: Vec::new(),
            figures: Map::new(),
            accounts: Map::new(),
            tables: Vec::new(),
            plots: Vec::new(),
        }
    }

    /// A figure of one measurement.
    pub(crate) fn value(&mut self, name: &str, value: f64, unit: &str) {
        self.figure(name, Cell::Value(value), unit);
    }

    /// A figure of several rounds.
    pub(crate) fn spread(&mut self, name: &str, spread: Spread, unit: &str) {
        self.figure(name, Cell::Spread(spread), unit);
    }

    fn figure(&mut self, name: &str, figure: Cell, unit: &str) {
        self.rows.push((name.to_owned(), with_unit(&figure.text(), unit)));
        self.keep(name, figure, unit);
    }

    /// A figure that stands in a table and is to be found under a name of its own as well: only in JSON.
    pub(crate) fn keep(&mut self, name: &str, figure: impl Into<Cell>, unit: &str) {
        let mut json = figure.into().json();
        if let Value::Object(fields) = &mut json {
            fields.insert("unit".to_owned(), json!(unit));
        }
        self.figures.insert(name.to_owned(), json);
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
        self.accounts.insert(who.to_owned(), json!(account));
        self.rows.push((format!("deliveries checked, {who}"), text));
    }

    /// A table of its own, behind the figures: a row for each setting or server that was tried.
    pub(crate) fn table(&mut self, name: &str, headers: &[&str], rows: Vec<Vec<Cell>>) {
        let headers = headers.iter().map(|header| (*header).to_owned()).collect();
        self.tables.push(Table { name: name.to_owned(), headers, rows });
    }

    /// A picture, drawn only where results go into files.
    pub(crate) fn plot(&mut self, plot: impl Into<Plot>) {
        self.plots.push(plot.into());
    }

    /// Prints tables and the line, writes files; fails where an account that was reported is not clean.
    pub(crate) fn print(self, accounts: &[Account]) -> Result<()> {
        let is_clean = accounts.iter().all(Account::is_clean);
        let machine = Machine::read();
        let json = self.json(&machine, is_clean);
        println!("\n{}\n{json}", self.markdown());
        if let Some(place) = files::place() {
            place.write(&self, &machine, &json)?;
        }
        if is_clean { Ok(()) } else { Err("deliveries were lost, repeated or out of order".into()) }
    }

    fn markdown(&self) -> String {
        let mut text = format!("### {}: {}\n", self.scenario, self.settings);
        if !self.rows.is_empty() {
            text += "\n| figure | value |\n| --- | --- |\n";
            text.extend(self.rows.iter().map(|(name, value)| format!("| {name} | {value} |\n")));
        }
        self.tables.iter().for_each(|table| text += &table.markdown());
        text
    }

    fn json(&self, machine: &Machine, is_clean: bool) -> Value {
        let tables: Map<String, Value> = self.tables.iter().map(|table| (table.name.clone(), table.json())).collect();
        json!({
            "scenario": self.scenario,
            "settings": self.settings,
            "command": self.command,
            "machine": machine,
            "clean": is_clean,
            "figures": self.figures,
            "accounts": self.accounts,
            "tables": tables,
        })
    }
}

impl Table {
    fn markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        let mut text = format!("\n**{}**\n\n", self.name);
        text += &line(&mut self.headers.iter().cloned());
        text += &line(&mut self.headers.iter().map(|_| "---".to_owned()));
        self.rows.iter().for_each(|row| text += &line(&mut row.iter().map(Cell::text)));
        text
    }

    fn json(&self) -> Value {
        let row = |cells: &Vec<Cell>| -> Map<String, Value> {
            self.headers.iter().cloned().zip(cells.iter().map(Cell::json)).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

/// What this machine is, in a line.
pub(crate) fn machine() -> String {
    Machine::read().text()
}

fn with_unit(text: &str, unit: &str) -> String {
    if unit.is_empty() { text.to_owned() } else { format!("{text} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Role};
    use clap::Parser as _;

    fn report() -> Report {
        let Role::Server(server) = Cli::parse_from(["benches", "server"]).role else { panic!("the role of a server") };
        let mut report = Report::new("fanout", "3 subscribers", &server);
        report.spread("ratio", Spread::of([0.5, 1.0, 0.75]), "");
        report.value("memory", 64.0, "B");
        report.account("push", &Account { deliveries: 7, ..Account::default() });
        let row = vec![Cell::from("ws"), Cell::from(3), Cell::from(1.5)];
        report.table("cells", &["transport", "subscribers", "us"], vec![row]);
        report
    }

    #[test]
    fn figures_come_first_and_tables_behind_them() {
        let text = report().markdown();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "### fanout: 3 subscribers; server: 1 threads, 1 lots");
        assert_eq!(lines[4..6], ["| ratio | **0.75** (0.50 .. 1.00) |", "| memory | 64.0 B |"]);
        let account = "missing 0 (told 0), repeated 0, reordered 0, malformed 0, closed 0, refused 0";
        assert_eq!(lines[6], format!("| deliveries checked, push | 7: all there, once, in order; {account} |"));
        let table = ["**cells**", "", "| transport | subscribers | us |", "| --- | --- | --- |", "| ws | 3 | 1.50 |"];
        assert_eq!(lines[8..], table);
    }

    #[test]
    fn programs_find_every_round_the_unit_and_the_accounts() {
        let json = report().json(&Machine::read(), true);
        assert_eq!(json["figures"]["ratio"]["rounds"], json!([0.5, 1.0, 0.75]));
        assert_eq!(json["figures"]["memory"], json!({"value": 64.0, "unit": "B"}));
        assert_eq!(json["accounts"]["push"]["deliveries"], json!(7));
        assert_eq!(json["tables"]["cells"][0], json!({"transport": "ws", "subscribers": 3, "us": {"value": 1.5}}));
    }

    #[test]
    fn a_figure_that_is_kept_stands_in_no_table() {
        let mut report = report();
        let before = report.markdown();
        report.keep("hidden", Spread::of([2.0]), "us");
        assert_eq!(report.markdown(), before);
        assert_eq!(report.json(&Machine::read(), true)["figures"]["hidden"]["median"], json!(2.0));
    }
}
