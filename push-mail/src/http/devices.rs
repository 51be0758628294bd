//! `devices`: those that ask for a mailbox, and how their pings do.

use axum::response::Response;
use bytes::Bytes;
use push_core::{Action, Identity};
use push_transports::proto::problem::{Code, Problem};
use serde::Serialize;

use super::{Site, json_response};
use crate::direct::pulse::DevicePings;
use crate::eas::DeviceSummary;

/// The list as it is written.
#[derive(Serialize)]
struct List<'a> {
    account: &'a str,
    devices: Vec<Listed<'a>>,
}

/// A device; what is not known is left out.
#[derive(Serialize)]
struct Listed<'a> {
    device: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    device_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    agent: &'a str,
    /// Of Exchange ActiveSync.
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    first_seen_ms: u64,
    last_seen_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_s: Option<u64>,
    pings: Pings,
}

/// Its pings since the start of the process.
#[derive(Serialize)]
struct Pings {
    waiting: bool,
    answered: u64,
    cut: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_heartbeat_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_after_s: Option<u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<'a> Listed<'a> {
    fn new(summary: &'a DeviceSummary) -> Self {
        let DevicePings { is_waiting, answered, cut, mean_heartbeat, cut_after } = summary.pings;
        Self {
            device: &summary.device,
            user: summary.user.as_deref(),
            device_type: &summary.device_type,
            agent: &summary.user_agent,
            version: &summary.version,
            model: summary.model.as_deref(),
            os: summary.os.as_deref(),
            name: summary.friendly_name.as_deref(),
            first_seen_ms: summary.first_seen_ms,
            last_seen_ms: summary.last_seen_ms,
            heartbeat_s: summary.heartbeat.map(|heartbeat| heartbeat.as_secs()),
            pings: Pings {
                waiting: is_waiting,
                answered,
                cut,
                mean_heartbeat_s: mean_heartbeat.map(|mean| mean.as_secs()),
                cut_after_s: cut_after.map(|age| age.as_secs()),
            },
        }
    }
}

/// Those of the one who asks; an operator, and anyone where nobody has a name, gets all of the account.
pub(super) async fn answer(site: &Site, identity: &Identity, named: Option<&str>) -> Result<Response, Problem> {
    let account = site.account(identity, named).await?;
    let authorizer = site.push.authorizer();
    let sees_all = authorizer.is_open() || authorizer.authorize(identity, Action::Admin, None).await;
    let mut devices = site.mail.devices(Some(&account.name)).map_err(|error| {
        tracing::warn!(account = &*account.name, %error, "the devices cannot be told");
        Problem::new(Code::Internal, "the devices cannot be told now")
    })?;
    devices.retain(|device| sees_all || device.user.as_deref() == identity.user.as_deref());
    let list = List { account: &account.name, devices: devices.iter().map(Listed::new).collect() };
    Ok(json_response(Bytes::from(serde_json::to_vec(&list).expect("plain data is JSON"))))
}
