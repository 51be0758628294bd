//! What is measured: one function for each scenario.

mod duels;
mod memory;
mod quiet;
mod slow;

pub(crate) use duels::{burst, connect, fanout, poll};
pub(crate) use memory::{churn, idle};
pub(crate) use quiet::quiet;
pub(crate) use slow::slow;

/// Tells how far a scenario is.
fn progress(text: &str) {
    eprintln!("{text}");
}
