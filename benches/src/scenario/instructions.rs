//! Instructions that small operations take, counted by callgrind: the same number on a busy machine as on a quiet one.
//!
//! Each operation is done in a process of its own, so many times in one function; what runs in that function is counted,
//! and nothing is subtracted. `--check` compares with the budget in `instructions.json`, which `--write` makes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use benches::micro::{Operation, Work, operations};
use clap::Args;

use super::progress;
use crate::Result;
use crate::report::Report;

/// Counts by an operation's name.
type Counts = BTreeMap<String, u64>;

/// What operations took when it was last looked at, in a release build.
const BUDGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// How much more an operation may take, in percent.
const TOLERANCE: u64 = 10;

/// How often an operation is done before it is counted: what grows once has grown.
const WARM_UP: u32 = 10;

#[derive(Clone, Debug, Args)]
pub(crate) struct InstructionsArgs {
    /// Only operations whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
    /// How often each is done
    #[arg(long, default_value_t = 100)]
    times: u32,
    /// Fails if one takes a tenth more than its budget; release builds only
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// Makes these counts the budget; release builds only
    #[arg(long, conflicts_with = "only")]
    write: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct OperationArgs {
    /// Its whole name
    name: String,
    #[arg(long, default_value_t = 100)]
    times: u32,
}

/// Role `operation`: what is run under callgrind.
pub(crate) fn operation(args: &OperationArgs) -> Result<()> {
    let known = operations().find(|operation| operation.name == args.name);
    let mut work = (known.ok_or("there is no such operation")?.prepare)();
    (0..WARM_UP).for_each(|_| work());
    counted_from_here(&mut work, args.times);
    Ok(())
}

/// Its name tells callgrind where to begin and to end, so nothing inside may have a name that begins with it.
#[inline(never)]
fn counted_from_here(work: &mut Work, times: u32) {
    for _ in 0..times {
        work();
    }
}

/// Scenario `instructions`.
pub(crate) fn instructions(args: &InstructionsArgs) -> Result<()> {
    if (args.check || args.write) && cfg!(debug_assertions) {
        return Err("the budget is of release builds: cargo run --release -p benches -- instructions".into());
    }
    let wanted: Vec<&Operation> = operations().filter(|operation| operation.name.contains(&args.only)).collect();
    let mut counts = Counts::new();
    for (at, operation) in wanted.iter().enumerate() {
        progress(&format!("{} of {}: {}", at + 1, wanted.len(), operation.name));
        counts.insert(operation.name.to_owned(), count(operation.name, args.times)?);
    }
    print(&counts, args.times)?;
    if args.write {
        std::fs::write(BUDGET, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    if args.check { check(&counts, &budget(&args.only)?) } else { Ok(()) }
}

/// Instructions of an operation.
fn count(name: &str, times: u32) -> Result<u64> {
    let out = tempfile::NamedTempFile::new()?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--quiet", "--toggle-collect=*counted_from_here*"])
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(std::env::current_exe()?)
        .args(["operation", name, &format!("--times={times}")])
        .stdin(Stdio::null());
    let told = valgrind.output().map_err(|error| format!("valgrind, which has callgrind: {error}"))?;
    if !told.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&told.stderr)).into());
    }
    let total = total(&std::fs::read_to_string(out.path())?).filter(|total| *total > 0);
    Ok(total.ok_or("callgrind counted nothing")? / u64::from(times))
}

/// Source: "Callgrind Format Specification", line `totals`: the sum of all that was collected.
fn total(out: &str) -> Option<u64> {
    out.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

fn print(counts: &Counts, times: u32) -> Result<()> {
    let settings = format!("each operation {times} times, counted by callgrind");
    let mut report = Report::without_server("instructions", settings);
    for (name, count) in counts {
        report.value(name, *count as f64, "");
    }
    report.print(&[])
}

fn budget(only: &str) -> Result<Counts> {
    let text = std::fs::read_to_string(Path::new(BUDGET))?;
    let mut budget: Counts = serde_json::from_str(&text)?;
    budget.retain(|name, _| name.contains(only));
    Ok(budget)
}

/// Fails where an operation takes more than it may, or where counts and budget are not of the same ones.
fn check(counts: &Counts, budget: &Counts) -> Result<()> {
    let wrong = wrong(counts, budget);
    for line in &wrong {
        eprintln!("{line}");
    }
    match wrong.len() {
        0 => Ok(()),
        many => Err(format!("{many} of {} operations are not within their budget", counts.len()).into()),
    }
}

fn wrong(counts: &Counts, budget: &Counts) -> Vec<String> {
    let gone = budget.keys().filter(|name| !counts.contains_key(*name)).map(|name| format!("{name}: is no more"));
    let over = counts.iter().filter_map(|(name, count)| match budget.get(name) {
        None => Some(format!("{name}: has no budget")),
        Some(most) if count * 100 > most * (100 + TOLERANCE) => Some(format!("{name}: {count} instead of {most}")),
        Some(_) => None,
    });
    gone.chain(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_grew_by_more_than_a_tenth_is_named_and_so_is_what_has_no_budget() {
        let budget = counts(&[("a", 100), ("b", 100), ("c", 100), ("d", 100)]);
        let now = counts(&[("a", 110), ("b", 111), ("c", 1), ("e", 5)]);
        assert_eq!(wrong(&now, &budget), ["d: is no more", "b: 111 instead of 100", "e: has no budget"]);
        assert!(check(&budget, &budget).is_ok() && check(&now, &budget).is_err());
    }

    #[test]
    fn the_sum_of_what_was_collected_is_the_line_of_totals() {
        let out = "version: 1\nevents: Ir\n\nfn=(1) f\n0 12\n\ntotals: 4711\n";
        assert_eq!(total(out), Some(4711));
        assert_eq!(total("version: 1\n"), None);
    }

    #[test]
    fn the_budget_names_no_operation_that_is_no_more() {
        let known: Vec<_> = operations().map(|operation| operation.name).collect();
        let mut stale = budget("").expect("it is in the repository");
        stale.retain(|name, _| !known.contains(&name.as_str()));
        assert_eq!(stale, Counts::new(), "make it anew: instructions --write");
    }

    #[test]
    fn an_operation_that_nobody_knows_is_refused() {
        let args = |name: &str| OperationArgs { name: name.to_owned(), times: 1 };
        assert!(operation(&args("cursor/format")).is_ok());
        assert!(operation(&args("cursor/none")).is_err());
    }
}
