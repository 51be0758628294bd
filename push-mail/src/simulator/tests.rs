use std::time::Duration;

use super::{CUT_OFFS, Cost, Failure, Report, World, chart, run, run_in};
use crate::device::Preset;

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn fixed_in(cut_off: Option<Duration>, failure: Failure) -> Cost {
    let world = World { failures: vec![failure], days: 7, ..World::default() };
    run_in(&world, cut_off, &Preset::Fixed.settings())
}

#[test]
fn a_network_that_never_forgets_delays_nothing() {
    let cost = fixed_in(None, Failure::Silent);
    // Mail waits for one answer, or, if it came while one was on its way, for two.
    assert!(cost.worst <= Duration::from_secs(2) && cost.mails > 0, "{cost:?}");
    assert_eq!(cost.dead, Duration::ZERO);
}

#[test]
fn fifteen_minutes_through_a_box_that_forgets_after_four_is_polling() {
    let silent = fixed_in(Some(minutes(4)), Failure::Silent);
    assert!(silent.worst > minutes(10), "{silent:?}");
    assert!(silent.deaf == silent.dead && silent.dead_part() > 0.6, "{silent:?}");
    // With resets nobody waits; at the cut-off they cost a wake-up every four minutes.
    let told = fixed_in(Some(minutes(4)), Failure::ResetAtCutOff);
    assert!(told.mean_delay_secs() < 2.0 && told.wake_ups_a_day() > 300.0, "{told:?}");
    let late = fixed_in(Some(minutes(4)), Failure::ResetOnNextPacket);
    assert!(late.mean_delay_secs() < 3.0 && late.wake_ups_a_day() < 200.0, "{late:?}");
    assert!(late.dead_part() > 0.5 && late.deaf == Duration::ZERO, "{late:?}");
}

#[test]
fn every_mail_of_the_days_is_told_once() {
    let world = World { devices: 11, ..World::default() };
    let costs = Preset::ALL.map(|preset| run(&world, &preset.settings()).mails);
    let most = costs.into_iter().max().expect("there are presets");
    for mails in costs {
        // Only what came into the last, unfinished ping is missing.
        assert!(most - mails <= u64::from(world.devices) * 6, "{costs:?}");
    }
}

#[test]
fn the_same_world_costs_the_same() {
    let world = World { devices: 11, days: 2, ..World::default() };
    let settings = Preset::Ours.settings();
    assert_eq!(run(&world, &settings), run(&world, &settings));
    assert_ne!(run(&world, &settings), run(&World { seed: 2, ..world }, &settings));
}

#[test]
fn ours_settles_near_the_cut_off_of_every_silent_network() {
    let world = World { failures: vec![Failure::Silent], ..World::default() };
    for cut_off in CUT_OFFS {
        let ours = run_in(&world, cut_off, &Preset::Ours.settings());
        assert!(ours.deaf_part() < 0.002, "{cut_off:?}: {ours:?}");
        assert!(ours.mean_delay_secs() < 1.5, "{cut_off:?}: {ours:?}");
    }
}

/// The aim of the default, in other worlds than the one of the table too.
#[test]
fn ours_beats_every_other_rule_on_wake_ups_and_on_delay() {
    for seed in 2..5 {
        let world = World { seed, ..World::default() };
        let ours = run(&world, &Preset::Ours.settings());
        for preset in Preset::ALL.into_iter().filter(|preset| *preset != Preset::Ours) {
            let other = run(&world, &preset.settings());
            assert!(ours.wake_ups < other.wake_ups, "seed {seed}, {preset}: {} and {}", ours.wake_ups, other.wake_ups);
            assert!(ours.mean_delay_secs() < other.mean_delay_secs(), "seed {seed}, {preset}");
        }
    }
}

#[test]
fn the_tables_and_the_chart_of_the_manual_are_the_ones_that_are_printed() {
    let report = Report::of(World::default());
    let manual = include_str!("../../../docs/simulator.md");
    let printed = report.to_string();
    assert!(manual.contains(printed.trim_end()), "docs/simulator.md is not what is printed:\n{printed}");
    let drawn = chart(&report).expect("the report can be drawn");
    assert!(drawn == include_str!("../../../docs/simulator.svg"), "docs/simulator.svg is not what is drawn");
}
