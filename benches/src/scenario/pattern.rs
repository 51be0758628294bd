//! Many channels that are subscribed together: all of them by one pattern, or some by their names.

use clap::Args;

use super::chat::{WayArgs, control_note, duel, some};
use super::duel::slice_ms;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::chat::{Counted, Plan};
use crate::client::command::Command;
use crate::kind::Kind;
use crate::report::Report;

#[derive(Clone, Debug, Args)]
#[command(mut_arg("retention", |arg| arg.default_value("1024")))]
#[command(mut_arg("publishers", |arg| arg.default_value("1")), mut_arg("pipeline", |arg| arg.default_value("1")))]
pub(crate) struct PatternArgs {
    #[arg(long, default_value = "ws")]
    pub(crate) transport: Kind,
    #[arg(long, default_value_t = 10_000, value_parser = some())]
    pub(crate) channels: usize,
    #[arg(long, default_value_t = 100, value_parser = some())]
    pub(crate) subscribers: usize,
    /// Each subscriber has so many of the channels by their names; 0: all by one pattern
    #[arg(long, default_value_t = 0)]
    pub(crate) named: usize,
    /// Publish as fast as answers come, and not only when everybody has the last message
    #[arg(long)]
    pub(crate) ahead: bool,
    #[command(flatten)]
    pub(crate) way: WayArgs,
    /// Take the limit for both sides, to see what differences are noise
    #[arg(long)]
    pub(crate) control: bool,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Scenario `pattern`: against the limit, whose subscribers of a group have one channel.
pub(crate) fn pattern(args: &PatternArgs) -> Result<()> {
    let PatternArgs { transport, ahead, way, control, time, server, .. } = args;
    let plan = plan(args)?;
    let Plan { groups, channels, subscribers, .. } = plan;
    let selected = if plan.is_pattern { "by one pattern" } else { "by their names" };
    let note = if *ahead { "" } else { ", closed loop" };
    let settings = format!(
        "{groups} x {channels} channels {selected}, {subscribers} {} each, {}{note}{}",
        transport.name(),
        way.settings(),
        control_note(*control)
    );
    let mut duel = duel(&plan, way.size, *control, server)?;
    let command = Command::Talk { ms: slice_ms(groups * subscribers), counted: Counted::Deliveries };
    let bouts = duel.run([&command, &command], time)?;
    let mut report = Report::new("pattern", &settings, server);
    bouts.report(&mut report, "delivery");
    duel.end(report)
}

fn plan(args: &PatternArgs) -> Result<Plan> {
    let PatternArgs { transport, channels, subscribers, named, ahead, way, .. } = args;
    let groups = if *named == 0 { 1 } else { channels / named };
    if groups == 0 || subscribers / groups == 0 {
        return Err(
            format!("{channels} channels, {named} of them for each of {subscribers}, leave some without").into()
        );
    }
    Ok(Plan {
        kind: *transport,
        groups,
        channels: channels / groups,
        subscribers: subscribers / groups,
        is_pattern: *named == 0,
        way: way.publish,
        publishers: way.publishers,
        batch: way.batch,
        pipeline: way.pipeline,
        is_level: !ahead,
    })
}
