//! Many channels with few subscribers each: what a publication costs that nearly nobody shares.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rustix::process::{Resource, getrlimit};

use super::duel::Duel;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::chat::{Counted, Plan, Way};
use crate::client::command::Command;
use crate::kind::Kind;
use crate::report::Report;

/// Length of one side's turn, in milliseconds.
const SLICE_MS: u64 = 400;

/// Descriptors of a process that are no subscribers.
const OTHER_DESCRIPTORS: u64 = 64;

/// Counts of which none would leave nothing to measure.
pub(super) fn some() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// What is published, how, and how fast.
#[derive(Clone, Debug, Args)]
pub(crate) struct WayArgs {
    /// How messages are published
    #[arg(long, default_value = "single")]
    pub(crate) publish: Way,
    /// Messages of a request in batches, each to another channel
    #[arg(long, default_value_t = 50, value_parser = some())]
    pub(crate) batch: usize,
    /// Connections that publish
    #[arg(long, default_value_t = 8, value_parser = some())]
    pub(crate) publishers: usize,
    /// Requests that each of them may have unanswered
    #[arg(long, default_value_t = 4, value_parser = some())]
    pub(crate) pipeline: usize,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
}

impl WayArgs {
    /// In words.
    pub(super) fn settings(&self) -> String {
        let Self { publish, batch, publishers, pipeline, size } = self;
        let each = if *publish == Way::Batch { format!(" of {batch}") } else { String::new() };
        format!("{size} bytes by {}{each} from {publishers} publishers, {pipeline} under way each", publish.name())
    }
}

#[derive(Clone, Debug, Args)]
#[command(mut_arg("retention", |arg| arg.default_value("1024")))]
pub(crate) struct ChatArgs {
    #[arg(long, default_value = "ws")]
    pub(crate) transport: Kind,
    #[arg(long, default_value_t = 10_000, value_parser = some())]
    pub(crate) channels: usize,
    /// Subscribers of each channel
    #[arg(long, default_value_t = 1, value_parser = some())]
    pub(crate) each: usize,
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

/// Scenario `chat`.
pub(crate) fn chat(args: &ChatArgs) -> Result<()> {
    let ChatArgs { transport, channels, each, way, control, time, server } = args;
    let plan = Plan {
        kind: *transport,
        groups: *channels,
        channels: 1,
        subscribers: *each,
        is_pattern: false,
        way: way.publish,
        publishers: way.publishers,
        batch: way.batch,
        pipeline: way.pipeline,
        is_level: false,
    };
    let settings =
        format!("{channels} channels of {each} {}, {}{}", transport.name(), way.settings(), control_note(*control));
    let mut duel = duel(&plan, way.size, *control, server)?;
    let command = Command::Talk { ms: SLICE_MS, counted: Counted::Deliveries };
    let bouts = duel.run([&command, &command], time)?;
    let mut report = Report::new("chat", &settings, server);
    bouts.report(&mut report, "delivery");
    duel.end(report)
}

/// Both sides with what `plan` says open.
pub(super) fn duel(plan: &Plan, size: usize, is_control: bool, server: &ServerArgs) -> Result<Duel> {
    has_descriptors(plan)?;
    let mut duel = Duel::new(server, size, is_control)?;
    let subscribers = plan.groups * plan.subscribers;
    duel.prepare(&format!("opening {subscribers} {} connections", plan.kind.name()), &Command::Chat(plan.clone()))?;
    Ok(duel)
}

/// For the settings.
pub(super) fn control_note(is_control: bool) -> &'static str {
    if is_control { ", control: the limit on both sides" } else { "" }
}

/// A server that runs out of descriptors would be waited for in vain.
fn has_descriptors(plan: &Plan) -> Result<()> {
    let wanted = (plan.groups * plan.subscribers + plan.publishers) as u64 + OTHER_DESCRIPTORS;
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if wanted > most => {
            Err(format!("a process may have {most} descriptors here, and {wanted} are wanted: take fewer channels")
                .into())
        }
        _ => Ok(()),
    }
}
