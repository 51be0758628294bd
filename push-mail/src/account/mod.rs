//! An account: one watcher that turns the hints of its mailbox into publications, and wakes the pings that wait.
//!
//! ```text
//!  wanted (a ping, a subscriber; always if local) ─▶ watch ─▶ Ready ─▶ look at everything ─▶ live
//!     hint ─▶ changes behind what was published ─▶ pings that differ are answered, after a short linger
//!                                              └▶ fetch what is new ─▶ publish on mail/A/F
//! ```

mod caught;
mod dirty;
mod event;
mod progress;
mod refresh;
mod teller;
#[cfg(test)]
mod tests;
mod watcher;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use push_core::{Clock, Hub};
use tokio::sync::{Notify, oneshot, watch};

use crate::config::MailConfig;
use crate::direct::live::Live;
use crate::eas::Eas;
use crate::name;
use crate::state::State;
use crate::store::{FolderId, Hierarchy, Hint, MailStore};
use crate::submit::Submission;

/// How far an account's watcher is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody waits.
    #[default]
    Idle,
    /// The mailbox does not answer yet, or not any more.
    Starting,
    /// The mailbox refuses the account's user.
    Refused,
    /// Whatever happens is told.
    Live,
}

/// An account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: Arc<str>,
    /// The users who may read it.
    pub(crate) readers: Vec<Arc<str>>,
    pub(crate) store: Arc<dyn MailStore>,
    /// Who it is when it sends, and how it does.
    pub(crate) submission: Submission,
    pub(crate) config: Arc<MailConfig>,
    hub: Hub,
    state: State,
    /// What its devices that speak EAS hold.
    pub(crate) eas: Arc<Eas>,
    /// `mail/A/`.
    below: String,
    /// How many wait for it: parked pings, and calls that are under way.
    interest: AtomicUsize,
    /// Somebody may have begun to wait, or there is something to be done.
    poked: Arc<Notify>,
    /// Hints from outside the store, with who waits until what they hint at is published.
    hinted: Mutex<Vec<(Hint, Option<oneshot::Sender<()>>)>>,
    phase: watch::Sender<Phase>,
    tree: Mutex<Arc<Hierarchy>>,
    /// Folders that cannot be looked at though the mailbox is there.
    failing: Mutex<BTreeSet<FolderId>>,
    /// All pings, by the address of each, which is its own while it is held. Of the few of most accounts it is as fast to
    /// see which wait for a folder as to look them up, and a pointer each is all that they take.
    waiting: Mutex<Vec<Arc<Live>>>,
}

impl Drop for Account {
    fn drop(&mut self) {
        // Its watcher finds that it is gone.
        self.poked.notify_one();
    }
}

/// Keeps an account's mailbox watched.
#[derive(Debug)]
pub(crate) struct Interest(Arc<Account>);

impl Interest {
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.0
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.interest.fetch_sub(1, Ordering::AcqRel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks: a poisoned one holds what it always holds.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(ping: &Arc<Live>) -> usize {
    Arc::as_ptr(ping) as usize
}

impl Account {
    pub(crate) fn new(
        name: &str,
        readers: Vec<Arc<str>>,
        store: Arc<dyn MailStore>,
        submission: Submission,
        (hub, state, config, eas): (Hub, State, Arc<MailConfig>, Arc<Eas>),
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            readers,
            store,
            submission,
            config,
            hub,
            state,
            eas,
            below: format!("{}/", name::prefix(name)),
            interest: AtomicUsize::new(0),
            poked: Arc::default(),
            hinted: Mutex::default(),
            phase: watch::Sender::default(),
            tree: Mutex::default(),
            failing: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// Watches the mailbox whenever it is wanted, until the account is dropped.
    pub(crate) fn start(self: &Arc<Self>) {
        tokio::spawn(watcher::run(Arc::downgrade(self)));
    }

    /// The account's segment in the names of its channels.
    pub(crate) fn segment(&self) -> &str {
        self.below.trim_start_matches("mail/").trim_end_matches('/')
    }

    /// Somebody may be about to wait.
    pub(crate) fn poke(&self) {
        self.poked.notify_one();
    }

    /// Something outside the store says where it is worth looking.
    pub(crate) fn hint(&self, hint: Hint) {
        let mut hinted = lock(&self.hinted);
        if !hinted.iter().any(|(there, _)| *there == hint) {
            hinted.push((hint, None));
        }
        drop(hinted);
        self.poke();
    }

    /// The same, and waits until what is found there is published. `false` if that takes longer than a mailbox may take
    /// to be watched.
    pub(crate) async fn look_and_publish(&self, hint: Hint) -> bool {
        let (done, published) = oneshot::channel();
        lock(&self.hinted).push((hint, Some(done)));
        self.poke();
        matches!(tokio::time::timeout(self.config.ready_timeout, published).await, Ok(Ok(())))
    }

    /// Keeps the mailbox watched while it is held.
    pub(crate) fn interest(self: &Arc<Self>) -> Interest {
        self.interest.fetch_add(1, Ordering::AcqRel);
        self.poke();
        Interest(Arc::clone(self))
    }

    /// Waits until whatever happens is told. `false` if that takes too long, or the mailbox refuses.
    pub(crate) async fn be_live(&self) -> bool {
        let mut phase = self.phase.subscribe();
        let decided = phase.wait_for(|phase| matches!(phase, Phase::Live | Phase::Refused));
        let decided = tokio::time::timeout(self.config.ready_timeout, decided).await;
        matches!(decided, Ok(Ok(phase)) if *phase == Phase::Live)
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The folders as they were seen last; empty until then.
    pub(crate) fn tree(&self) -> Arc<Hierarchy> {
        Arc::clone(&lock(&self.tree))
    }

    fn folder_ids(&self) -> Vec<FolderId> {
        self.tree().folders.iter().map(|folder| folder.id).collect()
    }

    /// Whether nobody knows what happens in `folder`.
    pub(crate) fn is_failing(&self, folder: FolderId) -> bool {
        lock(&self.failing).contains(&folder)
    }

    fn set_failing(&self, folders: &BTreeSet<FolderId>) {
        lock(&self.failing).clone_from(folders);
    }

    fn is_wanted(&self) -> bool {
        self.store.is_local() || self.interest.load(Ordering::Acquire) > 0 || self.hub.reaches_below(&self.below)
    }

    fn set_phase(&self, phase: Phase) {
        self.phase.send_if_modified(|now| std::mem::replace(now, phase) != phase);
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.hub.clock()
    }

    /// Lets `ping` be woken by what happens in its folders.
    pub(crate) fn join(&self, ping: &Arc<Live>) {
        let mut waiting = lock(&self.waiting);
        if let Err(place) = waiting.binary_search_by_key(&address(ping), address) {
            if waiting.len() == waiting.capacity() {
                // Not doubled: most accounts have a ping or two.
                let more = (waiting.len() / 4).max(3);
                waiting.reserve_exact(more);
            }
            waiting.insert(place, Arc::clone(ping));
        }
    }

    pub(crate) fn leave(&self, ping: &Arc<Live>) {
        let mut waiting = lock(&self.waiting);
        let Ok(place) = waiting.binary_search_by_key(&address(ping), address) else { return };
        waiting.remove(place);
        if waiting.len() * 4 <= waiting.capacity() {
            let twice = waiting.len() * 2;
            waiting.shrink_to(twice);
        }
    }

    /// Those who wait for a folder that is one of these.
    fn waiting_where(&self, is_one: impl Fn(FolderId) -> bool) -> Vec<Arc<Live>> {
        lock(&self.waiting).iter().filter(|ping| ping.is_for(&is_one)).cloned().collect()
    }

    /// Of the next so many who wait, behind the ping at `last`, those who are told, and where the next are; `None` behind
    /// the last. A ping that comes before that place meanwhile has seen for itself.
    fn some_waiting(
        &self,
        last: usize,
        count: usize,
        are_told: impl Fn(&Live) -> bool,
    ) -> (Vec<Arc<Live>>, Option<usize>) {
        let waiting = lock(&self.waiting);
        let begin = waiting.partition_point(|ping| address(ping) <= last);
        let some = &waiting[begin..waiting.len().min(begin + count)];
        (some.iter().filter(|ping| are_told(ping)).cloned().collect(), some.last().map(address))
    }

    /// How long a failing mailbox is left alone: doubled from failure to failure.
    fn backoff(failures: u32) -> Duration {
        Duration::from_secs(1 << failures.min(6))
    }
}
