//! Folders that are emptied.

use std::time::Duration;

use super::{failed, status};
use crate::eas::Call;
use crate::store::{
    ChangeKind, Command, Folder, FolderId, FolderKind, Hierarchy, Hint, StoreError, StoreErrorKind, Token,
};
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync, item_operations as tags};

/// Changes that are looked at in one step.
const STEP: usize = 256;

/// How long it may take: a phone gives up later, and asks again for what is left.
const MOST_TIME: Duration = Duration::from_secs(60);

/// The recipient information cache of Exchange, in which nothing can be done ([MS-ASCMD] 2.2.1.10).
const RECIPIENTS: &str = "RI";

pub(super) async fn answer(call: &Call, collection: &str, sub_folders: bool) -> Element {
    let status = match collection.parse() {
        Ok(folder) if FolderId::to_string(&folder) == collection => {
            let emptying = tokio::time::timeout(MOST_TIME, empty(call, folder, sub_folders));
            match emptying.await {
                Ok(Ok(status)) => status,
                Ok(Err(error)) => {
                    tracing::debug!(account = &*call.account.name, %folder, %error, "a folder cannot be emptied");
                    failed(&error)
                }
                Err(_) => status::PARTIAL,
            }
        }
        _ if collection == RECIPIENTS => status::DENIED,
        _ => status::NOT_FOUND,
    };
    Element::new(tags::EMPTY_FOLDER_CONTENTS)
        .with_text(tags::STATUS, status)
        .with_text(air_sync::COLLECTION_ID, collection)
}

async fn empty(call: &Call, folder: FolderId, sub_folders: bool) -> Result<u16, StoreError> {
    let tree = call.account.store.hierarchy().await?;
    let Some(found) = tree.get(folder) else { return Ok(status::NOT_FOUND) };
    let emptied = delete_items(call, folder).await;
    call.account.hint(Hint::Folder(folder));
    emptied?;
    if sub_folders { delete_below(call, &tree, found).await } else { Ok(status::SUCCESS) }
}

/// Removes all items of a folder for good.
async fn delete_items(call: &Call, folder: FolderId) -> Result<(), StoreError> {
    let store = &call.account.store;
    let mut token = Token::START;
    loop {
        let page = store.changes(folder, token, STEP).await?;
        for change in page.changes.iter().filter(|change| change.kind != ChangeKind::Deleted) {
            match store.apply(Command::Delete { folder, uid: change.uid }).await {
                // Somebody else was faster.
                Err(error) if error.kind() == StoreErrorKind::NoSuchItem => {}
                other => drop(other?),
            }
        }
        if !page.more {
            return Ok(());
        }
        token = page.token;
    }
}

/// Whether the account has one folder of that kind.
fn has_purpose(kind: FolderKind) -> bool {
    use FolderKind::{Mail, UserCalendar, UserContacts, UserNotes, UserTasks};
    !matches!(kind, Mail | UserCalendar | UserContacts | UserNotes | UserTasks)
}

/// Removes the folders below another, the deepest first. Those that have a purpose of their own stay.
async fn delete_below(call: &Call, tree: &Hierarchy, above: &Folder) -> Result<u16, StoreError> {
    let prefix = format!("{}/", above.path);
    let mut below: Vec<_> = tree.folders.iter().filter(|folder| folder.path.starts_with(&prefix)).collect();
    below.sort_by_key(|folder| std::cmp::Reverse(folder.path.matches('/').count()));
    let mut status = status::SUCCESS;
    for folder in below {
        if has_purpose(folder.kind) {
            status = status::PARTIAL;
            continue;
        }
        match call.account.store.apply(Command::DeleteFolder { folder: folder.id }).await {
            Ok(_) => {}
            Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => {}
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => status = status::PARTIAL,
        }
    }
    call.account.hint(Hint::Tree);
    Ok(status)
}
