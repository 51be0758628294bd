//! Which devices may ask for which commands.

use crate::eas::devices::{Heard, TooMany};
use crate::eas::provision::Policy;
use crate::eas::{Call, Command, Status, Version};
use crate::http::Site;

/// Whether a device may ask for a command without having taken the policy: to take it, and to wait ([MS-ASPROV] 3.1.5.1).
pub(super) fn is_exempt(command: Command) -> bool {
    matches!(command, Command::Provision | Command::Ping)
}

/// Lets a device in that may ask for its command; it is remembered that it was heard.
pub(super) async fn let_in(site: &Site, call: &Call) -> Result<(), Status> {
    let config = &site.mail.eas.config;
    if !config.allows(call.id.own_name(), &call.device_type) {
        tracing::info!(account = &*call.id.account, device = call.id.own_name(), "a device is not allowed");
        return Err(Status::DEVICE_BLOCKED);
    }
    let rows = &site.mail.eas.rows;
    let user_agent = call.request.headers().get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
    let heard = Heard {
        device_type: &call.device_type,
        user_agent: user_agent.unwrap_or_default(),
        version: call.version,
        unix_ms: site.mail.hub.clock().unix_ms(),
    };
    match rows.hear(&call.id, heard, config.max_devices_per_user).await {
        Ok(Ok(())) => {}
        Ok(Err(TooMany)) => return Err(Status::TOO_MANY_DEVICES),
        Err(error) => return Err(failed(&error)),
    }
    if !config.provision || is_exempt(call.command) {
        return Ok(());
    }
    let policy: Option<Policy> = rows.load(&call.id, Policy::PART).map_err(|error| failed(&error))?;
    policy.unwrap_or_default().check(call.policy_key)
}

fn failed(error: &crate::state::StateError) -> Status {
    tracing::error!(%error, "a device cannot be looked up");
    Status::RETRY_LATER
}
