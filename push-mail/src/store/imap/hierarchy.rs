//! The folders of an account, and what they hold where that is told along.

use std::collections::{HashMap, HashSet};

use super::command::Command;
use super::name::path;
use super::session::Session;
use super::wire::{Counts, Event};
use crate::journal::SeenFolder;
use crate::store::{Class, FolderKind, StoreError, StoreErrorKind};

/// Folders that are asked one by one what they are, where the server cannot tell it of all.
const ASKED: usize = 200;

/// All folders of an account.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) folders: Vec<SeenFolder>,
    /// What they hold, by name, where that was told.
    pub(super) counts: HashMap<String, Counts>,
    /// What stands between the names of a path.
    pub(super) delimiter: Option<char>,
}

struct Listed {
    name: String,
    attributes: Vec<String>,
    delimiter: Option<char>,
}

impl Session {
    /// Lists the folders.
    pub(super) async fn survey(&mut self, max_folders: usize) -> Result<Survey, StoreError> {
        // Servers may know less of a mailbox that is open (RFC 9051 §6.3.11).
        self.leave().await?;
        let (listed, mut told) = self.list(max_folders).await?;
        if !self.can.list_status() && listed.len() <= ASKED {
            for folder in listed.iter().filter(|it| it.is_selectable()) {
                match self.status(&folder.name).await {
                    Ok(status) => {
                        told.insert(folder.name.clone(), status);
                    }
                    Err(error) if error.is_retryable() => return Err(error),
                    // It is there and cannot be opened, or went just now.
                    Err(_) => {}
                }
            }
        }
        Ok(arrange(listed, &told))
    }

    async fn list(
        &mut self,
        max_folders: usize,
    ) -> Result<(Vec<Listed>, HashMap<String, (Counts, Option<String>)>), StoreError> {
        let command = match self.can.list_status() {
            true => format!("LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS ({}))", self.status_items()),
            false => "LIST \"\" \"*\"".to_owned(),
        };
        let mut listed = Vec::new();
        let mut told = HashMap::new();
        let mut unread = false;
        let mut sink = |event| {
            match event {
                Event::List { name, attributes, delimiter } if listed.len() <= max_folders => {
                    listed.push(Listed { name, attributes, delimiter });
                }
                Event::List { .. } => {}
                Event::Status { name, counts, mailbox_id } if told.len() <= max_folders => {
                    told.insert(name, (counts, mailbox_id));
                }
                Event::Odd(words) if words.starts_with("LIST ") || words.starts_with("STATUS ") => unread = true,
                other => return Some(other),
            }
            None
        };
        self.run(Command::new(command), &mut sink).await?.ok("list folders")?;
        if unread {
            let detail = "the server lists folders in a way that is not understood";
            return Err(StoreError::new(StoreErrorKind::Unavailable, detail));
        }
        let names: HashSet<_> = listed.iter().map(|folder| &folder.name).collect();
        if names.len() < listed.len() {
            // The server told of a change meanwhile: which of the two is so now the next list shows.
            self.ledger.stir_tree();
        }
        if listed.len() > max_folders {
            let detail = format!("the account has more than {max_folders} folders");
            return Err(StoreError::new(StoreErrorKind::Invalid, detail));
        }
        Ok((listed, told))
    }
}

impl Listed {
    fn is_selectable(&self) -> bool {
        !self.attributes.iter().any(|it| it == "\\noselect" || it == "\\nonexistent")
    }

    /// RFC 6154.
    fn use_of(&self) -> Option<FolderKind> {
        self.attributes.iter().find_map(|attribute| match attribute.as_str() {
            "\\drafts" => Some(FolderKind::Drafts),
            "\\trash" => Some(FolderKind::Trash),
            "\\sent" => Some(FolderKind::Sent),
            _ => None,
        })
    }
}

fn arrange(listed: Vec<Listed>, told: &HashMap<String, (Counts, Option<String>)>) -> Survey {
    let delimiter = listed.iter().find_map(|folder| folder.delimiter);
    let uses: Vec<_> = listed.iter().filter_map(Listed::use_of).collect();
    let mut validities: HashMap<u32, u32> = HashMap::new();
    for validity in told.values().filter_map(|(counts, _)| counts.validity) {
        *validities.entry(validity).or_default() += 1;
    }
    let mut seen = HashMap::new();
    for folder in listed.into_iter().filter(Listed::is_selectable) {
        let path = path(&folder.name, folder.delimiter);
        // Where some folder says what it is for, the names of others say it no more.
        let guess = || Some(FolderKind::by_name(&path)).filter(|kind| !uses.contains(kind)).unwrap_or_default();
        let kind = if path == "INBOX" { FolderKind::Inbox } else { folder.use_of().unwrap_or_else(guess) };
        let (counts, mailbox_id) = told.get(&folder.name).cloned().unwrap_or_default();
        let own = |validity: &u32| validities.get(validity) == Some(&1);
        let identity = mailbox_id.or_else(|| counts.validity.filter(own).map(|validity| validity.to_string()));
        let key = folder.name;
        // A server that lists one folder twice has one.
        seen.entry(key.clone()).or_insert(SeenFolder { key, identity, path, kind, class: Class::Email });
    }
    let mut folders: Vec<_> = seen.into_values().collect();
    folders.sort_by(|a, b| a.path.cmp(&b.path));
    folders.dedup_by(|a, b| a.path == b.path);
    let counts = told.iter().map(|(name, (counts, _))| (name.clone(), *counts)).collect();
    Survey { folders, counts, delimiter }
}
