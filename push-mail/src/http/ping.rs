//! `ping`: parked until a folder differs from what the device has.

use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use push_core::Identity;
use push_transports::Push;
use push_transports::proto::problem::{Code, Problem};
use push_transports::server::{Wait, later};

use super::json::{self, Ping};
use super::{Named, Site, device_id, json_response};
use crate::account::Account;
use crate::direct::WaitingPing;
use crate::direct::ping::PingAnswer;
use crate::direct::waiting::Outcome;

/// A ping that waits for its answer in this form.
struct Parked {
    ping: WaitingPing,
    /// For refusals.
    push: Push,
}

impl Parked {
    fn tell(&self, outcome: &Outcome) -> http::Response<Bytes> {
        match outcome {
            Outcome::Answer(answer) => json_response(json::pinged(answer)),
            Outcome::Refused(retry) => {
                let detail = "this device pings and never syncs";
                let problem = Problem::new(Code::RateLimited, detail).retry_after(*retry);
                let (parts, _) = self.push.refusal(&problem).into_parts();
                http::Response::from_parts(parts, problem.to_json().into())
            }
        }
    }
}

impl Wait for Parked {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<http::Response<Bytes>> {
        let outcome = std::task::ready!(self.ping.poll(cx));
        Poll::Ready(self.tell(&outcome))
    }

    fn expired(&mut self) -> http::Response<Bytes> {
        let outcome = self.ping.expire();
        self.tell(&outcome)
    }
}

pub(super) async fn answer(
    site: &Site,
    identity: &Identity,
    named: Named,
    request: http::Request<Bytes>,
) -> Result<Response, Problem> {
    let at_once = |answer: PingAnswer| Ok(json_response(json::pinged(&answer)));
    let asked = match Ping::parse(request.body()) {
        Ok(asked) => asked,
        Err(detail) => return at_once(PingAnswer::BadRequest(detail)),
    };
    let account = site.account(identity, asked.account.or(named.account).as_deref()).await?;
    let device = match asked.device.or(named.device) {
        Some(device) => device,
        None => match only_device(site, identity, &account) {
            Some(device) => device,
            None => return at_once(PingAnswer::ParametersMissing("'device' is needed: in the body or the query")),
        },
    };
    let id = match device_id(identity, &account, &device) {
        Ok(id) => id,
        Err(detail) => return at_once(PingAnswer::BadRequest(detail)),
    };
    if site.push.is_draining() {
        // Whoever serves next will tell.
        return at_once(PingAnswer::NoChanges);
    }
    let clock = site.mail.hub.clock();
    match site.mail.direct.ping(&account, &id, asked.request).await {
        Err(answer) => at_once(answer),
        Ok((ping, lasts)) => {
            let lasts = lasts.min(left_of(identity, clock.unix_ms()));
            let parked = later(&request, Parked { ping, push: site.push.clone() }, lasts);
            // Its buffers need not wait.
            drop(request);
            Ok(parked.await.map(Body::new))
        }
    }
}

/// The one device of this login that has pinged before: a ping without a body is its.
fn only_device(site: &Site, identity: &Identity, account: &Account) -> Option<String> {
    let user = identity.user.as_deref().unwrap_or_default();
    match site.mail.direct.devices.pinging(&account.name, user, 2).ok()?.as_slice() {
        [only] => Some(only.to_string()),
        _ => None,
    }
}

/// For how long its credentials hold: the next ping shows new ones.
pub(crate) fn left_of(identity: &Identity, unix_ms: u64) -> Duration {
    identity.expires_ms.map_or(Duration::MAX, |at| Duration::from_millis(at.saturating_sub(unix_ms)))
}
