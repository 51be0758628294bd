//! The documented walk, and Windows Mobile with it: steps up, then back for good.

use super::{Event, Settings, Why, memory::Bounds, track::Track};

pub(super) fn on(track: &mut Track, settings: &Settings, bounds: Bounds, event: &Event) -> Why {
    match event {
        Event::Expired => {
            track.good = Some(track.interval);
            track.raised = false;
            if track.settled {
                Why::Settled
            } else if track.raise(settings.step, bounds) {
                Why::Longer
            } else {
                Why::Maximum
            }
        }
        Event::TimedOut | Event::Reset { .. } | Event::ServerClosedEarly { .. } => silent(track, bounds),
        // A change that was told is neither a reason to grow nor one to shrink.
        _ => Why::Same,
    }
}

fn silent(track: &mut Track, bounds: Bounds) -> Why {
    let before_the_step = track.good.filter(|_| track.raised);
    track.raised = false;
    if let Some(good) = before_the_step {
        track.interval = good;
        track.settled = true;
        return Why::Back;
    }
    // Nothing had been made longer, so the network has become worse or was never known: begin again from below.
    track.interval = bounds.minimum;
    track.good = None;
    track.settled = false;
    Why::Minimum
}
