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
    /// The last connection did what it was there for, before it was lost.
    is_working: bool,
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
            is_working: false,
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
            let error = match log_in(&self.config, &self.endpoint, &self.tls, &self.counters).await {
                Ok((connection, capabilities)) => match self.serve(Session::new(connection, capabilities)).await {
                    Ended::Unneeded => continue,
                    Ended::Failed(error) => error,
                },
                Err(error) => {
                    self.fail_all(&error);
                    error
                }
            };
            self.was_lost = true;
            Counters::add(&self.counters.failures);
            tracing::info!(account = %self.journal.account(), %error, "no connection to the IMAP server");
            if std::mem::take(&mut self.is_working) {
                retry.reset();
            }
            let pause = Instant::now() + retry.failed(error.kind());
            // What an old connection broke over is asked again at once.
            if self.queue.is_empty() {
                self.pause(&error, pause).await;
            }
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

    fn fail_all(&mut self, error: &StoreError) {
        for ask in self.queue.drain(..) {
            ask.work.fail(error.kind(), &error.to_string());
        }
    }

    /// Waits until it is time to try again: at `end`, or where that may help when somebody asks, though no oftener than
    /// the shortest pause. Who asks before that hears what is wrong.
    async fn pause(&mut self, error: &StoreError, end: Instant) {
        let is_refused = error.kind() == StoreErrorKind::Refused;
        let soon = if is_refused { end } else { end.min(Instant::now() + self.config.retry.0) };
        loop {
            let until = if self.watchers.is_empty() { soon } else { end };
            tokio::select! {
                biased;
                () = sleep_until(until) => return,
                message = self.inbox.recv(), if !self.is_closed => match message {
                    Some(message) => self.take(message),
                    None => self.is_closed = true,
                },
            }
            if !self.queue.is_empty() && Instant::now() >= soon {
                return;
            }
            self.fail_all(error);
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
                self.is_working = true;
                self.tell(session, watch);
                continue;
            }
            if !self.watchers.is_empty() {
                used = Instant::now();
                self.arm(session, watch).await?;
                self.is_working = true;
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
            if !self.watchers.is_empty() {
                Counters::add(&self.counters.hints);
                self.watchers.hint(hint);
            }
        }
    }
}
