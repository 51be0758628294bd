//! What the rules of [`crate::device::heartbeat`] cost, without a network: devices that live some days among networks
//! with different cut-offs, with mail by chance.
//!
//! Pure and seeded: the same [`World`] gives the same [`Cost`]s everywhere, and every rule meets the same mail, the same
//! networks and the same moves. All numbers of a world are assumptions; what follows from them is comparison, not
//! measurement.

//! In reading order: `world` (what is assumed), `phone` (one device for some days), [`Report`] (the rules compared, as a
//! table) and [`chart`] (as a picture).

mod chance;
mod chart;
mod phone;
mod report;
mod world;

use std::time::Duration;

use self::{chance::Chance, phone::Phone};
pub use self::{
    chart::{ChartError, chart},
    phone::Cost,
    report::{CutOff, Report},
    world::{CUT_OFFS, Failure, Network, World},
};
use crate::device::Settings;

/// What all devices of a world cost under these settings, each moving among some networks.
#[must_use]
pub fn run(world: &World, settings: &Settings) -> Cost {
    let all = Network::all(world);
    let mut total = Cost::default();
    for device in 0..world.devices {
        let mut chance = Chance::of(world.seed, u64::from(device) * 8);
        let mut networks = vec![all[device as usize % all.len()]];
        networks.extend((1..world.networks).map(|_| Network::by_chance(world, &mut chance)));
        total.add(&Phone::new(world, u64::from(device), &networks, settings.clone()).run());
    }
    total
}

/// What as many devices cost, divided among all cut-offs, that never leave a network of this one.
#[must_use]
pub fn run_in(world: &World, cut_off: Option<Duration>, settings: &Settings) -> Cost {
    let mut total = Cost::default();
    for device in 0..world.devices / CUT_OFFS.len() as u32 {
        let networks = [Network { cut_off, failure: world.failures[device as usize % world.failures.len()] }];
        total.add(&Phone::new(world, u64::from(device), &networks, settings.clone()).run());
    }
    total
}

#[cfg(test)]
mod tests;
