//! What each command is called, and how it says as a whole that it came to nothing.

use crate::eas::{Command, Status};
use crate::wbxml::{Element, Tag, tags};

/// A command as it stands in queries and documents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelled {
    pub(super) command: Command,
    pub(super) name: &'static str,
    /// The root of its documents and the status in it; `None` for what has no document.
    document: Option<(Tag, Tag)>,
    /// What it says to a document that is none: its own word where it has one ([MS-ASCMD] 2.2.3.177), else the common
    /// one.
    malformed: Status,
}

use tags::{
    air_sync, compose_mail, find, folder_hierarchy, get_item_estimate, item_operations, meeting_response, move_items,
    ping, provision, resolve_recipients, search, settings, validate_cert,
};

const fn spelled(command: Command, name: &'static str, root: Tag, status: Tag, malformed: u16) -> Spelled {
    Spelled { command, name, document: Some((root, status)), malformed: Status(malformed) }
}

/// All commands ([MS-ASHTTP] 2.2.1.1.1.1.2).
const ALL: [Spelled; 20] = [
    spelled(Command::Sync, "Sync", air_sync::SYNC, air_sync::STATUS, 4),
    spelled(Command::SendMail, "SendMail", compose_mail::SEND_MAIL, compose_mail::STATUS, 102),
    spelled(Command::SmartForward, "SmartForward", compose_mail::SMART_FORWARD, compose_mail::STATUS, 102),
    spelled(Command::SmartReply, "SmartReply", compose_mail::SMART_REPLY, compose_mail::STATUS, 102),
    Spelled {
        command: Command::GetAttachment,
        name: "GetAttachment",
        document: None,
        malformed: Status::INVALID_WBXML,
    },
    spelled(Command::FolderSync, "FolderSync", folder_hierarchy::FOLDER_SYNC, folder_hierarchy::STATUS, 10),
    spelled(Command::FolderCreate, "FolderCreate", folder_hierarchy::FOLDER_CREATE, folder_hierarchy::STATUS, 10),
    spelled(Command::FolderDelete, "FolderDelete", folder_hierarchy::FOLDER_DELETE, folder_hierarchy::STATUS, 10),
    spelled(Command::FolderUpdate, "FolderUpdate", folder_hierarchy::FOLDER_UPDATE, folder_hierarchy::STATUS, 10),
    spelled(Command::MoveItems, "MoveItems", move_items::MOVE_ITEMS, move_items::STATUS, 102),
    spelled(
        Command::GetItemEstimate,
        "GetItemEstimate",
        get_item_estimate::GET_ITEM_ESTIMATE,
        get_item_estimate::STATUS,
        102,
    ),
    spelled(
        Command::MeetingResponse,
        "MeetingResponse",
        meeting_response::MEETING_RESPONSE,
        meeting_response::STATUS,
        102,
    ),
    spelled(Command::Search, "Search", search::SEARCH, search::STATUS, 102),
    spelled(Command::Settings, "Settings", settings::SETTINGS, settings::STATUS, 2),
    spelled(Command::Ping, "Ping", ping::PING, ping::STATUS, 4),
    spelled(Command::ItemOperations, "ItemOperations", item_operations::ITEM_OPERATIONS, item_operations::STATUS, 2),
    spelled(Command::Provision, "Provision", provision::PROVISION, provision::STATUS, 2),
    spelled(
        Command::ResolveRecipients,
        "ResolveRecipients",
        resolve_recipients::RESOLVE_RECIPIENTS,
        resolve_recipients::STATUS,
        5,
    ),
    spelled(Command::ValidateCert, "ValidateCert", validate_cert::VALIDATE_CERT, validate_cert::STATUS, 2),
    spelled(Command::Find, "Find", find::FIND, find::STATUS, 102),
];

impl Spelled {
    fn of(command: Command) -> &'static Self {
        ALL.iter().find(|spelled| spelled.command == command).expect("each command is spelled")
    }

    /// The document that says `status` of the command as a whole.
    pub(super) fn told(command: Command, status: Status) -> Option<Element> {
        let (root, its_status) = Self::of(command).document?;
        Some(Element::new(root).with_text(its_status, status.0))
    }

    /// What a document that is none is answered with.
    pub(super) fn malformed(command: Command) -> Status {
        Self::of(command).malformed
    }

    /// Whether documents of the command begin so.
    pub(super) fn is_root(command: Command, root: Tag) -> bool {
        Self::of(command).document.is_some_and(|(its, _)| its == root)
    }

    pub(super) fn by_name(name: &str) -> Option<Command> {
        ALL.iter().find(|spelled| spelled.name.eq_ignore_ascii_case(name)).map(|spelled| spelled.command)
    }

    pub(super) fn by_code(code: u8) -> Option<Command> {
        ALL.iter().map(|spelled| spelled.command).find(|command| *command as u8 == code)
    }

    pub(super) fn name(command: Command) -> &'static str {
        Self::of(command).name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_found_by_its_name_in_any_case_and_by_its_number() {
        for spelled in &ALL {
            assert_eq!(Spelled::by_name(&spelled.name.to_uppercase()), Some(spelled.command));
            assert_eq!(Spelled::by_code(spelled.command as u8), Some(spelled.command));
            if let Some((root, status)) = spelled.document {
                assert_eq!((root.name(), status.name()), (Some(spelled.name), Some("Status")));
                assert_eq!(root.page(), status.page());
            }
        }
        assert_eq!((Spelled::by_name("Autodiscover"), Spelled::by_code(5), Spelled::by_code(24)), (None, None, None));
    }

    #[test]
    fn a_status_is_told_on_the_code_page_of_the_command() {
        let told = Spelled::told(Command::SendMail, Status::COMMAND_NOT_SUPPORTED).expect("a document");
        assert_eq!(crate::wbxml::encode(&told).as_ref(), b"\x03\x01\x6a\x00\x00\x15\x45\x52\x03137\x00\x01\x01");
        assert_eq!(Spelled::told(Command::GetAttachment, Status::COMMAND_NOT_SUPPORTED), None);
    }
}
