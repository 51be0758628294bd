//! The rules compared, as tables in Markdown.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use super::{CUT_OFFS, Cost, Failure, World, run, run_in};
use crate::device::{Preset, Settings};

/// The rules compared in one world, and in two that differ from it by one assumption each.
#[derive(Clone, Debug)]
pub struct Report {
    /// The assumptions.
    pub world: World,
    /// Each rule's name and its cost, in the order of [`Preset::ALL`], then the walk within our bounds.
    pub rules: Vec<(String, Cost)>,
    /// The same where every network forgets in silence.
    pub silent: Vec<(String, Cost)>,
    /// The same where each device also loses a connection a day in silence, whatever its age.
    pub lossy: Vec<(String, Cost)>,
    /// For each of [`CUT_OFFS`] the rules in devices that never leave such a network.
    pub by_cut_off: Vec<CutOff>,
}

/// What the rules cost in networks of one cut-off.
#[derive(Clone, Debug)]
pub struct CutOff {
    /// The cut-off; `None`: never.
    pub cut_off: Option<Duration>,
    /// Each rule's name and its cost.
    pub costs: Vec<(String, Cost)>,
}

/// Name and settings of the rules that are compared.
fn rules() -> Vec<(String, Settings)> {
    let mut rules: Vec<_> = Preset::ALL.map(|preset| (preset.name().to_owned(), preset.settings())).into();
    let ours = Preset::Ours.settings();
    rules.push(("walk, our bounds".to_owned(), Settings { strategy: Preset::Walk.settings().strategy, ..ours }));
    rules
}

impl Report {
    /// Runs all rules in this world. Takes some seconds of processor time for the default one.
    #[must_use]
    pub fn of(world: World) -> Self {
        let compare = |world: &World| -> Vec<_> {
            rules().into_iter().map(|(name, settings)| (name, run(world, &settings))).collect()
        };
        let by_cut_off = CUT_OFFS.map(|cut_off| {
            let costs = rules().into_iter().map(|(name, settings)| (name, run_in(&world, cut_off, &settings)));
            CutOff { cut_off, costs: costs.collect() }
        });
        Self {
            rules: compare(&world),
            silent: compare(&World { failures: vec![Failure::Silent], ..world.clone() }),
            lossy: compare(&World { losses: 1.0, ..world.clone() }),
            by_cut_off: by_cut_off.into(),
            world,
        }
    }
}

/// The tables.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let World { seed, devices, days, networks, .. } = self.world;
        writeln!(f, "Seed {seed}, {devices} devices, {days} days, {networks} networks each.\n")?;
        table(f, "All networks", &self.rules)?;
        table(f, "Networks that forget in silence only", &self.silent)?;
        table(f, "One more connection lost in silence a day, at any age", &self.lossy)?;
        self.cut_offs(f)
    }
}

fn table(f: &mut fmt::Formatter<'_>, title: &str, rules: &[(String, Cost)]) -> fmt::Result {
    writeln!(f, "### {title}\n")?;
    writeln!(f, "| rule | wake-ups/day | kB/day | mean delay | worst delay | dead connection | dead and silent |")?;
    writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for (name, cost) in rules {
        writeln!(
            f,
            "| {name} | {:.1} | {:.0} | {:.1} s | {:.1} min | {:.1} % | {:.1} % |",
            cost.wake_ups_a_day(),
            cost.bytes_a_day() / 1000.0,
            cost.mean_delay_secs(),
            cost.worst.as_secs_f64() / 60.0,
            cost.dead_part() * 100.0,
            cost.deaf_part() * 100.0,
        )?;
    }
    writeln!(f)
}

impl Report {
    /// Wake-ups a day and mean delay of each rule in each network.
    fn cut_offs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### Devices that stay in one network: wake-ups a day, mean delay in seconds\n")?;
        let mut head = "| cut-off |".to_owned();
        let mut rule = "| --- |".to_owned();
        for (name, _) in self.by_cut_off.iter().flat_map(|row| &row.costs).take(self.rules.len()) {
            write!(head, " {name} |")?;
            rule.push_str(" ---: |");
        }
        writeln!(f, "{head}\n{rule}")?;
        for CutOff { cut_off, costs } in &self.by_cut_off {
            write!(f, "| {} |", cut_off_name(*cut_off))?;
            for (_, cost) in costs {
                write!(f, " {:.0}, {:.1} |", cost.wake_ups_a_day(), cost.mean_delay_secs())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

pub(super) fn cut_off_name(cut_off: Option<Duration>) -> String {
    cut_off.map_or_else(|| "none".to_owned(), |cut_off| format!("{} min", cut_off.as_secs() / 60))
}
