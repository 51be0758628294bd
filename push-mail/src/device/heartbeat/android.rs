//! Android's two rules.

use std::time::Duration;

use super::{Event, Settings, Why, memory::Bounds, track::Track};

/// A failure younger than this is some other trouble than a forgotten connection.
const TOO_YOUNG: Duration = Duration::from_secs(2);

/// Grows while nothing has ever failed; once a value above the high-water mark fails, one step down and there it stays.
pub(super) fn classic(track: &mut Track, settings: &Settings, bounds: Bounds, event: &Event) -> Why {
    match event {
        Event::Expired => {
            track.good = track.good.max(Some(track.interval));
            if track.settled {
                Why::Settled
            } else if track.raise(settings.step, bounds) {
                Why::Longer
            } else {
                Why::Maximum
            }
        }
        Event::TimedOut => classic_failure(track, settings, bounds),
        Event::Reset { after } | Event::ServerClosedEarly { after } if *after >= TOO_YOUNG => {
            classic_failure(track, settings, bounds)
        }
        _ => Why::Same,
    }
}

fn classic_failure(track: &mut Track, settings: &Settings, bounds: Bounds) -> Why {
    let above_high_water = track.good.is_none_or(|good| track.interval > good);
    if track.interval <= bounds.minimum || !above_high_water {
        return Why::Same;
    }
    track.interval = bounds.nearest(track.interval.saturating_sub(settings.step));
    track.settled = true;
    Why::Shorter
}

/// A step up after each success, a step down after each failure; it remembers no ceiling.
pub(super) fn later(track: &mut Track, settings: &Settings, bounds: Bounds, event: &Event) -> Why {
    match event {
        Event::Expired if track.raise(settings.step, bounds) => Why::Longer,
        Event::Expired => Why::Maximum,
        Event::TimedOut | Event::Reset { .. } | Event::ServerClosedEarly { .. } => {
            track.interval = bounds.nearest(track.interval.saturating_sub(settings.step));
            Why::Shorter
        }
        _ => Why::Same,
    }
}
