//! Changes to the mailbox that somebody asks for.

use super::command::Command;
use super::session::Session;
use super::wire::{Code, Event, Status, Verdict, flag_words};
use crate::store::{Flags, StoreError, StoreErrorKind, Uid};

impl Session {
    /// Puts a message into a mailbox; its number, where the server tells it (RFC 4315).
    pub(super) async fn append(&mut self, name: &str, raw: &[u8], flags: Flags) -> Result<Option<Uid>, StoreError> {
        let words = format!(" ({}) ", flag_words(flags));
        let command = Command::new("APPEND ").string(name).words(words).literal(raw);
        let code = self.ask(command, "put a message into a folder").await?;
        self.ledger.stir(name);
        Ok(match code {
            Code::AppendUid(uid) => Some(Uid(uid.into())),
            _ => None,
        })
    }

    /// Marks a message otherwise.
    pub(super) async fn mark(&mut self, name: &str, uid: Uid, add: Flags, remove: Flags) -> Result<(), StoreError> {
        let number = self.need_message(name, uid, true).await?;
        for (sign, flags) in [('+', add), ('-', remove)] {
            if flags != Flags::default() {
                let words = flag_words(flags);
                self.store(number, sign, &words).await?;
            }
        }
        self.ledger.stir(name);
        Ok(())
    }

    async fn store(&mut self, number: u32, sign: char, words: &str) -> Result<(), StoreError> {
        let command = Command::new(format!("UID STORE {number} {sign}FLAGS.SILENT ({words})"));
        self.run(command, &mut Some).await?.ok("mark a message")?;
        Ok(())
    }

    /// Puts a message into another mailbox; its number there, where the server tells it.
    pub(super) async fn relocate(&mut self, name: &str, uid: Uid, to: &str) -> Result<Option<Uid>, StoreError> {
        let number = self.need_message(name, uid, true).await?;
        let mut copied = None;
        let mut sink = |event| match event {
            // RFC 6851 §4.3
            Event::Untagged(Status { verdict: Verdict::Ok, code: Code::CopyUid(uids), .. }) => {
                copied = uids.first().map(|range| *range.start());
                None
            }
            other => Some(other),
        };
        let can_move = self.can.has("MOVE");
        let words = if can_move { "UID MOVE" } else { "UID COPY" };
        let command = Command::new(format!("{words} {number} ")).string(to);
        let code = self.run(command, &mut sink).await?.ok("move a message")?;
        if let Code::CopyUid(uids) = code {
            copied = uids.first().map(|range| *range.start());
        }
        self.ledger.stir(to);
        self.ledger.stir(name);
        if !can_move {
            self.expunge(number).await?;
        }
        Ok(copied.map(|uid| Uid(uid.into())))
    }

    /// Removes a message for good.
    pub(super) async fn remove(&mut self, name: &str, uid: Uid) -> Result<(), StoreError> {
        let number = self.need_message(name, uid, true).await?;
        self.ledger.stir(name);
        self.expunge(number).await
    }

    async fn expunge(&mut self, number: u32) -> Result<(), StoreError> {
        self.store(number, '+', "\\Deleted").await?;
        if self.can.has("UIDPLUS") {
            self.ask(Command::new(format!("UID EXPUNGE {number}")), "remove a message").await?;
            return Ok(());
        }
        // EXPUNGE removes all that are marked as deleted: it must be the only one.
        let mut deleted = Vec::new();
        let mut sink = |event| match event {
            Event::Search(uids) => {
                deleted.extend(uids);
                None
            }
            other => Some(other),
        };
        self.run(Command::new("UID SEARCH DELETED"), &mut sink).await?.ok("list messages")?;
        if deleted != [number] {
            self.store(number, '-', "\\Deleted").await?;
            let detail = "the server cannot remove one of several messages that are marked as deleted";
            return Err(StoreError::new(StoreErrorKind::Unsupported, detail));
        }
        self.ask(Command::new("EXPUNGE"), "remove a message").await?;
        Ok(())
    }

    /// Opens the mailbox, and looks whether the message is there: of those that are not, a server says nothing.
    pub(super) async fn need_message(&mut self, name: &str, uid: Uid, is_writable: bool) -> Result<u32, StoreError> {
        let number = u32::try_from(uid.0).ok().filter(|&number| number != 0);
        let number = number.ok_or_else(|| StoreError::no_such_item(uid))?;
        self.need(name, is_writable).await?;
        let mut is_there = false;
        let mut sink = |event| match event {
            Event::Fetch(fetched) if fetched.uid == Some(number) => {
                is_there = true;
                None
            }
            other => Some(other),
        };
        self.run(Command::new(format!("UID FETCH {number} (UID)")), &mut sink).await?.ok("find a message")?;
        if is_there { Ok(number) } else { Err(StoreError::no_such_item(uid)) }
    }

    /// Makes a mailbox.
    pub(super) async fn create(&mut self, name: &str) -> Result<(), StoreError> {
        self.ask(Command::new("CREATE ").string(name), "make a folder").await.map(drop)
    }

    /// Gives a mailbox, and those below it, another name.
    pub(super) async fn rename(&mut self, name: &str, to: &str) -> Result<(), StoreError> {
        self.leave().await?;
        self.ask(Command::new("RENAME ").string(name).words(" ").string(to), "rename a folder").await.map(drop)
    }

    /// Removes a mailbox.
    pub(super) async fn delete(&mut self, name: &str) -> Result<(), StoreError> {
        self.leave().await?;
        self.ask(Command::new("DELETE ").string(name), "remove a folder").await.map(drop)
    }
}
