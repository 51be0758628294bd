//! What is asked of a mailbox, done.

use super::counters::Counters;
use super::mark::Mark;
use super::name;
use super::session::Session;
use super::task::Task;
use super::work::{Ask, Work};
use crate::journal::Look;
use crate::store::{Applied, Class, Command, FolderId, Hierarchy, Item, StoreError, StoreErrorKind, Uid, Wanted};

impl Task {
    /// Does what is asked and answers. An error is the connection's.
    pub(super) async fn perform(&mut self, session: &mut Session, ask: Ask) -> Result<(), StoreError> {
        let Ask { work, is_second_try, _permit } = ask;
        if work.is_abandoned() {
            return Ok(());
        }
        let again = !is_second_try && work.is_repeatable();
        let again = |session: &Session| again && session.connection.is_broken();
        let failed = |session: &Session, error: &StoreError| {
            session.connection.is_broken().then(|| StoreError::new(error.kind(), error.to_string()))
        };
        // Answers are dropped where nobody waits any more.
        let (broken, work) = match work {
            Work::Hierarchy(to) => match self.hierarchy(session).await {
                Err(error) if again(session) => (Some(error), Some(Work::Hierarchy(to))),
                result => {
                    let broken = result.as_ref().err().and_then(|error| failed(session, error));
                    let _ = to.send(result);
                    (broken, None)
                }
            },
            Work::Look(folder, to) => match self.look(session, folder).await {
                Err(error) if again(session) => (Some(error), Some(Work::Look(folder, to))),
                result => {
                    let broken = result.as_ref().err().and_then(|error| failed(session, error));
                    self.answer_looks(folder, &result);
                    let _ = to.send(result);
                    (broken, None)
                }
            },
            Work::Fetch(folder, uids, wanted, to) => match self.fetch(session, folder, &uids, wanted).await {
                Err(error) if again(session) => (Some(error), Some(Work::Fetch(folder, uids, wanted, to))),
                result => {
                    let broken = result.as_ref().err().and_then(|error| failed(session, error));
                    let _ = to.send(result);
                    (broken, None)
                }
            },
            Work::Apply(command, to) => {
                let result = self.apply(session, command).await;
                let broken = result.as_ref().err().and_then(|error| failed(session, error));
                let _ = to.send(result);
                (broken, None)
            }
        };
        if let Some(work) = work {
            self.queue.push_front(Ask { work, is_second_try: true, _permit });
        }
        broken.map_or(Ok(()), Err)
    }

    /// Who asked for the same look before it began has it too.
    fn answer_looks(&mut self, folder: FolderId, result: &Result<(), StoreError>) {
        let is_same = |ask: &Ask| matches!(&ask.work, Work::Look(of, _) if *of == folder);
        let (same, others): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(is_same);
        self.queue.extend(others);
        for ask in same {
            match result {
                Err(error) => ask.work.fail(error.kind(), &error.to_string()),
                Ok(()) => {
                    if let Work::Look(_, to) = ask.work {
                        let _ = to.send(Ok(()));
                    }
                }
            }
        }
    }

    async fn hierarchy(&mut self, session: &mut Session) -> Result<Hierarchy, StoreError> {
        self.list(session, true).await
    }

    async fn look(&mut self, session: &mut Session, folder: FolderId) -> Result<(), StoreError> {
        let mut name = self.journal.folder_key(folder)?;
        Counters::add(&self.counters.looks);
        let look = match self.look_at(session, folder, &name).await {
            Ok(look) => look,
            Err(error) => {
                name = self.renamed(session, error, folder, &name).await?;
                self.look_at(session, folder, &name).await?
            }
        };
        if let Some(look) = look {
            self.journal.record(folder, look).await?;
        }
        Ok(())
    }

    async fn look_at(&self, session: &mut Session, folder: FolderId, name: &str) -> Result<Option<Look>, StoreError> {
        let mark = self.journal.mark(folder)?.and_then(|bytes| Mark::from_bytes(&bytes));
        let journal = self.journal.clone();
        let known = move || Ok(journal.known(folder)?);
        session.look(name, mark, self.config.max_messages, &known).await
    }

    async fn fetch(
        &mut self,
        session: &mut Session,
        folder: FolderId,
        uids: &[Uid],
        wanted: Wanted,
    ) -> Result<Vec<Item>, StoreError> {
        let name = self.journal.folder_key(folder)?;
        let limit = self.config.max_message;
        let mut items = match session.fetch(&name, uids, wanted, limit).await {
            Ok(items) => items,
            Err(error) => {
                let name = self.renamed(session, error, folder, &name).await?;
                session.fetch(&name, uids, wanted, limit).await?
            }
        };
        for item in &mut items {
            let known = self.journal.look_up(folder, item.uid)?;
            item.received_ms = known.map_or(0, |known| known.received_ms);
        }
        Ok(items)
    }

    /// What a folder is called now, if it was the name that was wrong.
    async fn renamed(
        &mut self,
        session: &mut Session,
        error: StoreError,
        folder: FolderId,
        name: &str,
    ) -> Result<String, StoreError> {
        let error = explained(session, error, folder, name).await;
        if error.kind() != StoreErrorKind::NoSuchFolder {
            return Err(error);
        }
        self.list(session, true).await?;
        let now = self.journal.folder_key(folder)?;
        if now == name { Err(error) } else { Ok(now) }
    }

    async fn apply(&mut self, session: &mut Session, command: Command) -> Result<Applied, StoreError> {
        let key = |folder| self.journal.folder_key(folder);
        match command {
            Command::Append { folder, raw, flags } => {
                if raw.len() > self.config.max_message as usize {
                    let detail = format!("a message may have {} bytes", self.config.max_message);
                    return Err(StoreError::new(StoreErrorKind::Invalid, detail));
                }
                let name = key(folder)?;
                match session.append(&name, &raw, flags).await {
                    Ok(uid) => Ok(Applied { uid, folder: None }),
                    Err(error) => Err(explained(session, error, folder, &name).await),
                }
            }
            Command::Replace { folder, .. } => {
                key(folder)?;
                Err(StoreError::mail_only())
            }
            Command::Mark { folder, uid, add, remove } => {
                session.mark(&key(folder)?, uid, add, remove).await?;
                Ok(Applied { uid: Some(uid), folder: None })
            }
            Command::Move { folder, uid, to } if folder == to => {
                session.need_message(&key(folder)?, uid, false).await?;
                Ok(Applied { uid: Some(uid), folder: None })
            }
            Command::Move { folder, uid, to } => {
                let uid = session.relocate(&key(folder)?, uid, &key(to)?).await?;
                Ok(Applied { uid, folder: None })
            }
            Command::Delete { folder, uid } => {
                session.remove(&key(folder)?, uid).await?;
                Ok(Applied::default())
            }
            Command::CreateFolder { path } | Command::CreateFolderOf { class: Class::Email, path } => {
                let name = self.free_name(session, &path).await?;
                session.create(&name).await?;
                let hierarchy = self.list(session, true).await?;
                let made = hierarchy.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id);
                Ok(Applied { uid: None, folder: made })
            }
            Command::CreateFolderOf { .. } => Err(StoreError::mail_only()),
            Command::RenameFolder { folder, path } => {
                let from = self.not_inbox(folder)?;
                let to = self.free_name(session, &path).await?;
                session.rename(&from, &to).await?;
                self.list(session, true).await?;
                Ok(Applied::default())
            }
            Command::DeleteFolder { folder } => {
                let name = self.not_inbox(folder)?;
                session.delete(&name).await?;
                self.list(session, true).await?;
                Ok(Applied::default())
            }
        }
    }

    fn not_inbox(&self, folder: FolderId) -> Result<String, StoreError> {
        let name = self.journal.folder_key(folder)?;
        if name.eq_ignore_ascii_case("INBOX") {
            return Err(StoreError::new(StoreErrorKind::Invalid, "the inbox stays where it is"));
        }
        Ok(name)
    }

    /// The mailbox that a path stands for, if there is none yet.
    async fn free_name(&mut self, session: &mut Session, path: &str) -> Result<String, StoreError> {
        // Only a list tells what stands between names.
        let hierarchy = self.list(session, true).await?;
        if hierarchy.folders.iter().any(|folder| folder.path == path) || path.eq_ignore_ascii_case("INBOX") {
            return Err(StoreError::new(StoreErrorKind::Exists, format!("there is a folder {path:?}")));
        }
        let invalid = || StoreError::new(StoreErrorKind::Invalid, format!("there can be no folder {path:?}"));
        name::name(path, self.delimiter).ok_or_else(invalid)
    }
}

/// Finds out whether it was the folder that is not there.
async fn explained(session: &mut Session, error: StoreError, folder: FolderId, name: &str) -> StoreError {
    let may_be = error.kind() == StoreErrorKind::Unavailable && !session.connection.is_broken();
    let is_gone =
        error.kind() == StoreErrorKind::NoSuchFolder || may_be && matches!(session.is_there(name).await, Ok(false));
    if !is_gone {
        return error;
    }
    session.ledger.stir_tree();
    StoreError::no_such_folder(folder).caused_by(error)
}
