//! A login, with what it has open and what it noticed.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use super::command::Command;
use super::connection::Connection;
use super::login::Capabilities;
use super::wire::{Code, Counts, Event, Fetched, Status, Verdict};
use crate::store::StoreError;

/// Something that watchers have to hear.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Notice {
    All,
    Tree,
    /// By the mailbox's name.
    Folder(String),
}

/// What watchers were told of a mailbox last.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// That it is so, or that it was so when the watch began.
    So(Counts),
    /// That it is otherwise, and it was not looked at since.
    Otherwise,
}

/// What is known of each mailbox, so that each change is told once.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    told: HashMap<String, Told>,
    notices: BTreeSet<Notice>,
    /// Watchers were told that the tree is otherwise, and it was not listed since.
    is_tree_otherwise: bool,
}

impl Ledger {
    /// What somebody said of a mailbox. `true` if it is not as was told last.
    pub(super) fn observe(&mut self, name: &str, counts: Counts) -> bool {
        let known = self.told.get(name).copied();
        let merged = match known {
            Some(Told::So(before)) => Counts {
                validity: counts.validity.or(before.validity),
                next: counts.next.or(before.next),
                messages: counts.messages.or(before.messages),
                unseen: counts.unseen.or(before.unseen),
                modseq: counts.modseq.or(before.modseq),
            },
            _ => counts,
        };
        self.told.insert(name.to_owned(), Told::So(merged));
        let is_news = !matches!(known, Some(Told::So(before)) if are_alike(&before, &counts));
        if is_news {
            self.notices.insert(Notice::Folder(name.to_owned()));
        }
        is_news
    }

    /// The state from which on changes are told, if none is known.
    pub(super) fn begin(&mut self, name: &str, counts: Counts) {
        self.told.entry(name.to_owned()).or_insert(Told::So(counts));
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.told.contains_key(name)
    }

    /// Whether a mailbox has change numbers.
    pub(super) fn has_modseq(&self, name: &str) -> bool {
        matches!(self.told.get(name), Some(Told::So(Counts { modseq: Some(_), .. })))
    }

    /// What a look found. Whoever was told that something is otherwise looks after that, and so not before this look.
    pub(super) fn looked(&mut self, name: &str, counts: Counts) {
        match self.told.get(name) {
            Some(Told::Otherwise) | None => {
                self.told.insert(name.to_owned(), Told::So(counts));
            }
            Some(Told::So(_)) => {
                self.observe(name, counts);
            }
        }
    }

    /// Something happened in a mailbox, it is not known what.
    pub(super) fn stir(&mut self, name: &str) {
        self.told.insert(name.to_owned(), Told::Otherwise);
        self.notices.insert(Notice::Folder(name.to_owned()));
    }

    /// Folders may have come or gone.
    pub(super) fn stir_tree(&mut self) {
        self.is_tree_otherwise = true;
        self.notices.insert(Notice::Tree);
    }

    /// The tree was listed, and is otherwise than it was or not.
    pub(super) fn listed(&mut self, is_otherwise: bool) {
        if is_otherwise && !self.is_tree_otherwise {
            self.notices.insert(Notice::Tree);
        }
        self.is_tree_otherwise = false;
    }

    /// What was told before may be otherwise, anywhere.
    pub(super) fn stir_all(&mut self) {
        self.notices.insert(Notice::All);
    }

    pub(super) fn take(&mut self) -> BTreeSet<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Mailboxes that are gone are forgotten.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.told.retain(|name, _| is_there(name));
    }
}

/// Whether two reports can be of one state. Where both have a change number it says all (RFC 7162 §3.1); counts of
/// unread messages are compared where there is none.
fn are_alike(before: &Counts, now: &Counts) -> bool {
    fn same<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
        a.is_none() || b.is_none() || a == b
    }
    let has_modseq = before.modseq.is_some() && now.modseq.is_some();
    same(before.validity, now.validity)
        && same(before.next, now.next)
        && same(before.messages, now.messages)
        && same(before.modseq, now.modseq)
        && (has_modseq || same(before.unseen, now.unseen))
}

/// A mailbox as it was when it was opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) counts: Counts,
    /// Messages that went since the point that was named.
    pub(super) vanished: Vec<RangeInclusive<u32>>,
    /// Messages that are new or marked otherwise since.
    pub(super) changed: Vec<Fetched>,
}

/// The mailbox that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) name: String,
    pub(super) is_writable: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) can: Capabilities,
    pub(super) open: Option<Open>,
    pub(super) ledger: Ledger,
    /// The command by which the server is to tell of changes, while it waits for its end.
    idling: Option<String>,
    /// Mailboxes that were opened since this was emptied.
    pub(super) was_open: BTreeSet<String>,
    /// The server no longer tells of changes in all folders, though it had agreed to.
    pub(super) has_overflown: bool,
}

impl Session {
    pub(super) fn new(connection: Connection, can: Capabilities) -> Self {
        let (ledger, was_open) = (Ledger::default(), BTreeSet::new());
        Self { connection, can, open: None, ledger, idling: None, was_open, has_overflown: false }
    }

    /// Runs a command. `sink` takes what is meant for it and returns the rest.
    pub(super) async fn run(
        &mut self,
        command: Command,
        sink: &mut (dyn FnMut(Event) -> Option<Event> + Send),
    ) -> Result<Status, StoreError> {
        self.wake().await?;
        let Self { connection, ledger, open, has_overflown, .. } = self;
        let mut sift = |event| {
            if let Some(event) = sink(event) {
                unasked(event, ledger, open.as_ref(), has_overflown);
            }
        };
        connection.run(command, &mut sift).await
    }

    /// A command of which nothing but its end is of interest.
    pub(super) async fn ask(&mut self, command: Command, what: &str) -> Result<Code, StoreError> {
        self.run(command, &mut Some).await?.ok(what)
    }

    /// What the server tells while nothing is asked.
    pub(super) fn hear(&mut self, event: Event) {
        unasked(event, &mut self.ledger, self.open.as_ref(), &mut self.has_overflown);
    }

    /// Whether the server tells of the open mailbox now.
    pub(super) fn is_idling(&self) -> bool {
        self.idling.is_some()
    }

    /// Begins IDLE (RFC 2177).
    pub(super) async fn idle(&mut self) -> Result<(), StoreError> {
        let Self { connection, ledger, open, has_overflown, .. } = self;
        let mut sink = |event| unasked(event, ledger, open.as_ref(), has_overflown);
        let (tag, _) = connection.begin(Command::new("IDLE"), &mut sink).await?;
        if let Some(status) = connection.wait(&tag, true, &mut sink).await? {
            return Err(status.error("IDLE"));
        }
        self.idling = Some(tag);
        Ok(())
    }

    /// Ends IDLE, if it is so.
    pub(super) async fn wake(&mut self) -> Result<(), StoreError> {
        let Some(tag) = self.idling.take() else { return Ok(()) };
        self.connection.send(b"DONE\r\n").await?;
        let Self { connection, ledger, open, has_overflown, .. } = self;
        let mut sink = |event| unasked(event, ledger, open.as_ref(), has_overflown);
        connection.wait(&tag, false, &mut sink).await?;
        Ok(())
    }

    /// Opens a mailbox, and asks what has changed since (RFC 7162 §3.2.5): its validity and change number.
    pub(super) async fn select(
        &mut self,
        name: &str,
        is_writable: bool,
        since: Option<(u32, u64)>,
    ) -> Result<Opened, StoreError> {
        let mut command = Command::new(if is_writable { "SELECT " } else { "EXAMINE " }).string(name);
        if let Some((validity, modseq)) = since {
            command = command.words(format!(" (QRESYNC ({validity} {modseq}))"));
        } else if self.can.condstore() {
            command = command.words(" (CONDSTORE)");
        }
        // What is told until the end is of this mailbox, not of the one before (RFC 7162 §3.2.11).
        self.wake().await?;
        self.open = None;
        let mut opened = Opened::default();
        let mut sink = |event| {
            let counts = &mut opened.counts;
            match event {
                Event::Exists(messages) => counts.messages = Some(messages),
                Event::Untagged(Status { verdict: Verdict::Ok, code: Code::UidValidity(it), .. }) => {
                    counts.validity = Some(it);
                }
                Event::Untagged(Status { verdict: Verdict::Ok, code: Code::UidNext(it), .. }) => counts.next = Some(it),
                Event::Untagged(Status { verdict: Verdict::Ok, code: Code::HighestModSeq(it), .. }) => {
                    counts.modseq = Some(it);
                }
                Event::Vanished { earlier: true, uids } => opened.vanished.extend(uids),
                Event::Fetch(fetched) => opened.changed.push(fetched),
                other => return Some(other),
            }
            None
        };
        self.run(command, &mut sink).await?.ok("open a folder")?;
        self.open = Some(Open { name: name.to_owned(), is_writable });
        self.was_open.insert(name.to_owned());
        Ok(opened)
    }

    /// Opens a mailbox if it is not open yet, and lets it be as it is now: what others removed a server shows until it
    /// has had occasion to say so (RFC 9051 §7.5.1).
    pub(super) async fn need(&mut self, name: &str, is_writable: bool) -> Result<(), StoreError> {
        if self.has_open(name, is_writable) {
            self.ask(Command::new("NOOP"), "NOOP").await?;
            return Ok(());
        }
        self.open_if_closed(name, is_writable).await
    }

    fn has_open(&self, name: &str, is_writable: bool) -> bool {
        self.open.as_ref().is_some_and(|it| it.name == name && (it.is_writable || !is_writable))
    }

    /// Opens a mailbox if it is not open yet.
    pub(super) async fn open_if_closed(&mut self, name: &str, is_writable: bool) -> Result<(), StoreError> {
        if self.has_open(name, is_writable) {
            return Ok(());
        }
        let opened = self.select(name, is_writable, None).await?;
        self.ledger.observe(name, opened.counts);
        Ok(())
    }

    /// Leaves the mailbox that is open, without removing anything. The name of that which was.
    pub(super) async fn leave(&mut self) -> Result<Option<String>, StoreError> {
        let Some(open) = self.open.clone() else { return Ok(None) };
        if self.can.has("UNSELECT") {
            self.ask(Command::new("UNSELECT"), "UNSELECT").await?;
        } else {
            // CLOSE removes what is marked as deleted, unless the mailbox was opened for reading only.
            if open.is_writable {
                self.select(&open.name, false, None).await?;
            }
            self.ask(Command::new("CLOSE"), "CLOSE").await?;
        }
        self.open = None;
        Ok(Some(open.name))
    }

    /// What is asked of STATUS.
    pub(super) fn status_items(&self) -> &'static str {
        match (self.can.condstore(), self.can.has("OBJECTID")) {
            (true, true) => "MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ MAILBOXID",
            (true, false) => "MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ",
            (false, true) => "MESSAGES UIDNEXT UIDVALIDITY UNSEEN MAILBOXID",
            (false, false) => "MESSAGES UIDNEXT UIDVALIDITY UNSEEN",
        }
    }

    /// What a mailbox holds, and its number where it has one. Not of one that is open: servers may know less of that.
    pub(super) async fn status(&mut self, name: &str) -> Result<(Counts, Option<String>), StoreError> {
        if self.open.as_ref().is_some_and(|open| open.name == name) {
            self.leave().await?;
        }
        let items = self.status_items();
        let mut found = None;
        let mut sink = |event| match event {
            Event::Status { name: of, counts, mailbox_id } if of == name => {
                found = Some((counts, mailbox_id));
                None
            }
            other => Some(other),
        };
        let command = Command::new("STATUS ").string(name).words(format!(" ({items})"));
        self.run(command, &mut sink).await?.ok("STATUS")?;
        found.ok_or_else(|| {
            StoreError::new(crate::store::StoreErrorKind::Unavailable, "the server does not tell what a folder holds")
        })
    }

    /// Whether there is a mailbox of that name: some servers say no without saying why.
    pub(super) async fn is_there(&mut self, name: &str) -> Result<bool, StoreError> {
        let mut is_there = false;
        let mut sink = |event| match event {
            Event::List { name: of, attributes, .. } if of == name => {
                is_there |= !attributes.iter().any(|it| it == "\\noselect" || it == "\\nonexistent");
                None
            }
            other => Some(other),
        };
        self.run(Command::new("LIST \"\" ").string(name), &mut sink).await?.ok("list folders")?;
        Ok(is_there)
    }

    /// Says goodbye.
    pub(super) async fn log_out(mut self) {
        // The connection is let go either way.
        let _ = self.run(Command::new("LOGOUT"), &mut Some).await;
    }
}

/// What the server says that nobody asked for.
fn unasked(event: Event, ledger: &mut Ledger, open: Option<&Open>, has_overflown: &mut bool) {
    match event {
        Event::Exists(_) | Event::Expunge | Event::Vanished { .. } | Event::Fetch(_) => {
            if let Some(open) = open {
                ledger.stir(&open.name);
            }
        }
        Event::Status { name, counts, .. } => {
            ledger.observe(&name, counts);
        }
        Event::List { .. } => ledger.stir_tree(),
        Event::Odd(words) if words.starts_with("LIST ") => ledger.stir_tree(),
        Event::Odd(words) if words.starts_with("STATUS ") => ledger.stir_all(),
        Event::Odd(words) if words.contains(" FETCH ") => {
            if let Some(open) = open {
                ledger.stir(&open.name);
            }
        }
        // RFC 5465 §5.8
        Event::Untagged(Status { code: Code::Other(word), .. }) if word == "NOTIFICATIONOVERFLOW" => {
            *has_overflown = true;
        }
        _ => {}
    }
}
