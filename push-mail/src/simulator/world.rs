//! What the simulated devices live in. All of it is assumed, none of it measured: the list of cut-offs is the one under
//! which the rules are to be compared, the rest is round numbers.

use std::time::Duration;

use super::chance::Chance;

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// Idle times after which networks forget a connection; `None`: never.
pub const CUT_OFFS: [Option<Duration>; 11] = [
    Some(minutes(4)),
    Some(minutes(5)),
    Some(minutes(6)),
    Some(minutes(10)),
    Some(minutes(13)),
    Some(minutes(15)),
    Some(minutes(20)),
    Some(minutes(30)),
    Some(minutes(60)),
    Some(minutes(120)),
    None,
];

/// How a network forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Without a word: nobody learns it, packets vanish.
    Silent,
    /// Both ends get a reset when the time is over.
    ResetAtCutOff,
    /// Both ends get a reset when one of them sends the next packet.
    ResetOnNextPacket,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silent, Self::ResetAtCutOff, Self::ResetOnNextPacket];
}

/// One network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Idle time after which it forgets a connection; `None`: never.
    pub cut_off: Option<Duration>,
    /// How it forgets.
    pub failure: Failure,
}

impl Network {
    pub(super) fn by_chance(world: &World, chance: &mut Chance) -> Self {
        Self { cut_off: chance.pick(&CUT_OFFS), failure: chance.pick(&world.failures) }
    }

    /// Every network there is in this world, once.
    pub(super) fn all(world: &World) -> Vec<Self> {
        let of = |cut_off| world.failures.iter().map(move |failure| Self { cut_off, failure: *failure });
        CUT_OFFS.into_iter().flat_map(of).collect()
    }
}

/// The assumptions of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Everything by chance follows from it.
    pub seed: u64,
    /// Devices; the first networks of every 33 of them are all the networks there are.
    pub devices: u32,
    /// How long each is watched.
    pub days: u32,
    /// Networks among which a device moves.
    pub networks: usize,
    /// How their networks forget, equally likely; at least one.
    pub failures: Vec<Failure>,
    /// How long it stays in one on average.
    pub stay: Duration,
    /// Single mails a day.
    pub mails: f64,
    /// Bursts a day, of 3 to 8 mails within 5 minutes.
    pub bursts: f64,
    /// Connections lost in silence for other reasons than a cut-off, a day.
    pub losses: f64,
    /// A box looks for what to forget this often, so that a cut-off is late by up to that.
    pub sweep: Duration,
    /// The radio stays awake this long after each use; what falls into it is no new wake-up.
    pub tail: Duration,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seed: 1,
            devices: 132,
            days: 14,
            networks: 3,
            failures: Failure::ALL.to_vec(),
            stay: minutes(4 * 60),
            mails: 30.0,
            bursts: 3.0,
            losses: 0.0,
            sweep: Duration::from_secs(15),
            tail: Duration::from_secs(20),
        }
    }
}

impl World {
    pub(super) fn length(&self) -> Duration {
        minutes(24 * 60) * self.days
    }
}

/// The moments at which mail arrives, in order.
pub(super) fn mail(world: &World, device: u64) -> Vec<Duration> {
    let mut mail = poisson(world, world.mails, &mut Chance::of(world.seed, device * 8 + 1));
    let mut chance = Chance::of(world.seed, device * 8 + 2);
    for begin in poisson(world, world.bursts, &mut chance) {
        let count = 3 + chance.below(6);
        mail.extend((0..count).map(|_| begin + minutes(5).mul_f64(chance.fraction())));
    }
    mail.sort_unstable();
    mail
}

/// The moments at which connections are lost for other reasons.
pub(super) fn losses(world: &World, device: u64) -> Vec<Duration> {
    poisson(world, world.losses, &mut Chance::of(world.seed, device * 8 + 3))
}

/// Where a device is from when on: its networks and the moments at which it enters one of them.
pub(super) fn moves(world: &World, device: u64, networks: usize) -> Vec<(Duration, usize)> {
    let mut chance = Chance::of(world.seed, device * 8 + 4);
    let mut moves = vec![(Duration::ZERO, 0)];
    let (mut now, mut place) = (Duration::ZERO, 0);
    if networks < 2 {
        return moves;
    }
    loop {
        now += chance.span(world.stay);
        if now >= world.length() {
            return moves;
        }
        place = (place + 1 + chance.below(networks as u64 - 1) as usize) % networks;
        moves.push((now, place));
    }
}

fn poisson(world: &World, a_day: f64, chance: &mut Chance) -> Vec<Duration> {
    let mut moments = Vec::new();
    if a_day <= 0.0 {
        return moments;
    }
    let mean = minutes(24 * 60).div_f64(a_day);
    let mut now = chance.span(mean);
    while now < world.length() {
        moments.push(now);
        now += chance.span(mean);
    }
    moments
}
