//! Scenarios that are one duel: long polls, and new connections.

use clap::Args;

use super::duel::{Duel, slice_ms};
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::Command;
use crate::kind::Kind;
use crate::report::Report;

#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectArgs {
    #[arg(long, default_value = "ws")]
    pub(crate) transport: Kind,
    /// Take the limit for both sides
    #[arg(long)]
    pub(crate) control: bool,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PollArgs {
    #[arg(long, default_value_t = 1000)]
    pub(crate) pollers: usize,
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Scenario `poll`.
pub(crate) fn poll(args: &PollArgs) -> Result<()> {
    let PollArgs { pollers, size, time, server } = args;
    let settings = format!("{pollers} long polls, {size} bytes, a request for each delivery");
    let mut duel = Duel::new(server, *size, false)?;
    duel.subscribe(Kind::Poll, *pollers)?;
    let command = Command::Fanout { ms: slice_ms(*pollers) };
    let bouts = duel.run([&command, &command], time)?;
    let mut report = Report::new("poll", &settings, server);
    bouts.report(&mut report, "delivery");
    duel.end(report)
}

/// Scenario `connect`.
pub(crate) fn connect(args: &ConnectArgs) -> Result<()> {
    /// Payloads do not matter here.
    const SIZE: usize = 100;
    let ConnectArgs { transport, control, time, server } = args;
    let mut duel = Duel::new(server, SIZE, *control)?;
    let command = Command::Storm { kind: *transport, ms: slice_ms(0) };
    let bouts = duel.run([&command, &command], time)?;
    let note = if *control { ", control: the limit on both sides" } else { "" };
    let settings = format!("{}, 64 under way, closed with a reset{note}", transport.name());
    let mut report = Report::new("connect", &settings, server);
    bouts.report(&mut report, "connection");
    report.print(&[])
}
