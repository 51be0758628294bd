//! `content`: what was pushed to a device and not acknowledged yet, sent until it is.
//!
//! The device needs no memory: it shows the cursor of the last answer that it has kept, and the server remembers it. What
//! an answer carried is sent again with the next one until its cursor is shown. Beneath it is a poll of the account's
//! channels from there, with all that a poll can: it parks, tells what is lost, and has limits.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, Uri};
use push_core::{Cursor, Identity};
use push_transports::proto::problem::{Code, Problem};
use tower_service::Service as _;

use super::json::Content;
use super::{Site, device_id};
use crate::name;

pub(super) async fn answer(
    site: &Site,
    identity: &Identity,
    request: http::Request<Bytes>,
) -> Result<Response, Problem> {
    let asked = Content::parse(request.body())?;
    let account = site.account(identity, asked.account.as_deref()).await?;
    let id = device_id(identity, &account, &asked.device).map_err(Problem::bad_parameter)?;
    let since = acknowledge(site, &account, &id, asked.ack.as_deref()).await?;
    let mut target = format!("/poll?channel={}/*&since={since}", encoded(&name::prefix(&account.name)));
    for (name, value) in [("timeout", asked.timeout_s), ("limit", asked.limit)] {
        if let Some(value) = value {
            let _ = write!(target, "&{name}={value}");
        }
    }
    // Who shows a token in the query has no other.
    let query = request.uri().query().unwrap_or_default();
    for (_, token) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "token") {
        let _ = write!(target, "&token={}", encoded(&token));
    }
    let (mut parts, _) = request.into_parts();
    parts.method = Method::GET;
    parts.uri = target.parse::<Uri>().map_err(|_| Problem::new(Code::Internal, "the account cannot be polled"))?;
    let request = http::Request::from_parts(parts, http_body_util::Empty::<Bytes>::new());
    let Ok(response) = site.push.service().call(request).await;
    Ok(response.map(Body::new))
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Remembers what the device has, on the disk before anything behind it is sent. Returns from where it goes on.
async fn acknowledge(
    site: &Site,
    account: &crate::account::Account,
    id: &std::sync::Arc<crate::direct::devices::DeviceId>,
    ack: Option<&str>,
) -> Result<String, Problem> {
    let failed = |_| Problem::new(Code::Storage, "the device cannot be remembered now");
    let ack = ack.map(|text| Cursor::parse(text).map_err(Problem::from)).transpose()?;
    let devices = &site.mail.direct.devices;
    let _turn = devices.turn(id).await;
    let mut device = devices.load(id).map_err(failed)?.unwrap_or_default();
    let head = site.mail.hub.head();
    // What was never published cannot have been kept: it must not stand in the way of what will be.
    let may_be = |cursor: &Cursor| cursor.epoch != head.epoch || cursor.number <= head.number;
    let known = device.acknowledged.as_deref().and_then(|text| Cursor::parse(text).ok()).filter(may_be);
    let since = match (known, ack) {
        // One that comes late takes nothing back.
        (Some(known), Some(ack)) if ack.epoch == known.epoch && ack.number < known.number => known,
        (_, Some(ack)) => ack,
        (Some(known), None) => known,
        (None, None) => head,
    };
    if known != Some(since) {
        device.acknowledged = Some(since.to_string());
        site.mail.direct.keep(account, &mut device, site.mail.hub.clock().unix_ms());
        devices.save(id, &device).await.map_err(failed)?;
    }
    Ok(encoded(&since.to_string()))
}
