//! Which module answers which command.

use super::{Answer, Call, Command, Status, items};
use crate::http::Site;

/// The commands that are answered, as devices are told them.
pub(super) const ANSWERED: &[Command] = &[Command::ItemOperations];

/// Answers a command of a device that may ask for it. A [`Status`] is told as the status of the whole command.
pub(super) async fn dispatch(site: &Site, call: Call) -> Result<Answer, Status> {
    match call.command {
        // Of versions that are not spoken here.
        Command::GetAttachment => Err(Status::COMMAND_NOT_SUPPORTED),
        Command::ItemOperations => items::answer(site, &call).await,
        _ => Err(Status::COMMAND_NOT_SUPPORTED),
    }
}
