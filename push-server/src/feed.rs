//! The host's load as publications: what the demo page shows.

use std::time::Duration;

use push_core::{Draft, Hub, MediaType};
use tokio::time::{MissedTickBehavior, interval};

use crate::demo::load::{History, Proc, Reading, Sample};
use crate::demo::{CHART_CHANNEL, LOAD_CHANNEL, chart};

/// How often the load is published; what the page promises.
const EACH: Duration = Duration::from_secs(1);

/// Publishes the host's load and a chart of it each second, for as long as it is polled. On a host without `/proc` it says
/// so once and ends.
pub(crate) async fn publish_load(hub: Hub) {
    let proc = Proc::default();
    let mut history = History::default();
    let mut before: Option<Reading> = None;
    let mut ticks = interval(EACH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let reading = match proc.read() {
            Ok(reading) => reading,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the host's load cannot be shown");
                return;
            }
        };
        if let Some(before) = &before {
            let sample = Sample::between(before, &reading, hub.clock().unix_ms());
            publish(&hub, LOAD_CHANNEL, Draft::json(sample.to_json())).await;
            history.push(sample);
            let chart = Draft::new(chart::draw(&history)).media_type(png());
            publish(&hub, CHART_CHANNEL, chart).await;
        }
        before = Some(reading);
    }
}

fn png() -> MediaType {
    MediaType::parse(chart::CONTENT_TYPE).expect("image/png is a media type")
}

/// A hub that refuses now may take the next one: it is full, or its store has failed.
async fn publish(hub: &Hub, channel: &str, draft: Draft) {
    if let Err(error) = hub.publish(channel, draft).await {
        tracing::debug!(channel, %error, "the host's load was not published");
    }
}
