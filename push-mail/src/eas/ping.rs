//! `Ping`: one long request, answered as soon as a folder differs from what the device holds ([MS-ASCMD] 2.2.1.13).

use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use push_transports::server::{Wait, later};

use super::{Answer, Call, Part, Status, http};
use crate::direct::WaitingPing;
use crate::direct::live::Watched;
use crate::direct::ping::{PingAnswer, PingFolder, PingParameters, PingRequest};
use crate::direct::waiting::Outcome;
use crate::http::{Site, left_of};
use crate::store::{Class, FolderId, Hint};
use crate::wbxml::tags::ping as tag;
use crate::wbxml::{Element, Tag};

/// What the device asked for last.
pub(super) const PART: Part = Part("ping");

/// Longest name of a folder ([MS-ASCMD] 2.2.3.89, Id).
const MAX_ID: usize = 64;

pub(super) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    match try_answer(site, call).await {
        Ok(answer) => Ok(answer),
        Err(answer) => Ok(Answer::Document(told(&answer))),
    }
}

async fn try_answer(site: &Site, call: &Call) -> Result<Answer, PingAnswer> {
    let failed = |error: crate::state::StateError| {
        tracing::error!(%error, "a ping failed");
        PingAnswer::ServerError
    };
    let eas = &site.mail.eas;
    let arrival = site.mail.direct.arrival(&call.account);
    let request = parse(call.document.as_ref())?;
    let before: Option<PingParameters> = eas.rows.load(&call.id, PART).map_err(failed)?;
    let parameters = match request.complete(before.as_ref(), &call.account.config) {
        Err(PingAnswer::HeartbeatOutOfRange { min, max }) => {
            let asked = request.heartbeat_s.or(before.and_then(|before| i64::try_from(before.heartbeat_s).ok()));
            let is_beyond = asked.is_some_and(|asked| i64::try_from(max.as_secs()).is_ok_and(|max| asked > max));
            return Ok(Answer::Document(out_of_range(if is_beyond { max } else { min })));
        }
        complete => complete?,
    };
    if before.as_ref() != Some(&parameters) {
        eas.rows.save(&call.id, PART, &parameters).await.map_err(failed)?;
    }
    if site.push.is_draining() {
        // Whoever serves next will tell.
        return Ok(Answer::Document(told(&PingAnswer::NoChanges)));
    }
    if !call.account.be_live().await {
        return Err(PingAnswer::ServerError);
    }
    let seen = call.account.tree();
    if eas.is_tree_stale(&call.id, &seen).map_err(failed)? {
        // Or it knows more than was seen here: asked for the folders it would be told nothing, and so on.
        call.account.hint(Hint::Tree);
        let now = call.account.store.hierarchy().await.map_err(|_| PingAnswer::ServerError)?;
        if eas.is_tree_stale(&call.id, &now).map_err(failed)? {
            return Err(PingAnswer::FoldersStale);
        }
    }
    if parameters.folders.iter().any(|(folder, _)| call.account.is_failing(*folder)) {
        return Err(PingAnswer::ServerError);
    }
    let watched = parameters.folders.iter().map(|(folder, _)| Watched::by_eas(*folder)).collect();
    let waiting = site.mail.direct.take_place(arrival, &call.id, watched);
    // Once more: the tree may have changed before the place was taken.
    let now = call.account.tree();
    if now.version != seen.version && eas.is_tree_stale(&call.id, &now).map_err(failed)? {
        return Err(PingAnswer::FoldersStale);
    }
    waiting.live().compare(&[], &mut Default::default());
    let heartbeat = Duration::from_secs(parameters.heartbeat_s);
    let (waiting, lasts) = site.mail.direct.lasting(waiting, heartbeat);
    let lasts = lasts.min(left_of(&call.identity, call.account.clock().unix_ms()));
    let response = later(&call.request, Parked(waiting), lasts).await;
    Ok(Answer::Response(Box::new(response.map(Body::new))))
}

/// A ping that waits.
struct Parked(WaitingPing);

impl Parked {
    fn tell(&self, outcome: &Outcome) -> ::http::Response<Bytes> {
        match outcome {
            Outcome::Answer(answer) => http::document(&told(answer)),
            Outcome::Refused(after) => http::come_back(*after, "this device pings and never syncs"),
        }
    }
}

impl Wait for Parked {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<::http::Response<Bytes>> {
        let outcome = std::task::ready!(self.0.poll(cx));
        Poll::Ready(self.tell(&outcome))
    }

    fn expired(&mut self) -> ::http::Response<Bytes> {
        let outcome = self.0.expire();
        self.tell(&outcome)
    }
}

/// What is asked for; nothing by an empty body.
fn parse(document: Option<&Element>) -> Result<PingRequest, PingAnswer> {
    let Some(document) = document else { return Ok(PingRequest::default()) };
    let bad = |why: &str| PingAnswer::BadRequest(why.to_owned());
    let (heartbeat, folders) = (document.child_text(tag::HEARTBEAT_INTERVAL), document.child(tag::FOLDERS));
    if document.tag != tag::PING || heartbeat.is_none() && folders.is_none() {
        return Err(bad("neither an interval nor folders"));
    }
    let heartbeat_s = heartbeat.map(|text| text.trim().parse().map_err(|_| bad("the interval is no number")));
    let folders = folders.map(|folders| {
        let mut never_given = 0;
        folders
            .children(tag::FOLDER)
            .map(|asked| folder(asked, &mut never_given).ok_or_else(|| bad("a folder")))
            .collect()
    });
    Ok(PingRequest { heartbeat_s: heartbeat_s.transpose()?, folders: folders.transpose()? })
}

/// A folder that is named. One that was never given is not there, and each of them is another.
fn folder(asked: &Element, never_given: &mut u32) -> Option<PingFolder> {
    let id = asked.child_text(tag::ID).filter(|id| (1..=MAX_ID).contains(&id.len()))?;
    let class = asked.child_text(tag::CLASS)?;
    let class = Class::parse(class.trim())?;
    let given = id.parse().ok().filter(|given: &FolderId| given.to_string() == id);
    let id = given.unwrap_or_else(|| {
        *never_given += 1;
        FolderId(u32::MAX - *never_given)
    });
    Some(PingFolder { id, class, sync_key: None })
}

/// In the order of the schema; folders only where there are some.
fn told(answer: &PingAnswer) -> Element {
    let status = |status: u8| Element::new(tag::PING).with_text(tag::STATUS, status);
    match answer {
        PingAnswer::NoChanges => status(1),
        PingAnswer::Changes(folders) => {
            let folders = folders.iter().map(|folder| Element::text(FOLDER, folder));
            status(2).with(Element::new(tag::FOLDERS).with_all(folders))
        }
        PingAnswer::ParametersMissing(_) => status(3),
        PingAnswer::BadRequest(_) => status(4),
        PingAnswer::HeartbeatOutOfRange { min, .. } => out_of_range(*min),
        PingAnswer::TooManyFolders { max } => status(6).with_text(tag::MAX_FOLDERS, max),
        PingAnswer::FoldersStale => status(7),
        PingAnswer::ServerError => status(8),
    }
}

/// The bound that the interval is beyond.
fn out_of_range(bound: Duration) -> Element {
    Element::new(tag::PING).with_text(tag::STATUS, 5).with_text(tag::HEARTBEAT_INTERVAL, bound.as_secs())
}

/// In an answer a folder is its id alone.
const FOLDER: Tag = tag::FOLDER;
