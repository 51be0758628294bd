//! Results as files: `NAME.json`, `NAME.md`, and `NAME.svg` where there is a picture.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use super::Report;
use super::machine::Machine;
use crate::Result;

/// Where files go.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// Directory into which results are written as NAME.json, NAME.md and NAME.svg
    #[arg(long, global = true)]
    pub(crate) out: Option<PathBuf>,
    /// NAME of those files; the scenario's unless given
    #[arg(long, global = true, requires = "out")]
    pub(crate) name: Option<String>,
}

/// The one of this process: scenarios make reports, and need not know where they go.
static PLACE: OnceLock<Place> = OnceLock::new();

/// Lets reports of this process be written there.
pub(crate) fn into(place: &Place) {
    PLACE.get_or_init(|| place.clone());
}

/// Where results of this process are written, if they are.
pub(crate) fn directory() -> Option<&'static Path> {
    PLACE.get()?.out.as_deref()
}

pub(super) fn place() -> Option<&'static Place> {
    PLACE.get()
}

/// The command line that this process was started with, but for where its results go.
pub(super) fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" | "--name" => drop(arguments.next()),
            place if place.starts_with("--out=") || place.starts_with("--name=") => {}
            _ => told.push(argument),
        }
    }
    told.join(" ")
}

impl Place {
    pub(super) fn write(&self, report: &Report, machine: &Machine, json: &Value) -> Result<()> {
        let Some(dir) = &self.out else { return Ok(()) };
        let name = self.name.as_deref().unwrap_or(&report.scenario);
        fs::create_dir_all(dir)?;
        let mut markdown = report.markdown();
        markdown += &format!("\n`{}`; {}\n", report.command, machine.text());
        for plot in &report.plots {
            let file = match plot.name() {
                "" => format!("{name}.svg"),
                part => format!("{name}-{part}.svg"),
            };
            fs::write(dir.join(&file), plot.svg()?)?;
            markdown += &format!("\n![{}]({file})\n", plot.title());
        }
        fs::write(dir.join(format!("{name}.md")), markdown)?;
        fs::write(dir.join(format!("{name}.json")), serde_json::to_string_pretty(json)? + "\n")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plot::{Bar, Bars};
    use super::*;
    use crate::args::{Cli, Role};
    use clap::Parser as _;

    #[test]
    fn a_command_is_told_without_where_its_results_go() {
        let line = "fanout --out there --size 100 --name=x --rounds 2 --out=here --name y";
        assert_eq!(command(line.split(' ').map(str::to_owned)), "fanout --size 100 --rounds 2");
    }

    #[test]
    fn each_result_is_a_file_of_the_name_that_was_asked_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let out = dir.path().join("new").display().to_string();
        let cli = Cli::parse_from(["benches", "server", "--out", &out, "--name", "first"]);
        let Role::Server(server) = cli.role else { panic!("the role of a server") };
        let mut report = Report::new("fanout", "none", &server);
        let group = ("ws".to_owned(), vec![Bar::from(1.0)]);
        let bars = Bars { title: "ratios".to_owned(), groups: vec![group], ..Bars::default() };
        report.plot(Bars { name: "again".to_owned(), ..bars.clone() });
        report.plot(bars);
        let machine = Machine::read();
        cli.place.write(&report, &machine, &report.json(&machine, true)).expect("written");
        let mut names: Vec<_> = fs::read_dir(&out).expect("there").flatten().map(|file| file.file_name()).collect();
        names.sort();
        assert_eq!(names, ["first-again.svg", "first.json", "first.md", "first.svg"]);
        let markdown = fs::read_to_string(format!("{out}/first.md")).expect("there");
        assert!(markdown.contains("![ratios](first-again.svg)\n\n![ratios](first.svg)\n"), "{markdown}");
    }
}
