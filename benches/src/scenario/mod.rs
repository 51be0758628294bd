//! What is measured: one function for each scenario.

mod duels;
mod memory;
mod parked;
mod peers;
mod ping;
mod quiet;
mod slow;
mod wake;

pub(crate) use duels::{burst, connect, fanout, poll};
pub(crate) use memory::{churn, idle};
pub(crate) use peers::{PeersArgs, peers};
pub(crate) use ping::ping;
pub(crate) use quiet::quiet;
pub(crate) use slow::slow;
pub(crate) use wake::wake;

use tempfile::TempDir;

use crate::Result;
use crate::args::ServerArgs;
use crate::lane::Lane;

/// A server with at least one mailbox, whose mail lies in a directory that goes with the value; payloads do not matter to it.
fn with_mail(server: &ServerArgs) -> Result<(TempDir, ServerArgs, Lane)> {
    const SIZE: usize = 100;
    let mut server = server.clone();
    server.mail.mailboxes = server.mail.mailboxes.max(1);
    let dir = tempfile::tempdir()?;
    server.mail.mail_dir = Some(dir.path().to_owned());
    let lane = Lane::push(&server, SIZE)?;
    Ok((dir, server, lane))
}

/// Tells how far a scenario is.
fn progress(text: &str) {
    eprintln!("{text}");
}
