//! Which module answers which command.

use super::{Answer, Call, Command, Status, provision, settings};
use crate::http::Site;

/// The commands that are answered, as devices are told them.
pub(super) const ANSWERED: &[Command] = &[Command::Settings, Command::Provision];

/// Answers a command of a device that may ask for it. A [`Status`] is told as the status of the whole command.
pub(super) async fn dispatch(site: &Site, call: Call) -> Result<Answer, Status> {
    match call.command {
        Command::Settings => settings::answer(site, &call).await,
        Command::Provision => provision::answer(site, &call).await,
        // Of versions that are not spoken here.
        Command::GetAttachment => Err(Status::COMMAND_NOT_SUPPORTED),
        _ => Err(Status::COMMAND_NOT_SUPPORTED),
    }
}
