//! Runs the program and judges what it told.

use std::process::{Command, Output};

use serde_json::{Map, Value};

/// Runs the program with the words of `line`.
pub(crate) fn program(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_benches")).args(line.split_whitespace()).output().expect("it starts")
}

/// Runs a scenario with the words of `line`, and looks at what it tells.
///
/// # Panics
///
/// If it fails, tells no figures, or tells of a delivery that was not as it should be.
pub(crate) fn runs(line: &str) {
    let told = program(line);
    let [out, err] = [&told.stdout, &told.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(told.status.success(), "{line}: {}\n{out}\n{err}", told.status);
    let figures = figures(&out).unwrap_or_else(|| panic!("{line}: no line of JSON\n{out}"));
    assert_eq!(figures["scenario"].as_str(), line.split_whitespace().next(), "{line}\n{out}");
    assert_eq!(figures["clean"], true, "{line}\n{out}");
    let is_empty = |part: &str| figures[part].as_object().is_none_or(Map::is_empty);
    assert!(!is_empty("figures") || !is_empty("tables"), "{line}: no figures\n{out}");
    for (who, account) in figures["accounts"].as_object().into_iter().flatten() {
        is_clean(account).unwrap_or_else(|fault| panic!("{line}: {who}: {fault}\n{out}"));
    }
}

/// The line of JSON behind the table.
fn figures(out: &str) -> Option<Value> {
    out.lines().rev().find(|line| line.starts_with('{')).and_then(|line| serde_json::from_str(line).ok())
}

/// Something was delivered, all of it once and in order, and what was lost was told.
fn is_clean(account: &Value) -> Result<(), String> {
    let count = |name: &str| account[name].as_u64().ok_or(format!("no count of {name}: {account}"));
    if count("missing")? > count("told_missing")? {
        return Err(format!("lost without a word: {account}"));
    }
    for fault in ["repeated", "reordered", "malformed", "closed", "refused"] {
        if count(fault)? != 0 {
            return Err(format!("{fault}: {account}"));
        }
    }
    match count("deliveries")? {
        0 => Err("nothing was delivered".to_owned()),
        _ => Ok(()),
    }
}

#[test]
fn an_account_with_a_fault_or_without_deliveries_is_not_clean() {
    let account = |deliveries: u64, missing: u64| {
        serde_json::json!({"deliveries": deliveries, "missing": missing, "told_missing": 0, "repeated": 0,
            "reordered": 0, "malformed": 0, "closed": 0, "refused": 0})
    };
    assert!(is_clean(&account(7, 0)).is_ok());
    assert!(is_clean(&account(7, 1)).is_err());
    assert!(is_clean(&account(0, 0)).is_err());
    assert!(is_clean(&Value::Null).is_err());
}

#[test]
fn figures_are_the_last_line_of_json() {
    let out = "{not json\n\n### fanout: ws\n| figure | value |\n\n{\"scenario\":\"fanout\"}\n";
    assert_eq!(figures(out).expect("there is one")["scenario"], "fanout");
    assert!(figures("| figure | value |\n").is_none());
}
