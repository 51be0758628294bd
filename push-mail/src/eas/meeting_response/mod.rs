//! MeetingResponse: an invitation is accepted, perhaps, or declined ([MS-ASCMD] 2.2.1.11).
//!
//! ```text
//!  invitation ─▶ who is asked, by whom ─▶ [answer to the organizer, where the device wants it sent]
//!             ─▶ the meeting in the calendar, or out of it ─▶ the invitation into the trash
//! ```
//!
//! In this order: what is repeated after it broke off sends no second answer, and puts no second meeting there.

mod invitation;
#[cfg(test)]
mod tests;

use chrono::NaiveDateTime;

use self::invitation::{Invitation, Response};
use super::compose;
use super::{Answer, Call, ItemId, Status};
use crate::account::Account;
use crate::http::Site;
use crate::mail::Mail;
use crate::pim;
use crate::store::{Class, Command, FolderId, FolderKind, MailStore, StoreError, StoreErrorKind, Token, Uid, Wanted};
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync_base, meeting_response as tag, search};

/// Answers in one request ([MS-ASCMD] 3.1.5.8).
const MOST: usize = 100;

/// Items of a calendar that are looked at together.
const PAGE: usize = 500;

// [MS-ASCMD] 2.2.3.177.9
const OK: u16 = 1;
const NO_INVITATION: u16 = 2;
const MAILBOX_ERROR: u16 = 3;
const SERVER_ERROR: u16 = 4;

pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().ok_or(Status::INVALID_CONTENT)?;
    let requests: Vec<_> = document.children(tag::REQUEST).take(MOST + 1).collect();
    if !(1..=MOST).contains(&requests.len()) {
        let result = Element::new(tag::RESULT).with_text(tag::STATUS, Status::INVALID_XML.0);
        return Ok(Answer::Document(Element::new(tag::MEETING_RESPONSE).with(result)));
    }
    let now = pim::moment::of_millis(site.mail.hub.clock().unix_ms());
    let mut answer = Element::new(tag::MEETING_RESPONSE);
    for request in requests {
        let mut result = Element::new(tag::RESULT);
        // What is no id is not told again.
        if let Some(id) = request.child_text(tag::REQUEST_ID).filter(|id| (1..=64).contains(&id.len())) {
            result.push(Element::text(tag::REQUEST_ID, id));
        }
        match respond(&site.mail, call, request, now).await {
            Ok(meeting) => {
                result.push(Element::text(tag::STATUS, OK));
                result = result.with_all(meeting.map(|id| Element::text(tag::CALENDAR_ID, id)));
            }
            Err(status) => result.push(Element::text(tag::STATUS, status)),
        }
        answer.push(result);
    }
    Ok(Answer::Document(answer))
}

/// Returns where the meeting is, if it is somewhere.
async fn respond(mail: &Mail, call: &Call, request: &Element, now: NaiveDateTime) -> Result<Option<ItemId>, u16> {
    let response =
        request.child_text(tag::USER_RESPONSE).and_then(|word| Response::read(&word)).ok_or(NO_INVITATION)?;
    let id = request.child_text(tag::REQUEST_ID).or_else(|| request.child_text(search::LONG_ID));
    let id: ItemId = id.and_then(|id| id.parse().ok()).ok_or(NO_INVITATION)?;
    // One of a series is answered by nobody here.
    if request.child(tag::INSTANCE_ID).is_some() {
        return Err(NO_INVITATION);
    }
    let account = &*call.account;
    let (class, raw) = read(account, id).await?;
    let invitation = Invitation::read(&raw, class, &account.submission.addresses).ok_or(NO_INVITATION)?;
    if let Some(wanted) = request.child(tag::SEND_RESPONSE) {
        let words = wanted.child(air_sync_base::BODY).and_then(|body| body.child_text(air_sync_base::DATA));
        let mime = invitation.reply(response, words.as_deref(), now).ok_or(SERVER_ERROR)?;
        // Said once, however often it is asked for.
        let client_id = format!("meeting {id} {}", response.word());
        compose::send_own(mail, call, client_id, mime).await.map_err(|_| SERVER_ERROR)?;
    }
    let placed = place(account, &invitation, response).await.map_err(|error| failed(account, &error))?;
    if class == Class::Email {
        discard(&*account.store, id).await.map_err(|error| failed(account, &error))?;
    }
    Ok(placed)
}

fn failed(account: &Account, error: &StoreError) -> u16 {
    match error.kind() {
        StoreErrorKind::NoSuchFolder | StoreErrorKind::NoSuchItem => NO_INVITATION,
        _ => {
            tracing::warn!(account = &*account.name, %error, "an invitation cannot be answered");
            MAILBOX_ERROR
        }
    }
}

async fn read(account: &Account, id: ItemId) -> Result<(Class, bytes::Bytes), u16> {
    let failed = |error: StoreError| failed(account, &error);
    let class = account.store.hierarchy().await.map_err(failed)?.get(id.folder).ok_or(NO_INVITATION)?.class;
    let mut items = account.store.fetch(id.folder, &[id.uid], Wanted::Whole).await.map_err(failed)?;
    let raw = items.pop().and_then(|item| item.raw).ok_or(NO_INVITATION)?;
    Ok((class, raw))
}

/// Puts the meeting into the calendar as it was answered, or takes it out; nothing where there is no calendar.
async fn place(
    account: &Account,
    invitation: &Invitation<'_>,
    response: Response,
) -> Result<Option<ItemId>, StoreError> {
    let store = &*account.store;
    let tree = store.hierarchy().await?;
    let calendars = || tree.folders.iter().filter(|folder| folder.class == Class::Calendar);
    let preferred = calendars().find(|folder| folder.kind == FolderKind::Calendar).or_else(|| calendars().next());
    let Some(folder) = preferred.map(|folder| folder.id) else { return Ok(None) };
    let known = find(store, folder, &invitation.uid).await?;
    if response == Response::Decline {
        if let Some(uid) = known {
            store.apply(Command::Delete { folder, uid }).await?;
        }
        return Ok(None);
    }
    let raw = invitation.answered(response);
    let command = match known {
        Some(uid) => Command::Replace { folder, uid, raw },
        None => Command::Append { folder, raw, flags: Default::default() },
    };
    let placed = store.apply(command).await?.uid.or(known);
    let uid = match placed {
        Some(uid) => Some(uid),
        None => find(store, folder, &invitation.uid).await?,
    };
    Ok(uid.map(|uid| ItemId { folder, uid }))
}

/// The item of a calendar that has this UID.
async fn find(store: &dyn MailStore, folder: FolderId, uid: &str) -> Result<Option<Uid>, StoreError> {
    let mut since = Token::START;
    loop {
        let page = store.changes(folder, since, PAGE).await?;
        let uids: Vec<Uid> = page.changes.iter().map(|change| change.uid).collect();
        let items = store.fetch(folder, &uids, Wanted::Whole).await?;
        let is_it = |raw: &bytes::Bytes| pim::about(raw).and_then(|about| about.uid).as_deref() == Some(uid);
        if let Some(found) = items.iter().find(|item| item.raw.as_ref().is_some_and(is_it)) {
            return Ok(Some(found.uid));
        }
        if !page.more {
            return Ok(None);
        }
        since = page.token;
    }
}

/// Into the trash, if there is one.
async fn discard(store: &dyn MailStore, id: ItemId) -> Result<(), StoreError> {
    let ItemId { folder, uid } = id;
    let tree = store.hierarchy().await?;
    let trash = tree.folders.iter().find(|folder| folder.kind == FolderKind::Trash).map(|folder| folder.id);
    let command = match trash {
        Some(to) if to != folder => Command::Move { folder, uid, to },
        _ => Command::Delete { folder, uid },
    };
    match store.apply(command).await {
        Err(error) if error.kind() != StoreErrorKind::NoSuchItem => Err(error),
        _ => Ok(()),
    }
}
