//! What is measured: one function for each scenario.

mod duels;
mod memory;
mod parked;
mod ping;
mod quiet;
mod slow;
mod wake;

pub(crate) use duels::{burst, connect, fanout, poll};
pub(crate) use memory::{churn, idle};
pub(crate) use ping::ping;
pub(crate) use quiet::quiet;
pub(crate) use slow::slow;
pub(crate) use wake::wake;

/// Tells how far a scenario is.
fn progress(text: &str) {
    eprintln!("{text}");
}
