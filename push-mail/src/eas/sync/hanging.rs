//! A sync that waits: nothing is to be told yet, and its answer may take as long as the device says ([MS-ASCMD]
//! 2.2.3.207, Wait).
//!
//! It waits as a ping does; woken, it syncs once more, and that is the answer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use push_transports::server::{Wait, later};
use tokio::sync::oneshot;

use super::collection::Collection;
use super::request::Refused;
use super::{Plan, load, refusal, run};
use crate::direct::WaitingPing;
use crate::direct::live::Watched;
use crate::direct::ping::PingAnswer;
use crate::direct::waiting::{Arrival, Outcome};
use crate::eas::{Answer, Call, Command, Status, http};
use crate::http::{Site, left_of};
use crate::store::FolderId;

/// Lets the sync wait.
pub(super) async fn wait(
    site: &Site,
    call: &Arc<Call>,
    mut plan: Plan,
    (arrival, lasts): (Arrival, Duration),
) -> Result<Answer, Status> {
    if site.push.is_draining() {
        return Ok(Answer::Empty);
    }
    if !call.account.be_live().await {
        return Err(Status::SERVER_ERROR);
    }
    plan.has_waited = true;
    for asked in plan.folders.iter_mut().filter(|asked| asked.key.is_none()) {
        // The key that it means now, and not one that a newer sync is given while this one waits.
        let folder = asked.id.parse().ok();
        let known = folder.and_then(|folder| load(&site.mail.eas, &call.id, folder).ok().flatten());
        asked.key = known.as_ref().and_then(Collection::newest_key).map(str::to_owned);
    }
    let folders: Vec<FolderId> = plan.folders.iter().filter_map(|asked| asked.id.parse().ok()).collect();
    let watched = folders.iter().copied().map(Watched::by_eas).collect();
    let waiting = site.mail.direct.take_place(arrival, &call.id, watched);
    waiting.live().compare(&[], &mut Default::default());
    let (waiting, lasts) = site.mail.direct.lasting(waiting, lasts);
    let lasts = lasts.min(left_of(&call.identity, call.account.clock().unix_ms()));
    let again = Again { site: site.clone(), call: Arc::clone(call), plan };
    let parked = Parked { state: State::Waiting(waiting, Some(Box::new(again))) };
    Ok(Answer::Response(Box::new(later(&call.request, parked, lasts).await.map(Body::new))))
}

/// What is done once it is woken.
struct Again {
    site: Site,
    call: Arc<Call>,
    plan: Plan,
}

impl Again {
    /// Syncs, and hands the answer over. Parked, nobody hears whether it is written out: where somebody waits for it still
    /// it counts as arrived, and what a device misses then it asks for with its key.
    async fn answer(self, tell: oneshot::Sender<::http::Response<Bytes>>) {
        let (answer, on_their_way) = match run(&self.site, &self.call, &self.plan).await {
            Ok(Answer::Arriving(document, on_their_way)) => (http::document(&document), on_their_way),
            Ok(_) => (http::empty(), Vec::new()),
            Err(status) => (http::status(Command::Sync, status), Vec::new()),
        };
        if tell.send(answer).is_ok() {
            on_their_way.into_iter().for_each(|on_its_way| on_its_way.arrived());
        }
    }
}

enum State {
    Waiting(WaitingPing, Option<Box<Again>>),
    Syncing(oneshot::Receiver<::http::Response<Bytes>>),
}

struct Parked {
    state: State,
}

impl Wait for Parked {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<::http::Response<Bytes>> {
        if let State::Waiting(waiting, again) = &mut self.state {
            match std::task::ready!(waiting.poll(cx)) {
                // A newer request of its device has come, or the server goes down.
                Outcome::Answer(PingAnswer::NoChanges) => return Poll::Ready(http::empty()),
                Outcome::Refused(after) => return Poll::Ready(http::come_back(after, "this device asks too often")),
                Outcome::Answer(PingAnswer::FoldersStale) => {
                    return Poll::Ready(http::document(&refusal(Refused::Stale)));
                }
                Outcome::Answer(_) => {}
            }
            let (tell, told) = oneshot::channel();
            if let Some(again) = again.take() {
                tokio::spawn(again.answer(tell));
            }
            self.state = State::Syncing(told);
        }
        let State::Syncing(told) = &mut self.state else { return Poll::Ready(http::empty()) };
        let told = std::task::ready!(std::pin::Pin::new(told).poll(cx));
        Poll::Ready(told.unwrap_or_else(|_| http::status(Command::Sync, Status::SERVER_ERROR)))
    }

    fn expired(&mut self) -> ::http::Response<Bytes> {
        if let State::Waiting(waiting, _) = &mut self.state {
            waiting.expire();
        }
        http::empty()
    }
}
