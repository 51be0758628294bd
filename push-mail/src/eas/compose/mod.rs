//! SendMail, SmartReply and SmartForward ([MS-ASCMD] 2.2.1.17, 2.2.1.19, 2.2.1.20).
//!
//! ```text
//!  Call ─▶ request ─▶ [memory: was it here?] ─▶ quote: the original with it ─▶ letter: ready to be sent
//!       ─▶ opened ─▶ remembered as in doubt ─▶ handed over ─▶ remembered as sent ─▶ filed: Sent, marks ─▶ empty answer
//! ```
//!
//! Once it is begun it goes on, though the device be gone: where it asks again, it hears status 118.
//!
//! **From**: what a device writes must be from one of its account's addresses; anything else is replaced by the first of
//! them, and its name kept (RFC 6409 §8.1). A device cannot choose what to send as, and a refusal would leave the message
//! in its outbox for ever.

mod letter;
mod memory;
mod quote;
mod request;
#[cfg(test)]
pub(in crate::eas) mod tests;
mod turns;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use self::letter::{Letter, Writer, crlf};
use self::memory::{Known, Memory, State};
use self::request::{Request, Source, Verb, hex};
pub(crate) use self::turns::Turns;
use super::{Answer, Call, Status};
use crate::account::Account;
use crate::direct::devices::DeviceId;
use crate::http::Site;
use crate::mail::Mail;
use crate::state::StateError;
use crate::store::{Class, Command, Flags, FolderId, FolderKind, StoreError, StoreErrorKind, Wanted};
use crate::submit::{SubmitError, SubmitErrorKind, Submitter};

/// The folder that is made for what was sent, where there is none.
const SENT: &str = "Sent";

/// Sends it.
pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let request = Request::read(call)?;
    send(&site.mail, Arc::clone(&call.account), Arc::clone(&call.id), request).await?;
    Ok(Answer::Empty)
}

/// Sends a message of the server's own making for a device, kept with what was sent; once for each `client_id`.
pub(in crate::eas) async fn send_own(mail: &Mail, call: &Call, client_id: String, mime: Vec<u8>) -> Result<(), Status> {
    let client_id = Some(client_id);
    let request = Request { client_id, mime: mime.into(), save_in_sent: true, source: None, forwardees: Vec::new() };
    match send(mail, Arc::clone(&call.account), Arc::clone(&call.id), request).await {
        Err(Status::ALREADY_SENT) => Ok(()),
        sent => sent,
    }
}

/// Cancel safety: dropped while others send, nothing happens; dropped later, it goes on.
async fn send(mail: &Mail, account: Arc<Account>, id: Arc<DeviceId>, request: Request) -> Result<(), Status> {
    let turn = account.submission.turns.turn(&id).await;
    let name = Arc::clone(&account.name);
    let job = Job { mail: mail.clone(), account, id, request, _turn: turn };
    tokio::spawn(job.run()).await.unwrap_or_else(|_| {
        tracing::error!(account = &*name, "sending a message has panicked");
        Err(Status::SERVER_ERROR)
    })
}

/// A message on its way.
#[derive(Debug)]
struct Job {
    mail: Mail,
    account: Arc<Account>,
    id: Arc<DeviceId>,
    request: Request,
    /// Held until all is done.
    _turn: OwnedMutexGuard<()>,
}

impl Job {
    async fn run(self) -> Result<(), Status> {
        let mut memory: Memory = self
            .mail
            .eas
            .rows
            .load(&self.id, memory::PART)
            .map_err(|error| self.forgetful(&error))?
            .unwrap_or_default();
        let digest = self.request.digest();
        let known = self.request.client_id.as_deref().map_or(Known::New, |id| memory.look(id, &digest));
        match known {
            Known::New => self.send(&mut memory, &digest).await,
            Known::Repeated(State::Sent) => {
                self.file(None).await;
                self.remember(&mut memory, &digest, State::Filed).await?;
                Err(Status::ALREADY_SENT)
            }
            Known::Repeated(State::InDoubt) => {
                let (account, device) = (&*self.account.name, &*self.id.device);
                tracing::warn!(account, device, "a message may have been sent, or not: it is not sent again");
                // Most likely it was taken, for all of it was handed over. If it was not, here is what was written.
                self.file(None).await;
                self.remember(&mut memory, &digest, State::Doubted).await?;
                Err(Status::ALREADY_SENT)
            }
            // [MS-ASCMD] 2.2.2, 118: whoever repeats it need not, and knows so now.
            Known::Repeated(State::Filed | State::Doubted) | Known::OfAnother => Err(Status::ALREADY_SENT),
        }
    }

    async fn send(&self, memory: &mut Memory, digest: &str) -> Result<(), Status> {
        let submitter = self.account.submission.submitter.as_ref().ok_or(Status::SUBMISSION_FAILED)?;
        let letter = self.letter(digest).await?;
        let opened = self.open(submitter, &letter).await?;
        self.remember(memory, digest, State::InDoubt).await?;
        if let Err(error) = opened.hand_over().await {
            if error.kind() != SubmitErrorKind::InDoubt
                && let Some(client_id) = &self.request.client_id
            {
                memory.forget(client_id);
                self.save(memory).await?;
            }
            return Err(self.refused(&error));
        }
        // It is sent: whatever fails from here on, the device must not send it again.
        let remembered = self.remember(memory, digest, State::Sent).await;
        self.file(Some(letter.copy)).await;
        if remembered.is_ok() {
            let _ = self.remember(memory, digest, State::Filed).await;
        }
        Ok(())
    }

    async fn open(
        &self,
        submitter: &Arc<dyn Submitter>,
        letter: &Letter,
    ) -> Result<Box<dyn crate::submit::Opened>, Status> {
        submitter.open(letter.outgoing.clone()).await.map_err(|error| self.refused(&error))
    }

    /// The message as it is to be sent.
    async fn letter(&self, digest: &str) -> Result<Letter, Status> {
        let raw = self.whole().await?;
        if raw.len() > self.mail.eas.config.max_body {
            return Err(Status::ATTACHMENT_TOO_LARGE);
        }
        let id = self.message_id(digest)?;
        let unix_ms = self.mail.hub.clock().unix_ms();
        Letter::new(&raw, Writer { addresses: &self.account.submission.addresses, id: &id, unix_ms })
    }

    /// With the original, where that is to be with it.
    async fn whole(&self) -> Result<Vec<u8>, Status> {
        let written = crlf(&self.request.mime);
        let Some(source) = self.request.source.filter(|source| !source.is_in_it) else { return Ok(written) };
        let (class, raw) = self.original(source).await?;
        let original = quote::Original { class, raw: &raw };
        match self.request.forwardees.as_slice() {
            [] => quote::with_original(&written, source.verb, original),
            forwardees => quote::forwarded(&written, forwardees, original),
        }
    }

    async fn original(&self, source: Source) -> Result<(Class, Bytes), Status> {
        let unread = |error: StoreError| match error.kind() {
            StoreErrorKind::NoSuchFolder | StoreErrorKind::NoSuchItem => Status::ITEM_NOT_FOUND,
            _ => {
                tracing::warn!(account = &*self.account.name, %error, "a message that is answered cannot be read");
                Status::RETRY_LATER
            }
        };
        let store = &self.account.store;
        let folder = source.item.folder;
        let class = store.hierarchy().await.map_err(unread)?.get(folder).ok_or(Status::ITEM_NOT_FOUND)?.class;
        let mut items = store.fetch(folder, &[source.item.uid], Wanted::Whole).await.map_err(unread)?;
        let raw = items.pop().and_then(|item| item.raw).ok_or(Status::ITEM_NOT_FOUND)?;
        Ok((class, raw))
    }

    /// The same for a repetition: whoever gets the message twice can see that it is one.
    fn message_id(&self, digest: &str) -> Result<String, Status> {
        use sha1::Digest as _;
        let Some(client_id) = &self.request.client_id else {
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|_| Status::RETRY_LATER)?;
            return Ok(hex(&random));
        };
        let id = &self.id;
        let all = format!("{}\0{}\0{client_id}\0{digest}", id.account, id.device);
        Ok(hex(&sha1::Sha1::digest(all.as_bytes())))
    }

    /// What is to be done once it is sent. Nothing of it can undo that: what fails is told to the operator alone.
    async fn file(&self, copy: Option<Bytes>) {
        let account = &*self.account.name;
        if self.request.save_in_sent {
            let copy = match copy {
                Some(copy) => Some(copy),
                None => self.letter(&self.request.digest()).await.ok().map(|letter| letter.copy),
            };
            let kept = match copy {
                Some(copy) => self.keep(copy).await,
                None => Err(StoreError::new(StoreErrorKind::NoSuchItem, "what it answered is gone")),
            };
            if let Err(error) = kept {
                tracing::warn!(account, %error, "a message was sent, and no copy of it could be kept");
            }
        }
        if let Some(Source { verb, item, .. }) = self.request.source {
            let add = match verb {
                Verb::Reply => Flags::ANSWERED,
                Verb::Forward => Flags::FORWARDED,
            };
            let mark = Command::Mark { folder: item.folder, uid: item.uid, add, remove: Flags::default() };
            if let Err(error) = self.account.store.apply(mark).await {
                tracing::debug!(account, %error, "a message was answered, and is not marked so");
            }
        }
    }

    async fn keep(&self, copy: Bytes) -> Result<(), StoreError> {
        let folder = self.sent().await?;
        self.account.store.apply(Command::Append { folder, raw: copy, flags: Flags::SEEN }).await?;
        Ok(())
    }

    /// Where copies are kept; it is made if there is none.
    async fn sent(&self) -> Result<FolderId, StoreError> {
        let store = &self.account.store;
        let there = store.hierarchy().await?;
        let is_sent = |folder: &&crate::store::Folder| folder.kind == FolderKind::Sent && folder.class == Class::Email;
        let found = there.folders.iter().find(is_sent).or_else(|| there.folders.iter().find(|it| it.path == SENT));
        if let Some(found) = found {
            return Ok(found.id);
        }
        let made = store.apply(Command::CreateFolder { path: SENT.to_owned() }).await?.folder;
        made.ok_or_else(|| StoreError::new(StoreErrorKind::Unavailable, "the folder that was made is not there"))
    }

    async fn remember(&self, memory: &mut Memory, digest: &str, state: State) -> Result<(), Status> {
        let Some(client_id) = &self.request.client_id else { return Ok(()) };
        memory.put(client_id, digest, state);
        self.save(memory).await
    }

    async fn save(&self, memory: &Memory) -> Result<(), Status> {
        let saved = self.mail.eas.rows.save(&self.id, memory::PART, memory).await;
        saved.map_err(|error| self.forgetful(&error))
    }

    fn forgetful(&self, error: &StateError) -> Status {
        tracing::warn!(account = &*self.account.name, %error, "what was sent cannot be remembered");
        Status::RETRY_LATER
    }

    fn refused(&self, error: &SubmitError) -> Status {
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(account = &*self.account.name, %error, source, "a message was not sent");
        status(error.kind())
    }
}

/// [MS-ASCMD] 2.2.2.
fn status(kind: SubmitErrorKind) -> Status {
    match kind {
        SubmitErrorKind::Recipients => Status::RECIPIENT_UNRESOLVED,
        SubmitErrorKind::TooLarge => Status::ATTACHMENT_TOO_LARGE,
        SubmitErrorKind::Temporary => Status::RETRY_LATER,
        // The user can do nothing about a wrong password here.
        SubmitErrorKind::Rejected | SubmitErrorKind::Refused | SubmitErrorKind::InDoubt | SubmitErrorKind::Invalid => {
            Status::SUBMISSION_FAILED
        }
    }
}
