//! Ours: steps up until one fails, then halves the space between what worked and what failed, and sits below it.
//!
//! What it believes:
//! - A silence costs mail, because nobody learns that the connection is dead. One above what is known to work is believed
//!   at once.
//! - A reset tells the device at once, so it costs a wake-up and no mail, and it has many causes. One that comes again at
//!   the same age tells the ceiling itself. Resets of changing ages come with the next packet, mail or the answer at the
//!   end: such a network announces what it forgot, and a longer interval costs nothing there.
//! - A failure at an age that is known to work contradicts what is known: after some in a row the network counts as
//!   another one than it was, and the search begins again from below.
//! - A change that was told after a silence longer than any known to work proves that this long a silence works.

use std::time::Duration;

use super::{Event, Search, Settings, Why, memory::Bounds, track::Track};

/// Silences in a row, at an age that used to work, until it is believed to work no more.
const CONTRADICTIONS: u8 = 2;
/// Resets in a row of the same age until they are believed.
const RESETS: u8 = 2;
/// Likewise at an age that used to work: servers that restart make them too.
const CONTRADICTING_RESETS: u8 = 3;
/// A reset this close to the end of the interval came with the answer.
const WITH_THE_ANSWER: Duration = Duration::from_secs(2);

/// What a rule needs besides the track.
struct Rule<'a> {
    settings: &'a Settings,
    search: &'a Search,
    bounds: Bounds,
}

pub(super) fn on(track: &mut Track, settings: &Settings, search: &Search, bounds: Bounds, event: &Event) -> Why {
    let rule = Rule { settings, search, bounds };
    match event {
        Event::Expired => {
            let lived = track.interval;
            learn_good(track, lived);
            track.raised = false;
            rule.after_success(track, lived)
        }
        Event::Changed { after } => {
            learn_good(track, whole((*after).min(track.interval)));
            track.waited = track.waited.saturating_add(*after);
            Why::Same
        }
        Event::TimedOut => rule.silent(track),
        // Nothing shorter than the minimum can be asked for, so nothing can be learnt from it either.
        Event::Reset { after } | Event::ServerClosedEarly { after } if *after < bounds.minimum / 2 => Why::Doubt,
        Event::Reset { after } | Event::ServerClosedEarly { after } => rule.reset(track, whole(*after)),
        _ => Why::Same,
    }
}

fn learn_good(track: &mut Track, age: Duration) {
    track.strikes = 0;
    track.struck = None;
    if track.good.is_none_or(|good| age > good) {
        track.good = Some(age);
    }
    if track.bad <= track.good {
        track.bad = None;
    }
}

fn learn_bad(track: &mut Track, age: Duration) {
    track.strikes = 0;
    track.struck = None;
    track.settled = false;
    track.raised = false;
    track.bad = Some(age);
    if track.good >= track.bad {
        track.good = None;
    }
}

impl Rule<'_> {
    fn after_success(&self, track: &mut Track, lived: Duration) -> Why {
        if !track.settled {
            return self.choose(track);
        }
        track.waited = track.waited.saturating_add(lived);
        let Some(bad) = track.bad else { return self.choose(track) };
        if self.search.retry.is_none_or(|retry| track.waited < retry) {
            return Why::Settled;
        }
        track.waited = Duration::ZERO;
        track.settled = false;
        track.interval = bad;
        track.raised = true;
        Why::Again
    }

    fn silent(&self, track: &mut Track) -> Why {
        let age = track.interval;
        track.strikes = track.strikes.saturating_add(1);
        track.struck = None;
        if track.good.is_some_and(|good| age <= good) && track.strikes < CONTRADICTIONS {
            return Why::Doubt;
        }
        learn_bad(track, age);
        self.choose(track)
    }

    fn reset(&self, track: &mut Track, age: Duration) -> Why {
        if age.saturating_add(WITH_THE_ANSWER) >= track.interval {
            return self.announced(track);
        }
        let same_age = track.struck.filter(|before| before.abs_diff(age) <= self.search.grain);
        track.strikes = if same_age.is_some() { track.strikes.saturating_add(1) } else { 1 };
        let youngest = same_age.map_or(age, |before| before.min(age));
        track.struck = Some(youngest);
        let contradicts = track.good.is_some_and(|good| age <= good);
        if track.strikes < if contradicts { CONTRADICTING_RESETS } else { RESETS } {
            return Why::Doubt;
        }
        learn_bad(track, youngest);
        // The ceiling was told: nothing is left to be halved.
        track.interval = self.bounds.nearest(youngest.saturating_sub(self.search.grain));
        Why::Shorter
    }

    /// The connection was dead and the answer itself told so: no mail would have waited longer than the connection lay
    /// there, so the interval may grow as if it had lived.
    fn announced(&self, track: &mut Track) -> Why {
        if track.bad.is_some() {
            return Why::Same;
        }
        if track.raise(self.settings.step, self.bounds) {
            return Why::Longer;
        }
        track.settled = true;
        Why::Maximum
    }

    /// The next interval, from what is known.
    fn choose(&self, track: &mut Track) -> Why {
        let Bounds { minimum, maximum } = self.bounds;
        let (interval, settled, why) = match (track.good, track.bad) {
            (None, None) => (track.interval, false, Why::Initial),
            (_, Some(bad)) if bad <= minimum => (minimum, true, Why::Minimum),
            (Some(good), _) if good >= maximum => (maximum, true, Why::Maximum),
            (Some(good), None) => (good.saturating_add(self.settings.step), false, Why::Longer),
            (None, Some(bad)) => (whole(bad / 2), false, Why::Shorter),
            (Some(good), Some(bad)) if bad - good <= self.search.grain => {
                (good.saturating_sub(self.search.margin), true, Why::Settled)
            }
            (Some(good), Some(bad)) => (between(good, bad), false, Why::Between),
        };
        if settled && !track.settled {
            track.waited = Duration::ZERO;
        }
        track.settled = settled;
        track.interval = self.bounds.nearest(interval);
        why
    }
}

/// The middle, never `good` itself: something new must be tried.
fn between(good: Duration, bad: Duration) -> Duration {
    let middle = good + (bad - good) / 2;
    Some(whole(middle)).filter(|whole| *whole > good).unwrap_or(middle)
}

/// Whole seconds, where seconds are small against it: servers take nothing finer.
fn whole(interval: Duration) -> Duration {
    if interval < Duration::from_secs(10) { interval } else { Duration::from_secs(interval.as_secs()) }
}
