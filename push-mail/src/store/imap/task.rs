//! The task that owns an account's connection: there is one while somebody watches or something is asked, and for a
//! little while after.
//!
//! ```text
//!            asked or watched                        logged in
//!  without ────────────────────▶ connecting ──────────────────────────▶ serving ─▶ lost: connecting again
//!     ▲                            │    ▲ retry, ever later               │
//!     └── nobody watches or asks ──┘    └── failed                        └─ nobody watches, linger is over: without
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::config::ImapConfig;
use super::counters::Counters;
use super::login::log_in;

use super::session::{Notice, Session};
use super::watch::{Mode, Watch};
use super::watchers::Watchers;
use super::work::{Ask, Message};
use crate::journal::Journal;
use crate::net::{Endpoint, Tls};
use crate::store::retry::Retry;
use crate::store::{FolderId, Hint, StoreError, StoreErrorKind};

#[derive(Debug)]
pub(super) struct Task {
    pub(super) config: ImapConfig,
    pub(super) endpoint: Endpoint,
    pub(super) tls: Tls,
    pub(super) journal: Journal,
    pub(super) counters: Arc<Counters>,
    inbox: mpsc::UnboundedReceiver<Message>,
    pub(super) queue: VecDeque<Ask>,
    pub(super) watchers: Watchers,
    /// The folders by the names of their mailboxes, as they were listed last.
    pub(super) names: HashMap<String, FolderId>,
    /// Of the hierarchy as it was listed last.
    pub(super) version: Option<u64>,
    pub(super) delimiter: Option<char>,
    /// What the server was found not to do well.
    pub(super) best: Mode,
    /// Since somebody was told that nothing is missed, a connection was lost.
    pub(super) was_lost: bool,
    is_closed: bool,
}

/// Why a connection was given up.
enum Ended {
    /// Nobody needs it.
    Unneeded,
    Failed(StoreError),
}

impl Task {
    pub(super) fn new(
        config: ImapConfig,
        (endpoint, tls): (Endpoint, Tls),
        journal: Journal,
        counters: Arc<Counters>,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        let best = if config.notify { Mode::Notify } else { Mode::Idle };
        Self {
            config,
            endpoint,
            tls,
            journal,
            counters,
            inbox,
            queue: VecDeque::new(),
            watchers: Watchers::default(),
            names: HashMap::new(),
            version: None,
            delimiter: None,
            best,
            was_lost: false,
            is_closed: false,
        }
    }

    /// Runs until the store and all who watch are gone.
    pub(super) async fn run(mut self) {
        let mut retry = Retry::new(self.config.retry);
        loop {
            if !self.wait_for_work().await {
                return;
            }
            let ended = match log_in(&self.config, &self.endpoint, &self.tls, &self.counters).await {
                Ok((connection, capabilities)) => {
                    retry.reset();
                    self.serve(Session::new(connection, capabilities)).await
                }
                Err(error) => Ended::Failed(error),
            };
            self.was_lost = true;
            let Ended::Failed(error) = ended else { continue };
            Counters::add(&self.counters.failures);
            tracing::info!(account = %self.journal.account(), %error, "no connection to the IMAP server");
            let pause = Instant::now() + retry.failed(error.kind());
            self.pause(&error, pause).await;
        }
    }

    fn is_needed(&self) -> bool {
        !self.queue.is_empty() || !self.watchers.is_empty()
    }

    /// Waits, without a connection, until there is something to do. `false` if there never will be.
    async fn wait_for_work(&mut self) -> bool {
        while !self.is_needed() {
            // Nobody is told anything meanwhile: who watches later begins anew.
            self.was_lost = false;
            match self.inbox.recv().await {
                Some(message) => self.take(message),
                None => return false,
            }
        }
        true
    }

    /// Waits until it is time to try again. Who asks meanwhile hears what is wrong; what broke once is tried again.
    async fn pause(&mut self, error: &StoreError, end: Instant) {
        let (again, failed): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(|ask| ask.is_second_try);
        for ask in failed {
            ask.work.fail(error.kind(), &error.to_string());
        }
        if !again.is_empty() && error.kind() != StoreErrorKind::Refused {
            // A connection that was there has just broken: it may have been the old one alone.
            self.queue.extend(again);
            return;
        }
        for ask in again {
            ask.work.fail(error.kind(), &error.to_string());
        }
        while !self.watchers.is_empty() || !self.queue.is_empty() {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => return sleep_until(end).await,
                },
                () = sleep_until(end) => return,
            }
            for ask in self.queue.drain(..) {
                ask.work.fail(error.kind(), &error.to_string());
            }
        }
        // Nobody watches: who asks next is to find out at once, but no oftener than the shortest pause.
        let soon = Instant::now() + self.config.retry.0;
        let end = if error.kind() == StoreErrorKind::Refused { end } else { end.min(soon) };
        while Instant::now() < end {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => return,
                },
                () = sleep_until(end) => return,
            }
            for ask in self.queue.drain(..) {
                ask.work.fail(error.kind(), &error.to_string());
            }
            if !self.watchers.is_empty() {
                return sleep_until(end).await;
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ask(ask) => self.queue.push_back(ask),
            Message::Watch { number, folders, sender } => self.watchers.add(number, folders, sender),
            Message::Unwatch { number } => self.watchers.remove(number),
        }
    }

    fn take_all(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
    }

    async fn serve(&mut self, mut session: Session) -> Ended {
        let mut watch = None;
        match self.serve_until(&mut session, &mut watch).await {
            Ok(()) => {
                session.log_out().await;
                Ended::Unneeded
            }
            Err(error) => Ended::Failed(error),
        }
    }

    async fn serve_until(&mut self, session: &mut Session, watch: &mut Option<Watch>) -> Result<(), StoreError> {
        let mut used = Instant::now();
        loop {
            self.take_all();
            if let Some(ask) = self.queue.pop_front() {
                used = Instant::now();
                self.perform(session, ask).await?;
                self.tell(session, watch);
                continue;
            }
            if !self.watchers.is_empty() {
                used = Instant::now();
                self.arm(session, watch).await?;
                self.tell(session, watch);
                self.take_all();
                if !self.queue.is_empty() {
                    continue;
                }
            }
            let lingering = used + self.config.linger;
            let deadline = match watch {
                Some(watch) if !self.watchers.is_empty() => watch.deadline(),
                _ => lingering,
            };
            tokio::select! {
                biased;
                message = self.inbox.recv(), if !self.is_closed => match message {
                    Some(message) => self.take(message),
                    None => self.is_closed = true,
                },
                event = session.connection.event() => {
                    session.hear(event?);
                    self.tell(session, watch);
                }
                () = sleep_until(deadline) => {
                    if self.watchers.is_empty() {
                        return Ok(());
                    }
                    self.tick(session, watch).await?;
                    self.tell(session, watch);
                }
            }
            if self.is_closed && !self.is_needed() {
                return Ok(());
            }
        }
    }

    /// Passes on what was noticed.
    fn tell(&mut self, session: &mut Session, watch: &mut Option<Watch>) {
        for notice in session.ledger.take() {
            let hint = match &notice {
                Notice::All => Hint::All,
                Notice::Tree => Hint::Tree,
                // A mailbox that is not known yet is one that was made.
                Notice::Folder(name) => self.names.get(name).map_or(Hint::Tree, |&folder| Hint::Folder(folder)),
            };
            if let Some(watch) = watch {
                watch.unsettle(notice);
            }
            Counters::add(&self.counters.hints);
            self.watchers.hint(hint);
        }
    }
}
