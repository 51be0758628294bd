//! Folders: what they are called, what they are for, and the number that stays.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A folder's number in its account: stays through renames, never given again. On the wire its decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FolderId(pub u32);

impl fmt::Display for FolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FolderId {
    type Err = std::num::ParseIntError;

    /// # Errors
    ///
    /// For anything but decimal digits of a `u32`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(FolderId)
    }
}

/// What the items of a folder are ([MS-ASCMD] 2.2.3.27, Class).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Messages.
    #[default]
    Email,
    /// Appointments.
    Calendar,
    /// People.
    Contacts,
    /// Tasks.
    Tasks,
    /// Notes.
    Notes,
}

impl Class {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Email => "Email",
            Class::Calendar => "Calendar",
            Class::Contacts => "Contacts",
            Class::Tasks => "Tasks",
            Class::Notes => "Notes",
        }
    }

    /// The class of that word; words are as on the wire, case included.
    pub fn parse(word: &str) -> Option<Self> {
        [Class::Email, Class::Calendar, Class::Contacts, Class::Tasks, Class::Notes]
            .into_iter()
            .find(|class| class.as_str() == word)
    }
}

/// What a folder is for. The numbers are those of [MS-ASCMD] 2.2.3.186.3 (Type).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum FolderKind {
    /// Where mail arrives.
    Inbox = 2,
    /// Unfinished messages.
    Drafts = 3,
    /// Deleted messages.
    Trash = 4,
    /// Sent messages.
    Sent = 5,
    /// Messages to be sent.
    Outbox = 6,
    /// The tasks of the account; those below are others of the user's.
    Tasks = 7,
    /// The calendar.
    Calendar = 8,
    /// The address book.
    Contacts = 9,
    /// The notes.
    Notes = 10,
    /// A folder of the user's for mail; junk and archives too, which EAS has no number for.
    #[default]
    Mail = 12,
    /// Another calendar.
    UserCalendar = 13,
    /// Another address book.
    UserContacts = 14,
    /// Other tasks.
    UserTasks = 15,
    /// Other notes.
    UserNotes = 17,
}

impl FolderKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            FolderKind::Inbox => "inbox",
            FolderKind::Drafts => "drafts",
            FolderKind::Trash => "trash",
            FolderKind::Sent => "sent",
            FolderKind::Outbox => "outbox",
            FolderKind::Tasks => "tasks",
            FolderKind::Calendar => "calendar",
            FolderKind::Contacts => "contacts",
            FolderKind::Notes => "notes",
            FolderKind::Mail => "mail",
            FolderKind::UserCalendar => "user_calendar",
            FolderKind::UserContacts => "user_contacts",
            FolderKind::UserTasks => "user_tasks",
            FolderKind::UserNotes => "user_notes",
        }
    }

    /// The kind of a folder for items of that class: the account's own one, of which there is one, or another. Of mail,
    /// a folder of the user's.
    pub const fn of_class(class: Class, is_the_one: bool) -> Self {
        match (class, is_the_one) {
            (Class::Email, _) => FolderKind::Mail,
            (Class::Calendar, true) => FolderKind::Calendar,
            (Class::Calendar, false) => FolderKind::UserCalendar,
            (Class::Contacts, true) => FolderKind::Contacts,
            (Class::Contacts, false) => FolderKind::UserContacts,
            (Class::Tasks, true) => FolderKind::Tasks,
            (Class::Tasks, false) => FolderKind::UserTasks,
            (Class::Notes, true) => FolderKind::Notes,
            (Class::Notes, false) => FolderKind::UserNotes,
        }
    }

    /// What the items of such a folder are.
    pub const fn class(self) -> Class {
        match self {
            FolderKind::Tasks | FolderKind::UserTasks => Class::Tasks,
            FolderKind::Calendar | FolderKind::UserCalendar => Class::Calendar,
            FolderKind::Contacts | FolderKind::UserContacts => Class::Contacts,
            FolderKind::Notes | FolderKind::UserNotes => Class::Notes,
            FolderKind::Inbox
            | FolderKind::Drafts
            | FolderKind::Trash
            | FolderKind::Sent
            | FolderKind::Outbox
            | FolderKind::Mail => Class::Email,
        }
    }

    /// A guess by the name of a top-level folder, as mail programs name them; for stores that say nothing better
    /// (RFC 6154 for IMAP).
    pub fn by_name(path: &str) -> Self {
        match path.to_ascii_lowercase().as_str() {
            "inbox" => FolderKind::Inbox,
            "drafts" | "draft" => FolderKind::Drafts,
            "trash" | "deleted items" | "deleted messages" => FolderKind::Trash,
            "sent" | "sent items" | "sent messages" => FolderKind::Sent,
            "outbox" => FolderKind::Outbox,
            _ => FolderKind::Mail,
        }
    }
}

/// A folder of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its number.
    pub id: FolderId,
    /// Its path for people: names joined by `/`, decoded; the inbox is `INBOX`. Within a name `/` stands as `%2F`, and a
    /// `%` that would make something of that as `%25`.
    pub path: String,
    /// What it is for.
    pub kind: FolderKind,
    /// What its items are.
    pub class: Class,
}

/// A folder's name as a part of a path: what would be read as something else is encoded.
pub(crate) fn part_of_path(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for (place, c) in name.char_indices() {
        match c {
            '/' => part.push_str("%2F"),
            '%' if encoded(&name[place..]).is_some() => part.push_str("%25"),
            _ => part.push(c),
        }
    }
    part
}

/// The name that a part of a path stands for.
pub(crate) fn name_of_part(mut part: &str) -> String {
    let mut name = String::with_capacity(part.len());
    while let Some(place) = part.find('%') {
        name.push_str(&part[..place]);
        let is_encoded = encoded(&part[place..]);
        name.push(is_encoded.unwrap_or('%'));
        part = &part[place + if is_encoded.is_some() { 3 } else { 1 }..];
    }
    name + part
}

/// What is encoded at the beginning of `text`.
fn encoded(text: &str) -> Option<char> {
    match text.get(..3)? {
        "%25" => Some('%'),
        "%2F" | "%2f" => Some('/'),
        _ => None,
    }
}

/// The folders of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// Grows whenever a folder comes, goes or is renamed.
    pub version: u64,
    /// Ordered by path, the inbox first.
    pub folders: Vec<Folder>,
}

impl Hierarchy {
    /// The folder of that number.
    pub fn get(&self, id: FolderId) -> Option<&Folder> {
        self.folders.iter().find(|folder| folder.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_paths_as_they_are_unless_they_would_be_read_otherwise() {
        for (name, part) in [
            ("50% off", "50% off"),
            ("a/b", "a%2Fb"),
            ("%", "%"),
            ("%2F", "%252F"),
            ("%25", "%2525"),
            ("%%25/", "%%2525%2F"),
            ("%2/", "%2%2F"),
            ("100%ä", "100%ä"),
        ] {
            assert_eq!(part_of_path(name), part);
            assert_eq!(name_of_part(part), name);
        }
    }

    #[test]
    fn every_class_has_its_kinds() {
        for class in [Class::Email, Class::Calendar, Class::Contacts, Class::Tasks, Class::Notes] {
            for is_the_one in [true, false] {
                assert_eq!(FolderKind::of_class(class, is_the_one).class(), class);
            }
        }
        let numbers = [Class::Tasks, Class::Calendar, Class::Contacts, Class::Notes]
            .map(|class| [true, false].map(|is_the_one| FolderKind::of_class(class, is_the_one) as u8));
        // [MS-ASCMD] 2.2.3.186.3.
        assert_eq!(numbers, [[7, 15], [8, 13], [9, 14], [10, 17]]);
    }

    #[test]
    fn words_of_the_wire_are_read_back() {
        for class in ["Email", "Calendar", "Contacts", "Tasks", "Notes"] {
            assert_eq!(Class::parse(class).map(Class::as_str), Some(class));
        }
        assert_eq!(Class::parse("email"), None);
        assert_eq!("17".parse(), Ok(FolderId(17)));
        for wrong in ["", "-1", "4294967296", "f1", " 1"] {
            assert!(wrong.parse::<FolderId>().is_err(), "{wrong:?}");
        }
    }
}
