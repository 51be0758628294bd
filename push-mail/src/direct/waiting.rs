//! A ping from its request to its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::device::Device;
use super::devices::DeviceId;
use super::live::{Compared, Live, Place, Watched};
use super::ping::{PingAnswer, PingParameters, PingRequest};
use super::{Direct, Verdict};
use crate::account::{Account, Interest};
use crate::stats::count;
use crate::store::{FolderId, Token};

/// The answer goes out so long before the interval is over: a device hears it in time.
const EARLY: Duration = Duration::from_millis(500);

/// Intervals that are shorter are kept exactly.
const SHORT: Duration = Duration::from_secs(60);

/// How seldom a device that only pings is written.
const DAY_MS: u64 = 86_400_000;

/// What a ping ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is answered.
    Answer(PingAnswer),
    /// Its device pings without ever syncing: it is to come back after so long.
    Refused(Duration),
}

/// A ping that has just come.
#[derive(Debug)]
pub(crate) struct Arrival {
    began: Instant,
    ticket: u64,
    interest: Interest,
}

fn failed(error: crate::state::StateError) -> PingAnswer {
    tracing::error!(%error, "a ping failed");
    PingAnswer::ServerError
}

/// A ping that waits, or is about to be answered.
pub(crate) struct WaitingPing {
    direct: Arc<Direct>,
    place: Place,
    /// Its answer is put off until then.
    put_off: Option<Pin<Box<Sleep>>>,
    is_answered: bool,
}

// Density: all else that one takes is in its `Live`.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<WaitingPing>() == 32);

impl std::fmt::Debug for WaitingPing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitingPing").field("id", &self.live().id).finish_non_exhaustive()
    }
}

impl WaitingPing {
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.place.0
    }

    /// Its end, if that has come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Some(until) = &mut self.put_off {
            if self.place.0.poll_end(cx).is_ready() {
                return Poll::Ready(self.end(PingAnswer::NoChanges));
            }
            std::task::ready!(until.as_mut().poll(cx));
            return Poll::Ready(self.expire());
        }
        let answer = std::task::ready!(self.live().poll(cx));
        if !matches!(answer, PingAnswer::Changes(_)) {
            return Poll::Ready(self.end(answer));
        }
        let live = self.live();
        match self.direct.count_changes(&live.id, live.account().clock().now()) {
            Verdict::Answer => Poll::Ready(self.end(answer)),
            Verdict::PutOff(duration) => {
                self.put_off = Some(Box::pin(tokio::time::sleep(duration)));
                self.poll(cx)
            }
            Verdict::Refuse(duration) => {
                self.is_answered = true;
                count(&self.direct.counters.refused);
                Poll::Ready(Outcome::Refused(duration))
            }
        }
    }

    /// Its end now that its time is over.
    pub(crate) fn expire(&mut self) -> Outcome {
        let answer = self.live().expire();
        self.end(answer)
    }

    fn end(&mut self, answer: PingAnswer) -> Outcome {
        self.is_answered = true;
        self.direct.pulses.answered(&self.live().id);
        let counters = &self.direct.counters;
        count(if matches!(answer, PingAnswer::Changes(_)) { &counters.changed } else { &counters.expired });
        Outcome::Answer(answer)
    }
}

impl Drop for WaitingPing {
    fn drop(&mut self) {
        let live = self.live();
        self.direct.exit(live);
        if !self.is_answered {
            let lived = live.account().clock().now().saturating_duration_since(live.began);
            self.direct.counters.cut(lived);
            self.direct.pulses.cut(&live.id, lived);
        }
    }
}

impl Direct {
    /// Lets a ping wait, for so long.
    ///
    /// # Errors
    ///
    /// The answer that it gets at once.
    ///
    /// Cancel safety: dropped, the ping does not wait; its parameters may be remembered.
    pub(crate) async fn ping(
        self: &Arc<Self>,
        account: &Arc<Account>,
        id: &Arc<DeviceId>,
        request: PingRequest,
    ) -> Result<(WaitingPing, Duration), PingAnswer> {
        let arrival = self.arrival(account);
        let before = self.devices.load(id).map_err(failed)?;
        let parameters = request.complete(before.as_ref().and_then(|device| device.ping.as_ref()), &self.config)?;
        if !account.be_live().await {
            return Err(PingAnswer::ServerError);
        }
        check_folders(account, &parameters)?;
        let unix_ms = account.clock().unix_ms();
        let device = self.remember(account, id, &parameters, unix_ms).await.map_err(failed)?;
        let (watched, behind) = self.points(account, id, &device, &parameters, &request);
        let ping = self.take_place(arrival, id, watched);
        // Once more: one may have gone before the place was taken.
        if check_folders(account, &parameters).is_err() {
            ping.live().folder_is_gone();
        }
        ping.live().compare(&behind, &mut Compared::default());
        Ok(self.lasting(ping, Duration::from_secs(parameters.heartbeat_s)))
    }

    /// A ping that has just come: from now on its mailbox is kept watched.
    pub(crate) fn arrival(&self, account: &Arc<Account>) -> Arrival {
        Arrival { began: account.clock().now(), ticket: self.ticket(), interest: account.interest() }
    }

    /// Lets it take its places in the folders, and an older one of its device end.
    pub(crate) fn take_place(
        self: &Arc<Self>,
        arrival: Arrival,
        id: &Arc<DeviceId>,
        watched: Box<[Watched]>,
    ) -> WaitingPing {
        let Arrival { began, ticket, interest } = arrival;
        let place = Place::take(Live::new(interest, DeviceId::clone(id), watched, (began, ticket)));
        self.enter(&place.0);
        WaitingPing { direct: Arc::clone(self), place, put_off: None, is_answered: false }
    }

    /// With how long it may wait on, of this heartbeat.
    pub(crate) fn lasting(&self, ping: WaitingPing, heartbeat: Duration) -> (WaitingPing, Duration) {
        self.counters.asked_for(heartbeat.as_secs());
        let live = ping.live();
        self.pulses.asked(&live.id, heartbeat, live.account().clock().unix_ms());
        let waited = live.account().clock().now().saturating_duration_since(live.began);
        let early = if heartbeat >= SHORT { EARLY } else { Duration::ZERO };
        (ping, heartbeat.saturating_sub(waited + early))
    }

    /// Remembers what it asked for, on the disk, if that is new. Returns the device.
    async fn remember(
        &self,
        account: &Account,
        id: &Arc<DeviceId>,
        parameters: &PingParameters,
        unix_ms: u64,
    ) -> Result<Device, crate::state::StateError> {
        let _turn = self.devices.turn(id).await;
        let mut device = self.devices.load(id)?.unwrap_or_default();
        // One that only ever pings is heard too: those not heard for longest are forgotten first.
        let was_long_ago = unix_ms.saturating_sub(device.seen_ms) >= DAY_MS;
        if was_long_ago || device.ping.as_ref() != Some(parameters) {
            device.ping = Some(parameters.clone());
            self.keep(account, &mut device, unix_ms);
            self.devices.save(id, &device).await?;
        }
        Ok(device)
    }

    /// Where the device is in each folder, and in which it is behind whatever is there.
    fn points(
        &self,
        account: &Account,
        id: &DeviceId,
        device: &Device,
        parameters: &PingParameters,
        request: &PingRequest,
    ) -> (Box<[Watched]>, Vec<FolderId>) {
        let mut behind = Vec::new();
        let named = request.folders.as_deref().unwrap_or_default();
        let watched = parameters.folders.iter().map(|(folder, _)| {
            let holds = named.iter().find(|named| named.id == *folder).and_then(|named| named.sync_key.as_deref());
            let point = device.point(*folder, holds, self.lost.key(id, *folder).as_deref());
            let Some(point) = point else {
                // Of an unknown key a sync tells that it is unknown.
                behind.push(*folder);
                return Watched::new(*folder, Token::START);
            };
            if point.paging.is_none() {
                return Watched::new(*folder, point);
            }
            // Between two pages: what the next one would tell, or else the point behind it.
            match account.store.recorded(*folder, point, 1) {
                Ok(page) if page.changes.is_empty() => Watched::new(*folder, page.token),
                _ => {
                    behind.push(*folder);
                    Watched::new(*folder, point)
                }
            }
        });
        (watched.collect(), behind)
    }
}

fn check_folders(account: &Account, parameters: &PingParameters) -> Result<(), PingAnswer> {
    let tree = account.tree();
    for (id, class) in &parameters.folders {
        let folder = tree.get(*id).ok_or(PingAnswer::FoldersStale)?;
        if folder.class != *class {
            let detail = format!("folder {id} is of class {}", folder.class.as_str());
            return Err(PingAnswer::BadRequest(detail));
        }
        if account.is_failing(*id) {
            return Err(PingAnswer::ServerError);
        }
    }
    Ok(())
}
