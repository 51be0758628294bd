//! What is measured: one function for each scenario.

mod all;
mod burst;
mod capacity;
mod chat;
mod duel;
mod duels;
mod fanout;
mod idle;
mod instructions;
mod latency;
mod memory;
mod nodes;
mod pattern;
mod peers;
mod ping;
mod publish;
mod quiet;
mod slow;
mod soak;
mod storm;
mod wake;

pub(crate) use all::{AllArgs, all};
pub(crate) use burst::{BurstArgs, burst};
pub(crate) use chat::{ChatArgs, chat};
pub(crate) use duels::{ConnectArgs, PollArgs, connect, poll};
pub(crate) use fanout::{FanoutArgs, fanout};
pub(crate) use idle::{IdleArgs, idle};
pub(crate) use instructions::{InstructionsArgs, OperationArgs, instructions, operation};
pub(crate) use latency::{LatencyArgs, latency};
pub(crate) use memory::churn;
pub(crate) use nodes::{NodesArgs, nodes};
pub(crate) use pattern::{PatternArgs, pattern};
pub(crate) use peers::{PeersArgs, peers};
pub(crate) use ping::ping;
pub(crate) use publish::{PublishArgs, publish};
pub(crate) use quiet::quiet;
pub(crate) use slow::{SlowArgs, slow};
pub(crate) use soak::{SoakArgs, soak};
pub(crate) use storm::{StormArgs, storm};
pub(crate) use wake::wake;

use tempfile::TempDir;

use crate::Result;
use crate::args::ServerArgs;
use crate::kind::Kind;
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

/// As many of each kind as of the others, `count` in all.
fn spread_over(kinds: &[Kind], count: usize) -> Vec<(Kind, usize)> {
    let of = |at: usize| count / kinds.len() + usize::from(at < count % kinds.len());
    kinds.iter().enumerate().map(|(at, kind)| (*kind, of(at))).collect()
}

/// Tells how far a scenario is.
fn progress(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_mixed_evenly_and_none_is_lost() {
        let kinds = [Kind::Ws, Kind::Sse, Kind::Poll];
        assert_eq!(spread_over(&kinds, 8), [(Kind::Ws, 3), (Kind::Sse, 3), (Kind::Poll, 2)]);
        assert_eq!(spread_over(&kinds, 1), [(Kind::Ws, 1), (Kind::Sse, 0), (Kind::Poll, 0)]);
    }
}
