use std::time::Duration;

use proptest::prelude::*;

use super::{Event, Heartbeat, Memory, Preset, Search, Settings};

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Expired),
        2 => seconds(0..5000).prop_map(|after| Event::Changed { after }),
        3 => Just(Event::TimedOut),
        2 => seconds(0..5000).prop_map(|after| Event::Reset { after }),
        1 => seconds(0..5000).prop_map(|after| Event::ServerClosedEarly { after }),
        1 => "[ab]".prop_map(Event::NetworkChanged),
    ]
}

fn preset() -> impl Strategy<Value = Preset> {
    proptest::sample::select(&Preset::ALL[..])
}

/// How a ping ends in a network that forgets after `cut_off`, when no mail comes.
fn outcome(interval: Duration, cut_off: Duration, resets: bool) -> Event {
    match (interval <= cut_off, resets) {
        (true, _) => Event::Expired,
        (false, false) => Event::TimedOut,
        (false, true) => Event::Reset { after: cut_off },
    }
}

fn searching(retry: Option<Duration>, margin: Duration) -> Settings {
    let search = Search { grain: Duration::from_secs(30), margin, retry };
    Settings { strategy: super::Strategy::Search(search), ..Preset::Ours.settings() }
}

proptest! {
    #[test]
    fn no_interval_is_ever_outside_of_the_bounds(preset in preset(), events in proptest::collection::vec(event(), 0..200)) {
        let settings = preset.settings();
        let mut heartbeat = Heartbeat::new(settings.clone());
        for event in events {
            let next = heartbeat.on(&event);
            prop_assert!(next.interval >= settings.minimum && next.interval <= settings.maximum, "{:?}: {:?}", event, next);
            prop_assert_eq!(next.socket_timeout, next.interval + settings.slack);
        }
    }

    #[test]
    fn the_servers_last_word_on_a_bound_is_kept(
        preset in preset(),
        events in proptest::collection::vec(event(), 0..50),
        bound in seconds(1..5000),
        then in proptest::collection::vec(event(), 0..50),
    ) {
        let mut heartbeat = Heartbeat::new(preset.settings());
        for event in &events {
            heartbeat.on(event);
        }
        let asked = heartbeat.next().interval;
        heartbeat.on(&Event::OutOfRange { bound });
        for event in &then {
            let interval = heartbeat.on(event).interval;
            let kept = (bound <= asked || interval >= bound) && (bound >= asked || interval <= bound);
            prop_assert!(kept, "{:?} is allowed, {:?} is asked for", bound, interval);
        }
    }

    #[test]
    fn storing_and_restoring_changes_nothing(preset in preset(), events in proptest::collection::vec(event(), 1..60), at in 0..60_usize) {
        let mut kept = Heartbeat::new(preset.settings());
        let mut restored = kept.clone();
        for (index, event) in events.iter().enumerate() {
            if index == at {
                let stored = serde_json::to_vec(&restored.memory()).expect("a memory is JSON");
                let memory: Memory = serde_json::from_slice(&stored).expect("what was written is read");
                restored = Heartbeat::restore(preset.settings(), memory);
            }
            prop_assert_eq!(kept.on(event).interval, restored.on(event).interval);
        }
    }

    /// From 1 to 59 minutes in steps of 4 and then to 30 s in halves: 3 halvings down, 15 steps up, 4 halvings, and
    /// twice as many for resets, which must come again to be believed.
    #[test]
    fn ours_settles_within_44_probes_and_fails_no_more(cut_off in seconds(60..8000), resets: bool, margin in seconds(0..60)) {
        // A reset that comes with the answer, as this one would, is no reason to ask for less.
        let longest = Preset::Ours.settings().maximum;
        prop_assume!(!resets || cut_off >= longest || cut_off + Duration::from_secs(2) < longest);
        let mut heartbeat = Heartbeat::new(searching(None, margin));
        let mut probes = 0;
        while !heartbeat.is_settled() {
            let ended = outcome(heartbeat.next().interval, cut_off, resets);
            heartbeat.on(&ended);
            probes += 1;
            prop_assert!(probes <= 44, "not settled at {:?}", heartbeat.next());
        }
        let sits = heartbeat.next().interval;
        prop_assert!(sits <= cut_off, "{:?} is cut", sits);
        let best = cut_off.min(Duration::from_secs(59 * 60));
        prop_assert!(sits + margin + Duration::from_secs(31) >= best, "{:?} of {:?}", sits, best);
        for _ in 0..100 {
            let ended = outcome(heartbeat.next().interval, cut_off, resets);
            prop_assert_eq!(&ended, &Event::Expired);
            prop_assert_eq!(heartbeat.on(&ended).interval, sits);
        }
    }

    /// Mail that comes in between delays the search at most, and is never taken for a failure.
    #[test]
    fn ours_settles_however_mail_comes_in_between(cut_off in seconds(60..8000), mail in proptest::collection::vec(any::<bool>(), 0..200)) {
        let mut heartbeat = Heartbeat::new(searching(None, Duration::ZERO));
        for (index, comes) in mail.into_iter().chain([false; 44]).enumerate() {
            let interval = heartbeat.next().interval;
            let after = interval.mul_f64((index % 10) as f64 / 10.0);
            let ended = if comes && after <= cut_off { Event::Changed { after } } else { outcome(interval, cut_off, false) };
            heartbeat.on(&ended);
        }
        prop_assert!(heartbeat.is_settled());
        prop_assert!(heartbeat.next().interval <= cut_off);
    }

    /// A network whose ceiling fell is found out after at most a few failures, one that rose after the days set.
    #[test]
    fn ours_follows_a_network_that_changed(before in seconds(60..4000), now in seconds(60..4000), resets: bool) {
        let longest = Preset::Ours.settings().maximum;
        prop_assume!(!resets || before.max(now) + Duration::from_secs(2) < longest);
        let days = Duration::from_secs(24 * 3600);
        let mut heartbeat = Heartbeat::new(searching(Some(days), Duration::ZERO));
        let mut run = |cut_off: Duration, time: Duration| {
            let mut waited = Duration::ZERO;
            while waited < time {
                let asked = heartbeat.next().interval;
                waited += asked;
                heartbeat.on(&outcome(asked, cut_off, resets));
            }
            heartbeat.next().interval
        };
        run(before, 2 * days);
        let sits = run(now, 5 * days);
        prop_assert!(sits + Duration::from_secs(31) >= now.min(Duration::from_secs(59 * 60)), "{:?} of {:?}", sits, now);
    }

    #[test]
    fn the_walk_never_fails_twice_in_a_row_above_its_minimum(cut_off in seconds(480..4000)) {
        let mut heartbeat = Heartbeat::new(Preset::Walk.settings());
        let mut failures = 0;
        for _ in 0..50 {
            let ended = outcome(heartbeat.next().interval, cut_off, false);
            failures += u32::from(ended == Event::TimedOut);
            heartbeat.on(&ended);
        }
        prop_assert!(failures <= 2, "the first value and one step too far: {}", failures);
    }
}
