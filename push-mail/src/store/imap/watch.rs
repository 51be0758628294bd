//! The ways to learn of changes, from the best to the worst.
//!
//! ```text
//!  NOTIFY  the server tells of all folders (RFC 5465); nothing is open, nothing is sent
//!  IDLE    it tells of one, the inbox if that is watched (RFC 2177); the others are asked for now and then
//!  polling all are asked for now and then
//! ```
//!
//! Dovecot was seen to keep silent of a folder that was renamed a moment after it had listed the folders for us. So what
//! was told of, or looked at, is asked for once more when it has been quiet for [`SETTLED`]; then nothing is sent.
//!
//! Nothing is missed between a look and the watch: in the first way a folder that was open, of which the server may have
//! kept silent, is asked for once after it was left; in the others a folder is compared with what was told of it last.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::command::Command;
use super::counters::Counters;
use super::session::{Notice, Session};
use super::task::Task;
use super::wire::Verdict;
use crate::store::pace::Pace;
use crate::store::{Hierarchy, StoreError};

/// After so long without a word nothing is under way any more.
const SETTLED: Duration = Duration::from_secs(2);

/// How changes are learnt of; a later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Notify,
    Idle,
    Poll,
}

/// A watch that is in force.
#[derive(Debug)]
pub(super) struct Watch {
    mode: Mode,
    /// The mailbox that the server tells of, with IDLE.
    idle_on: Option<String>,
    idle_until: Instant,
    pace: Pace,
    poll_at: Instant,
    safety_at: Instant,
    /// What was told of or looked at, and when last.
    unsettled: BTreeMap<Notice, Instant>,
}

impl Watch {
    /// Something was told of or looked at.
    pub(super) fn unsettle(&mut self, notice: Notice) {
        if self.mode == Mode::Notify {
            self.unsettled.insert(notice, Instant::now());
        }
    }

    /// What has been quiet for a while.
    fn take_settled(&mut self, now: Instant) -> Vec<Notice> {
        let settled: Vec<_> =
            self.unsettled.iter().filter(|(_, at)| **at + SETTLED <= now).map(|(it, _)| it.clone()).collect();
        self.unsettled.retain(|_, at| *at + SETTLED > now);
        settled
    }

    /// When there is something to do though nothing happens.
    pub(super) fn deadline(&self) -> Instant {
        match self.mode {
            Mode::Notify => self
                .unsettled
                .values()
                .map(|at| *at + SETTLED)
                .min()
                .map_or(self.safety_at, |at| at.min(self.safety_at)),
            Mode::Idle => self.safety_at.min(self.poll_at).min(self.idle_until),
            Mode::Poll => self.safety_at.min(self.poll_at),
        }
    }
}

impl Task {
    /// Puts the watch in force, or lets it go on after something was asked.
    pub(super) async fn arm(&mut self, session: &mut Session, watch: &mut Option<Watch>) -> Result<(), StoreError> {
        if std::mem::take(&mut session.has_overflown) {
            tracing::info!(account = %self.journal.account(), "the server gave up telling of all folders");
            session.ledger.stir_all();
            self.fall_back(Mode::Idle);
            *watch = None;
        }
        if watch.is_none() {
            *watch = Some(self.begin(session).await?);
        }
        let Some(watch) = watch else { return Ok(()) };
        self.go_on(session, watch).await?;
        if self.watchers.has_new() || self.was_lost {
            self.watchers.ready(std::mem::take(&mut self.was_lost));
        }
        Ok(())
    }

    fn fall_back(&mut self, to: Mode) {
        if self.best < to {
            Counters::add(&self.counters.fallbacks);
            self.best = to;
        }
    }

    async fn begin(&mut self, session: &mut Session) -> Result<Watch, StoreError> {
        if self.best == Mode::Notify && !(session.can.has("NOTIFY") && session.notify().await?) {
            self.fall_back(Mode::Idle);
        }
        if self.best == Mode::Idle && !session.can.has("IDLE") {
            self.fall_back(Mode::Poll);
        }
        // Nothing that the server agreed to tell of is missed from here on; what is there is compared with later.
        self.list(session, false).await?;
        let now = Instant::now();
        let pace = Pace::new(self.config.poll, now.into_std());
        Ok(Watch {
            mode: self.best,
            idle_on: None,
            idle_until: now,
            pace,
            poll_at: now + pace.interval(now.into_std()),
            safety_at: now + self.config.safety,
            unsettled: BTreeMap::from([(Notice::Tree, now)]),
        })
    }

    /// Lists the folders, records them, and notices what differs from what was told; or begins with what there is.
    pub(super) async fn list(&mut self, session: &mut Session, is_news: bool) -> Result<Hierarchy, StoreError> {
        let survey = session.survey(self.config.max_folders).await?;
        self.delimiter = survey.delimiter;
        let keys: Vec<_> = survey.folders.iter().map(|it| (it.path.clone(), it.key.clone())).collect();
        let hierarchy = self.journal.record_hierarchy(survey.folders).await?;
        self.names.clear();
        for (path, key) in keys {
            self.names.extend(hierarchy.folders.iter().find(|it| it.path == path).map(|folder| (key, folder.id)));
        }
        let before = self.version.replace(hierarchy.version);
        session.ledger.listed(before.is_some_and(|version| version != hierarchy.version));
        session.ledger.keep(|name| self.names.contains_key(name));
        for (name, counts) in survey.counts.into_iter().filter(|(name, _)| self.names.contains_key(name)) {
            if is_news {
                session.ledger.observe(&name, counts);
            } else {
                session.ledger.begin(&name, counts);
            }
        }
        Ok(hierarchy)
    }

    /// The mailboxes that somebody watches.
    fn watched(&self) -> Vec<String> {
        let mut watched: Vec<_> = self.names.iter().filter(|(_, id)| self.watchers.watches(**id)).collect();
        watched.sort_by_key(|(_, id)| **id);
        watched.into_iter().map(|(name, _)| name.clone()).collect()
    }

    async fn go_on(&mut self, session: &mut Session, watch: &mut Watch) -> Result<(), StoreError> {
        if watch.mode == Mode::Notify {
            // RFC 5465 §5: of the folder that is open the server tells otherwise, or not at all.
            session.leave().await?;
            for name in std::mem::take(&mut session.was_open) {
                self.ask(session, &name).await?;
                watch.unsettle(Notice::Folder(name));
            }
            return Ok(());
        }
        session.was_open.clear();
        for name in self.watched() {
            if !session.ledger.knows(&name) {
                self.ask(session, &name).await?;
            }
        }
        if watch.mode == Mode::Idle && !self.idle(session, watch).await? {
            self.fall_back(Mode::Poll);
            watch.mode = Mode::Poll;
        }
        Ok(())
    }

    /// Asks for one folder, and notices whether it is as was told.
    async fn ask(&mut self, session: &mut Session, name: &str) -> Result<bool, StoreError> {
        match session.status(name).await {
            Ok((counts, _)) if session.ledger.knows(name) => Ok(session.ledger.observe(name, counts)),
            Ok((counts, _)) => {
                session.ledger.begin(name, counts);
                Ok(false)
            }
            Err(error) if session.connection.is_broken() => Err(error),
            Err(_) => {
                // It is gone, or cannot be asked for: whoever looks will see.
                session.ledger.stir_tree();
                Ok(false)
            }
        }
    }

    /// Lets the server tell of one folder. `false` if it does not.
    async fn idle(&mut self, session: &mut Session, watch: &mut Watch) -> Result<bool, StoreError> {
        let watched = self.watched();
        let inbox = watched.iter().find(|name| name.eq_ignore_ascii_case("INBOX"));
        let Some(name) = inbox.or(watched.first()) else { return Ok(true) };
        session.open_if_closed(name, false).await?;
        if watch.idle_on.as_ref() != Some(name) {
            watch.idle_on = Some(name.clone());
        }
        if session.is_idling() {
            return Ok(true);
        }
        watch.idle_until = Instant::now() + self.config.idle;
        match session.idle().await {
            Ok(()) => Ok(true),
            Err(error) if session.connection.is_broken() => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Does what is due.
    pub(super) async fn tick(&mut self, session: &mut Session, watch: &mut Option<Watch>) -> Result<(), StoreError> {
        let Some(watch) = watch else { return Ok(()) };
        let now = Instant::now();
        self.settle(session, watch.take_settled(now)).await?;
        if now >= watch.safety_at {
            watch.safety_at = now + self.config.safety;
            self.list(session, true).await?;
            self.stir_mute(session);
        }
        if now >= watch.poll_at && watch.mode != Mode::Notify {
            let mut has_news = false;
            for name in self.watched() {
                if watch.idle_on.as_ref() != Some(&name) || watch.mode == Mode::Poll {
                    has_news |= self.ask(session, &name).await?;
                }
            }
            let now = Instant::now();
            if has_news {
                watch.pace.arrived(now.into_std());
            }
            watch.poll_at = now + watch.pace.interval(now.into_std());
        }
        if now >= watch.idle_until && watch.mode == Mode::Idle {
            session.wake().await?;
        }
        Ok(())
    }

    async fn settle(&mut self, session: &mut Session, settled: Vec<Notice>) -> Result<(), StoreError> {
        for notice in settled {
            match notice {
                Notice::Folder(name) if self.names.contains_key(&name) => {
                    self.ask(session, &name).await?;
                }
                _ => {
                    self.list(session, true).await?;
                }
            }
        }
        Ok(())
    }

    /// Of folders without change numbers nobody tells when a flag changes: it is looked for now and then.
    fn stir_mute(&mut self, session: &mut Session) {
        for name in self.watched() {
            if !session.ledger.has_modseq(&name) {
                session.ledger.stir(&name);
            }
        }
    }
}

impl Session {
    /// RFC 5465 §3. `false` if the server will not.
    async fn notify(&mut self) -> Result<bool, StoreError> {
        const WANTED: &str =
            "NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))";
        let status = self.run(Command::new(WANTED), &mut Some).await?;
        Ok(status.verdict == Verdict::Ok && !std::mem::take(&mut self.has_overflown))
    }
}
