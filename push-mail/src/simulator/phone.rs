//! One device for some days: it pings, loses connections, and counts what that costs.

use std::time::Duration;

use super::{
    chance::Chance,
    world::{self, Failure, Network, World},
};
use crate::device::{Event, Heartbeat, Settings};

/// How long an answer or a new connection takes.
const ROUND_TRIP: Duration = Duration::from_secs(1);
/// Bytes of a ping and its answer, of a sync, of one mail in it, and of a new TLS connection. Assumed.
const PING_BYTES: u64 = 600;
const SYNC_BYTES: u64 = 1_200;
const MAIL_BYTES: u64 = 800;
const CONNECT_BYTES: u64 = 4_500;

/// What a device's days cost, summed up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Time watched.
    pub watched: Duration,
    /// Times the radio was woken.
    pub wake_ups: u64,
    /// Bytes in both directions.
    pub bytes: u64,
    /// Mails that were told.
    pub mails: u64,
    /// Delays of them, summed.
    pub delay: Duration,
    /// The longest of them.
    pub worst: Duration,
    /// Time with a connection that was dead without the device knowing.
    pub dead: Duration,
    /// The part of it in which mail would have waited, because nothing would have told.
    pub deaf: Duration,
}

impl Cost {
    /// Adds another device's.
    pub fn add(&mut self, other: &Self) {
        self.watched += other.watched;
        self.wake_ups += other.wake_ups;
        self.bytes += other.bytes;
        self.mails += other.mails;
        self.delay += other.delay;
        self.worst = self.worst.max(other.worst);
        self.dead += other.dead;
        self.deaf += other.deaf;
    }

    fn days(&self) -> f64 {
        self.watched.as_secs_f64() / 86_400.0
    }

    /// Wake-ups a day.
    #[must_use]
    pub fn wake_ups_a_day(&self) -> f64 {
        self.wake_ups as f64 / self.days()
    }

    /// Bytes a day.
    #[must_use]
    pub fn bytes_a_day(&self) -> f64 {
        self.bytes as f64 / self.days()
    }

    /// Mean delay of a mail, in seconds.
    #[must_use]
    pub fn mean_delay_secs(&self) -> f64 {
        self.delay.as_secs_f64() / (self.mails.max(1)) as f64
    }

    /// Part of the time with a dead connection, 0..=1.
    #[must_use]
    pub fn dead_part(&self) -> f64 {
        self.dead.as_secs_f64() / self.watched.as_secs_f64()
    }

    /// Part of the time in which mail would have waited behind a dead connection, 0..=1.
    #[must_use]
    pub fn deaf_part(&self) -> f64 {
        self.deaf.as_secs_f64() / self.watched.as_secs_f64()
    }
}

/// Moments in order, of which the next one after now is wanted again and again.
struct Moments {
    moments: Vec<Duration>,
    at: usize,
}

impl Moments {
    fn after(&mut self, now: Duration) -> Option<Duration> {
        while self.moments.get(self.at).is_some_and(|moment| *moment <= now) {
            self.at += 1;
        }
        self.moments.get(self.at).copied()
    }
}

/// How one ping ends.
struct Ended {
    at: Duration,
    event: Event,
    /// When the connection had died, if it had.
    died: Option<Duration>,
    /// Nothing would have told.
    silent: bool,
}

pub(super) struct Phone<'a> {
    world: &'a World,
    networks: &'a [Network],
    heartbeat: Heartbeat,
    chance: Chance,
    mail: Moments,
    losses: Moments,
    moves: Vec<(Duration, usize)>,
    moved: usize,
    /// Mails told so far.
    told: usize,
    now: Duration,
    awake_until: Duration,
    cost: Cost,
}

impl<'a> Phone<'a> {
    pub(super) fn new(world: &'a World, device: u64, networks: &'a [Network], settings: Settings) -> Self {
        let mut heartbeat = Heartbeat::new(settings);
        heartbeat.on(&Event::NetworkChanged("0".to_owned()));
        Self {
            world,
            networks,
            heartbeat,
            chance: Chance::of(world.seed, device * 8 + 5),
            mail: Moments { moments: world::mail(world, device), at: 0 },
            losses: Moments { moments: world::losses(world, device), at: 0 },
            moves: world::moves(world, device, networks.len()),
            moved: 0,
            told: 0,
            now: Duration::ZERO,
            awake_until: Duration::ZERO,
            cost: Cost { watched: world.length(), bytes: CONNECT_BYTES, ..Cost::default() },
        }
    }

    pub(super) fn run(mut self) -> Cost {
        while self.now < self.world.length() {
            self.use_radio(PING_BYTES);
            let ended = self.ping();
            if let Some(died) = ended.died {
                let dead = ended.at.saturating_sub(died);
                self.cost.dead += dead;
                self.cost.deaf += if ended.silent { dead } else { Duration::ZERO };
            }
            self.now = ended.at + ROUND_TRIP;
            self.use_radio(0);
            match &ended.event {
                Event::Changed { .. } => self.sync(),
                Event::Expired => {}
                _ => self.cost.bytes += CONNECT_BYTES,
            }
            self.heartbeat.on(&ended.event);
        }
        self.cost
    }

    /// Mail that lies there is told at once; else the ping is parked until something ends it.
    fn ping(&mut self) -> Ended {
        let asked = self.heartbeat.next();
        let start = self.now;
        if self.mail.moments.get(self.told).is_some_and(|at| *at <= start) {
            return Ended { at: start, event: Event::Changed { after: Duration::ZERO }, died: None, silent: false };
        }
        let expires = start + asked.interval;
        let gives_up = start + asked.socket_timeout;
        let mail = self.mail.after(start).unwrap_or(Duration::MAX);
        let network = self.networks[self.moves[self.moved].1];
        let cut = self.cut(network, start);
        let loss = self.losses.after(start).unwrap_or(Duration::MAX);
        let died = cut.min(loss);
        let failure = if loss < cut { Failure::Silent } else { network.failure };
        let answer = expires.min(mail);
        let (at, event) = match (answer < died, failure) {
            (true, _) if mail < expires => (mail, Event::Changed { after: mail - start }),
            (true, _) => (expires, Event::Expired),
            (false, Failure::Silent) => (gives_up, Event::TimedOut),
            (false, Failure::ResetAtCutOff) => (died, Event::Reset { after: died - start }),
            (false, Failure::ResetOnNextPacket) => (answer, Event::Reset { after: answer - start }),
        };
        let ended = Ended { at, event, died: Some(died).filter(|died| *died < at), silent: failure == Failure::Silent };
        self.unless_moved(ended)
    }

    /// A move ends every ping, alive or dead.
    fn unless_moved(&mut self, ended: Ended) -> Ended {
        let Some((at, place)) = self.moves.get(self.moved + 1).copied().filter(|(at, _)| *at <= ended.at) else {
            return ended;
        };
        self.moved += 1;
        let died = ended.died.filter(|died| *died < at);
        // It may have been due while the last answer was on its way.
        Ended { at: at.max(self.now), event: Event::NetworkChanged(place.to_string()), died, silent: ended.silent }
    }

    fn cut(&mut self, network: Network, start: Duration) -> Duration {
        let late = self.world.sweep.mul_f64(self.chance.fraction());
        network.cut_off.map_or(Duration::MAX, |cut_off| start + cut_off + late)
    }

    /// All that has come so far is told and fetched.
    fn sync(&mut self) {
        let mut count = 0;
        while let Some(came) = self.mail.moments.get(self.told).copied().filter(|came| *came <= self.now) {
            let delay = self.now - came;
            self.cost.delay += delay;
            self.cost.worst = self.cost.worst.max(delay);
            self.told += 1;
            count += 1;
        }
        self.cost.mails += count;
        self.cost.bytes += SYNC_BYTES + MAIL_BYTES * count;
    }

    fn use_radio(&mut self, bytes: u64) {
        self.cost.wake_ups += u64::from(self.now >= self.awake_until);
        self.awake_until = self.now + self.world.tail;
        self.cost.bytes += bytes;
    }
}
