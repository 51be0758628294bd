//! Which module answers which command.

use super::{
    Answer, Call, Command, Status, compose, estimate, folders, items, meeting_response, move_items, ping, provision,
    resolve_recipients, search, settings, sync, validate_cert,
};
use crate::http::Site;

/// The commands that are answered, as devices are told them.
pub(super) const ANSWERED: &[Command] = &[
    Command::Sync,
    Command::SendMail,
    Command::SmartForward,
    Command::SmartReply,
    Command::FolderSync,
    Command::FolderCreate,
    Command::FolderDelete,
    Command::FolderUpdate,
    Command::MoveItems,
    Command::GetItemEstimate,
    Command::MeetingResponse,
    Command::Search,
    Command::Settings,
    Command::Ping,
    Command::ItemOperations,
    Command::Provision,
    Command::ResolveRecipients,
    Command::ValidateCert,
    Command::Find,
];

/// Answers a command of a device that may ask for it. A [`Status`] is told as the status of the whole command.
pub(super) async fn dispatch(site: &Site, call: Call) -> Result<Answer, Status> {
    match call.command {
        Command::Sync => sync::answer(site, call).await,
        Command::SendMail | Command::SmartReply | Command::SmartForward => compose::answer(site, &call).await,
        Command::FolderSync => folders::sync(site, &call).await,
        Command::FolderCreate => folders::create(site, &call).await,
        Command::FolderDelete => folders::delete(site, &call).await,
        Command::FolderUpdate => folders::update(site, &call).await,
        Command::MoveItems => move_items::answer(site, &call).await,
        Command::GetItemEstimate => estimate::answer(site, &call).await,
        Command::MeetingResponse => meeting_response::answer(site, &call).await,
        Command::Search => search::answer(site, &call).await,
        Command::Settings => settings::answer(site, &call).await,
        Command::Ping => ping::answer(site, &call).await,
        Command::ItemOperations => items::answer(site, &call).await,
        Command::Provision => provision::answer(site, &call).await,
        Command::ResolveRecipients => resolve_recipients::answer(&call).await,
        Command::ValidateCert => validate_cert::answer(site, &call).await,
        Command::Find => search::find(site, &call).await,
        // Of versions that are not spoken here.
        Command::GetAttachment => Err(Status::COMMAND_NOT_SUPPORTED),
    }
}
