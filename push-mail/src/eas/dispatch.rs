//! Which module answers which command.

use super::{Answer, Call, Command, Status, compose};
use crate::http::Site;

/// Answers a command of a device that may ask for it. A [`Status`] is told as the status of the whole command.
pub(super) async fn dispatch(site: &Site, call: Call) -> Result<Answer, Status> {
    match call.command {
        Command::SendMail | Command::SmartReply | Command::SmartForward => compose::answer(site, &call).await,
        // Of versions that are not spoken here.
        Command::GetAttachment => Err(Status::COMMAND_NOT_SUPPORTED),
        _ => Err(Status::COMMAND_NOT_SUPPORTED),
    }
}
