//! Every scenario, one after another, each as a process of its own; then the index of what they found.

mod index;
mod list;

use std::path::Path;
use std::process::Command;

use clap::Args;

use self::list::{RUNS, Run};
use super::progress;
use crate::{Result, report};

/// Where results go unless `--out` is given.
const DIRECTORY: &str = "bench-results";

#[derive(Clone, Debug, Args)]
pub(crate) struct AllArgs {
    /// Few and short rounds, and less of everything: to see that it runs, not what it takes
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these runs, with commas between them; the index is made again from all results that are there
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// All but these runs
    #[arg(long, value_delimiter = ',', conflicts_with = "only")]
    pub(crate) except: Vec<String>,
    /// Tells the runs and their commands, and runs none
    #[arg(long)]
    pub(crate) list: bool,
}

impl AllArgs {
    /// What was asked for.
    fn runs(&self) -> Result<Vec<&'static Run>> {
        let Self { only, except, .. } = self;
        let is_in = |names: &[String], run: &Run| names.iter().any(|name| name == run.name);
        let named = only.iter().chain(except);
        if let Some(unknown) = named.into_iter().find(|name| RUNS.iter().all(|run| run.name != name.as_str())) {
            return Err(format!("no run is called {unknown}: see --list").into());
        }
        let wanted = RUNS.iter().filter(|run| (only.is_empty() || is_in(only, run)) && !is_in(except, run));
        Ok(wanted.collect())
    }
}

/// Scenario `all`.
pub(crate) fn all(args: &AllArgs) -> Result<()> {
    let AllArgs { quick, list, .. } = args;
    let runs = args.runs()?;
    if *list {
        runs.iter().for_each(|run| println!("{:16} {}", run.name, run.line(*quick)));
        return Ok(());
    }
    let directory = report::directory().unwrap_or(Path::new(DIRECTORY));
    std::fs::create_dir_all(directory)?;
    let mut failed = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        progress(&format!("\n--- {} of {}: {}: {}", number + 1, runs.len(), run.name, run.line(*quick)));
        if let Err(error) = start(run, *quick, directory) {
            progress(&format!("{}: {error}", run.name));
            failed.push(run.name);
        }
        // After each: whoever stops it has what was found so far.
        index::write(directory, *quick)?;
    }
    progress(&format!("\n{}", directory.join(index::FILE).display()));
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

fn start(run: &Run, quick: bool, directory: &Path) -> Result<()> {
    let result = directory.join(format!("{}.json", run.name));
    // What an earlier run has found is not to stand for one that fails.
    match std::fs::remove_file(&result) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let line = run.line(quick);
    let mut program = Command::new(std::env::current_exe()?);
    program.args(line.split_ascii_whitespace()).arg("--out").arg(directory).args(["--name", run.name]);
    let status = program.status()?;
    if status.success() { Ok(()) } else { Err(format!("ended with {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str], except: &[&str]) -> Result<Vec<&'static str>> {
        let [only, except] = [only, except].map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let args = AllArgs { quick: true, only, except, list: false };
        Ok(args.runs()?.into_iter().map(|run| run.name).collect())
    }

    #[test]
    fn runs_are_chosen_by_name() {
        let all = names(&[], &[]).expect("known");
        assert_eq!(names(&["latency", "fanout"], &[]).expect("known"), ["fanout", "latency"]);
        let rest = names(&[], &["latency"]).expect("known");
        assert!(rest.len() + 1 == all.len() && !rest.contains(&"latency"));
        assert!(names(&["nothing"], &[]).is_err() && names(&[], &["nothing"]).is_err());
    }
}
