use std::time::Duration;

use super::{Event, Heartbeat, Memory, Preset, Search, Settings, Strategy, Why};

fn min(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn ours() -> Settings {
    let search = Search { grain: Duration::from_secs(30), margin: Duration::from_secs(10), retry: None };
    Settings {
        minimum: min(1),
        maximum: min(59),
        initial: min(8),
        step: min(4),
        slack: Duration::from_secs(5),
        strategy: Strategy::Search(search),
    }
}

/// The intervals after each event, in minutes.
fn intervals(heartbeat: &mut Heartbeat, events: &[Event]) -> Vec<f64> {
    events.iter().map(|event| heartbeat.on(event).interval.as_secs_f64() / 60.0).collect()
}

#[test]
fn a_silence_without_a_step_before_it_leads_to_the_minimum_and_growing_begins_again() {
    let mut walk = Heartbeat::new(Preset::Walk.settings());
    use Event::{Expired, TimedOut};
    let events = [TimedOut, Expired, Expired, TimedOut, Expired, TimedOut, Expired];
    assert_eq!(intervals(&mut walk, &events), [8.0, 12.0, 16.0, 12.0, 12.0, 8.0, 12.0]);
}

#[test]
fn the_walk_stays_at_its_maximum() {
    let mut walk = Heartbeat::new(Preset::Walk.settings());
    assert_eq!(intervals(&mut walk, &[const { Event::Expired }; 6]), [19.0, 23.0, 27.0, 30.0, 30.0, 30.0]);
    assert_eq!(walk.next().why, Why::Maximum);
}

#[test]
fn androids_first_rule_steps_down_once_and_grows_again_after_a_change_of_connectivity() {
    let mut classic = Heartbeat::new(Preset::AospClassic.settings());
    let young = Event::Reset { after: Duration::from_secs(1) };
    assert_eq!(classic.on(&young).interval.as_secs(), 470, "a failure within two seconds is no evidence");
    assert_eq!(classic.on(&Event::Expired).interval.as_secs(), 650);
    assert_eq!(classic.on(&Event::TimedOut).interval.as_secs(), 470);
    assert_eq!(classic.on(&Event::Expired).interval.as_secs(), 470);
    assert_eq!(classic.on(&Event::TimedOut).interval.as_secs(), 470, "not above the high-water mark");
    classic.on(&Event::NetworkChanged("other".to_owned()));
    assert_eq!(classic.on(&Event::Expired).interval.as_secs(), 650);
}

#[test]
fn androids_later_rule_goes_up_and_down_for_ever() {
    let mut later = Heartbeat::new(Preset::AospLater.settings());
    use Event::{Expired, TimedOut};
    let events = [Expired, TimedOut, Expired, TimedOut, Expired];
    assert_eq!(intervals(&mut later, &events), [13.0, 8.0, 13.0, 8.0, 13.0]);
}

#[test]
fn ours_halves_what_is_left_and_sits_below_what_worked() {
    let mut ours = Heartbeat::new(ours());
    use Event::{Expired, TimedOut};
    // A box that forgets after a little more than 14 minutes.
    let events = [Expired, Expired, TimedOut, Expired, TimedOut];
    assert_eq!(intervals(&mut ours, &events), [12.0, 16.0, 14.0, 15.0, 14.5]);
    assert_eq!(ours.on(&TimedOut).interval, Duration::from_secs(14 * 60 - 10));
    assert!(ours.is_settled());
    assert_eq!(ours.on(&Expired).interval, Duration::from_secs(14 * 60 - 10));
}

#[test]
fn a_change_after_a_longer_silence_than_any_known_proves_that_it_lives() {
    let mut ours = Heartbeat::new(ours());
    ours.on(&Event::Expired);
    assert_eq!(ours.on(&Event::Changed { after: min(11) }).interval, min(12), "it neither grows nor shrinks");
    assert_eq!(ours.on(&Event::TimedOut).interval, Duration::from_secs(690), "between 11 and 12, not between 8 and 12");
}

#[test]
fn one_reset_is_doubted_and_two_of_one_age_tell_the_ceiling() {
    let mut ours = Heartbeat::new(ours());
    let reset = Event::Reset { after: min(6) };
    assert_eq!(ours.on(&reset).interval, min(8));
    assert_eq!(ours.next().why, Why::Doubt);
    assert_eq!(ours.on(&reset).interval, Duration::from_secs(330));
    assert_eq!(ours.on(&Event::Expired).interval, Duration::from_secs(320));
    assert!(ours.is_settled());
}

#[test]
fn resets_younger_than_what_is_known_to_work_teach_nothing_until_they_insist() {
    let mut ours = Heartbeat::new(ours());
    ours.on(&Event::Expired);
    for _ in 0..4 {
        assert_eq!(ours.on(&Event::Reset { after: min(3) }).interval, min(12));
        assert_eq!(ours.on(&Event::Reset { after: min(2) }).interval, min(12));
        ours.on(&Event::Changed { after: min(1) });
    }
    for _ in 0..2 {
        assert_eq!(ours.on(&Event::Reset { after: min(3) }).interval, min(12));
    }
    assert!(ours.on(&Event::Reset { after: min(3) }).interval < min(3), "the network is another one than it was");
}

#[test]
fn networks_do_not_teach_each_other() {
    let mut ours = Heartbeat::new(ours());
    ours.on(&Event::NetworkChanged("cellular".to_owned()));
    ours.on(&Event::TimedOut);
    let cellular = ours.on(&Event::Expired).interval;
    assert_eq!(ours.on(&Event::NetworkChanged("home".to_owned())).interval, min(8));
    for _ in 0..20 {
        ours.on(&Event::Expired);
    }
    assert_eq!(ours.next().interval, min(59));
    let back = ours.on(&Event::NetworkChanged("cellular".to_owned()));
    assert_eq!((back.interval, back.why), (cellular, Why::Remembered));
    assert_eq!(ours.on(&Event::NetworkChanged("home".to_owned())).interval, min(59));
    assert_eq!(ours.on(&Event::NetworkChanged("home".to_owned())).why, Why::Remembered);
}

#[test]
fn the_servers_bounds_are_adopted_and_win() {
    for preset in Preset::ALL {
        let mut heartbeat = Heartbeat::new(preset.settings());
        let low = Duration::from_secs(90);
        assert_eq!(heartbeat.on(&Event::OutOfRange { bound: low }).interval, low, "{preset}");
        for _ in 0..10 {
            assert_eq!(heartbeat.on(&Event::Expired).interval, low, "{preset}");
        }
        let high = min(70);
        assert_eq!(heartbeat.on(&Event::OutOfRange { bound: high }).interval, high, "{preset}");
        assert_eq!(heartbeat.on(&Event::TimedOut).interval, high, "{preset}");
    }
}

#[test]
fn a_bound_of_zero_is_not_believed() {
    let mut heartbeat = Heartbeat::new(ours());
    assert_eq!(heartbeat.on(&Event::OutOfRange { bound: Duration::ZERO }).interval, min(8));
}

#[test]
fn a_ceiling_is_tried_again_after_the_days_that_were_set() {
    let mut settings = ours();
    let Strategy::Search(search) = &mut settings.strategy else { panic!("ours searches") };
    search.retry = Some(min(24 * 60));
    let mut ours = Heartbeat::new(settings);
    use Event::{Expired, TimedOut};
    for event in [TimedOut, Expired, Expired, Expired, TimedOut] {
        ours.on(&event);
    }
    while !ours.is_settled() {
        ours.on(&Expired);
    }
    let sits = ours.next().interval;
    let mut waited = Duration::ZERO;
    while ours.next().why != Why::Again {
        waited += ours.next().interval;
        ours.on(&Expired);
    }
    assert!(waited >= min(24 * 60) && waited < min(24 * 60) + 2 * sits, "{waited:?}");
    let tried = ours.next().interval;
    assert!(tried > sits);
    assert_eq!(ours.on(&TimedOut).interval, sits, "as before");
    while ours.next().why != Why::Again {
        ours.on(&Expired);
    }
    ours.on(&Expired);
    assert!(ours.next().interval > tried, "the ceiling is gone: it grows");
}

#[test]
fn a_stored_memory_goes_on_where_it_was() {
    let mut heartbeat = Heartbeat::new(ours());
    heartbeat.on(&Event::NetworkChanged("home".to_owned()));
    heartbeat.on(&Event::Expired);
    heartbeat.on(&Event::TimedOut);
    let stored = serde_json::to_string(&heartbeat.memory()).expect("a memory is JSON");
    let memory: Memory = serde_json::from_str(&stored).expect("what was written is read");
    let mut restored = Heartbeat::restore(ours(), memory);
    assert_eq!(restored.next().interval, heartbeat.next().interval);
    assert_eq!(restored.on(&Event::Expired).interval, heartbeat.on(&Event::Expired).interval);
}

#[test]
fn the_memory_forgets_the_network_that_was_left_the_longest_ago() {
    let mut heartbeat = Heartbeat::new(ours());
    heartbeat.on(&Event::NetworkChanged("n0".to_owned()));
    let learnt = heartbeat.on(&Event::Expired).interval;
    for network in 1..Memory::NETWORKS {
        heartbeat.on(&Event::NetworkChanged(format!("n{network}")));
    }
    assert_eq!(heartbeat.on(&Event::NetworkChanged("n0".to_owned())).interval, learnt);
    for network in 0..100 {
        heartbeat.on(&Event::NetworkChanged(format!("{network}{}", "x".repeat(1000))));
    }
    assert_eq!(heartbeat.on(&Event::NetworkChanged("n0".to_owned())).why, Why::Initial);
    let stored = serde_json::to_vec(&heartbeat.memory()).expect("a memory is JSON");
    assert!(stored.len() < Memory::NETWORKS * 500, "{} bytes", stored.len());
}

#[test]
fn a_memory_made_up_by_somebody_else_is_moved_into_the_bounds() {
    let made_up = r#"{"network":"a","server_maximum":18446744073709551615,"networks":[
        {"network":"a","interval":0,"good":18446744073709551615,"bad":1,"strikes":255,"waited":18446744073709551615}]}"#;
    let memory: Memory = serde_json::from_str(made_up).expect("it is well formed");
    let mut heartbeat = Heartbeat::restore(ours(), memory);
    for event in [Event::Expired, Event::TimedOut, Event::Expired, Event::Reset { after: min(500_000) }] {
        let next = heartbeat.on(&event);
        assert!(next.interval >= min(1) && next.interval <= min(59), "{next:?}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_put_right() {
    let settings = Settings {
        minimum: min(20),
        maximum: Duration::ZERO,
        initial: min(99),
        step: Duration::ZERO,
        slack: Duration::ZERO,
        strategy: Strategy::Walk,
    };
    let mut heartbeat = Heartbeat::new(settings);
    assert!(heartbeat.next().interval > Duration::ZERO);
    assert!(heartbeat.on(&Event::TimedOut).interval > Duration::ZERO);
}

#[test]
fn presets_are_found_by_name() {
    for preset in Preset::ALL {
        assert_eq!(preset.name().parse(), Ok(preset));
    }
    assert!("seed".parse::<Preset>().is_err());
}
