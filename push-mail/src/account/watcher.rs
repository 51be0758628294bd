//! The task that watches a mailbox while it is wanted.
//!
//! ```text
//!  hints ─▶ dirty ─▶ one look at a time: the tree, then each folder ─▶ the pings that differ, after the linger
//!             ▲         │ fails: is the mailbox there at all? then this folder waits alone, else everything does
//!             └─────────┘                                      all is clean ─▶ live, and what changed is to be told
//! ```

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::caught::caught;
use super::dirty::Dirty;
use super::refresh::Progress;
use super::teller::{Teller, Untold};
use super::{Account, Phase, lock};
use crate::direct::live::{Compared, Live};
use crate::store::{FolderId, Hint, Hints, StoreError, StoreErrorKind};

/// How often it is looked whether somebody still waits.
const CHECK: Duration = Duration::from_secs(1);

/// How long somebody who was announced may take to begin to wait.
const ANNOUNCED: Duration = Duration::from_secs(5);

/// How often it is looked whether they do.
const SOON: Duration = Duration::from_millis(50);

/// Pings that are compared before others get their turn.
const AT_ONCE: usize = 64;

/// What a watch knows beside the account.
struct Watch {
    hints: Hints,
    /// Hints that were heard, and not looked at.
    heard: Vec<Hint>,
    /// How often it is looked whether somebody still waits; never for a mailbox that is watched all the time.
    check: Option<Duration>,
    dirty: Dirty,
    /// Folders that cannot be looked at though the mailbox is there.
    failing: BTreeSet<FolderId>,
    /// Who waits until what was hinted at is published.
    waiting: Vec<oneshot::Sender<()>>,
    failures: u32,
    /// When a mailbox that was not there is tried again.
    retry_at: Option<Instant>,
    /// When the folders that cannot be looked at are tried again.
    failing_until: Option<Instant>,
    /// When the pings that have something to tell are answered.
    answer_at: Option<Instant>,
    moved: BTreeSet<FolderId>,
    /// Since when nobody waits.
    unwanted_since: Option<Instant>,
}

/// What outlives a watch.
struct Memory {
    progress: Progress,
    teller: Teller,
    /// What was found and not handed over yet: a move is told as one only if both its folders were looked at.
    untold: Untold,
}

/// Watches until the account is dropped. Whatever panics, it goes on.
pub(super) async fn run(account: Weak<Account>) {
    while caught(watch(&account)).await.is_none() {
        let Some(account) = account.upgrade() else { return };
        tracing::error!(account = &*account.name, "watching panicked, and begins again");
        account.set_phase(Phase::Idle);
        drop(account);
        tokio::time::sleep(CHECK).await;
    }
}

async fn watch(account: &Weak<Account>) {
    let Some(strong) = account.upgrade() else { return };
    let progress = Progress::load(&strong);
    let teller = Teller::start(&strong, progress.tokens.clone());
    let mut memory = Memory { progress, teller, untold: Untold::default() };
    drop(strong);
    loop {
        let Some(strong) = be_wanted(account).await else { return };
        strong.set_phase(Phase::Starting);
        let mut watch = Watch::new(&strong);
        let poked = Arc::clone(&strong.poked);
        drop(strong);
        loop {
            watch.rest(&poked).await;
            let Some(strong) = account.upgrade() else { return };
            if !watch.turn(&strong, &mut memory).await {
                strong.set_phase(Phase::Idle);
                break;
            }
        }
    }
}

/// Waits until the mailbox is wanted. Whoever is about to want it pokes: nothing is looked at for nothing.
async fn be_wanted(account: &Weak<Account>) -> Option<Arc<Account>> {
    let poked = Arc::clone(&account.upgrade()?.poked);
    let mut until = Instant::now();
    loop {
        let strong = account.upgrade()?;
        if strong.is_wanted() {
            return Some(strong);
        }
        drop(strong);
        if Instant::now() < until {
            tokio::time::sleep(SOON).await;
            continue;
        }
        poked.notified().await;
        // Who is let in to subscribe does so in the next moment.
        until = Instant::now() + ANNOUNCED;
    }
}

impl Watch {
    fn new(account: &Account) -> Self {
        Self {
            hints: account.store.watch(&[]),
            heard: Vec::new(),
            check: (!account.store.is_local()).then_some(CHECK),
            dirty: Dirty::default(),
            failing: BTreeSet::new(),
            waiting: Vec::new(),
            failures: 0,
            retry_at: None,
            failing_until: None,
            answer_at: None,
            moved: BTreeSet::new(),
            unwanted_since: None,
        }
    }

    /// Does one step of what is to be done. `false` once nobody has waited for long enough.
    async fn turn(&mut self, account: &Account, memory: &mut Memory) -> bool {
        self.gather(account);
        if self.is_due() {
            self.step(account, memory).await;
        }
        if self.answer_at.is_some_and(|at| at <= Instant::now()) {
            self.answer_at = None;
            self.answer_pings(account).await;
        }
        self.is_still_wanted(account)
    }

    /// Whether there is something to look at now.
    fn is_due(&self) -> bool {
        !self.dirty.is_clean() && self.retry_at.is_none_or(|at| at <= Instant::now())
    }

    /// Waits until there may be something to do.
    async fn rest(&mut self, poked: &Notify) {
        if self.is_due() {
            return;
        }
        let check = self.check.map(|check| Instant::now() + check);
        let next = [self.retry_at, self.failing_until, self.answer_at, check].into_iter().flatten().min();
        let timed = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let is_abandoned = self.hints.is_abandoned();
        tokio::select! {
            hint = self.hints.next(), if !is_abandoned => self.heard.push(hint),
            () = poked.notified() => {}
            () = timed => {}
        }
    }

    /// Everything that was hinted at, by the store and from outside; and what is to be tried again.
    fn gather(&mut self, account: &Account) {
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
        if is_over(self.retry_at) && self.hints.is_abandoned() {
            self.hints = account.store.watch(&[]);
            self.retry_at = None;
        }
        if is_over(self.failing_until) {
            self.dirty.folders.append(&mut self.failing);
            self.failing_until = None;
        }
        while let Some(hint) = self.heard.pop().or_else(|| self.hints.try_next()) {
            self.dirty.add(hint, || account.folder_ids());
        }
        for (hint, done) in std::mem::take(&mut *lock(&account.hinted)) {
            self.dirty.add(hint, || account.folder_ids());
            self.waiting.extend(done);
        }
        if self.hints.is_abandoned() && self.retry_at.is_none() {
            self.dirty.is_ready = false;
            let error = StoreError::new(StoreErrorKind::Unavailable, "the store has stopped watching");
            self.put_off(account, &error);
        }
    }

    fn is_still_wanted(&mut self, account: &Account) -> bool {
        if account.is_wanted() {
            self.unwanted_since = None;
            return true;
        }
        let now = Instant::now();
        now.duration_since(*self.unwanted_since.get_or_insert(now)) < account.config.watch_linger
    }

    /// One look, and what follows from it.
    async fn step(&mut self, account: &Account, memory: &mut Memory) {
        let looked = caught(self.look(account, memory)).await.unwrap_or_else(|| Err(StoreError::panicked()));
        if let Err(error) = looked {
            memory.teller.tell(std::mem::take(&mut memory.untold));
            self.put_off(account, &error);
        } else if self.dirty.is_clean() {
            self.is_clean(account, memory);
        }
    }

    /// Everything was looked at, but for the folders that cannot be.
    fn is_clean(&mut self, account: &Account, memory: &mut Memory) {
        account.set_failing(&self.failing);
        self.retry_at = None;
        if self.failing.is_empty() {
            self.failures = 0;
            self.failing_until = None;
        } else if self.failing_until.is_none() {
            self.failing_until = Some(self.later());
        }
        if self.dirty.is_ready {
            account.set_phase(Phase::Live);
        }
        memory.untold.waiting.append(&mut self.waiting);
        memory.teller.tell(std::mem::take(&mut memory.untold));
    }

    fn later(&mut self) -> Instant {
        self.failures += 1;
        Instant::now() + Account::backoff(self.failures - 1)
    }

    /// The mailbox is left alone for a while.
    fn put_off(&mut self, account: &Account, error: &StoreError) {
        let is_refused = error.kind() == StoreErrorKind::Refused;
        account.set_phase(if is_refused { Phase::Refused } else { Phase::Starting });
        self.retry_at = Some(self.later());
        warn(account, error, "the mailbox cannot be looked at");
    }

    /// Looks at the tree, or at one folder.
    async fn look(&mut self, account: &Account, memory: &mut Memory) -> Result<(), StoreError> {
        let Memory { progress, untold, .. } = memory;
        if self.dirty.tree {
            let before = account.tree();
            let folders = account.look_at_tree(progress, untold).await?;
            let is_known = |id: &FolderId| before.get(*id).is_some();
            self.dirty.folders.extend(folders.iter().filter(|id| !is_known(id)));
            self.dirty.folders.retain(|id| folders.contains(id));
            self.failing.retain(|id| folders.contains(id));
            self.dirty.tree = false;
        }
        let Some(folder) = self.dirty.folders.first().copied() else { return Ok(()) };
        let looked =
            caught(account.look_at(progress, untold, folder)).await.unwrap_or_else(|| Err(StoreError::panicked()));
        match looked {
            Ok(has_changed) => {
                self.failing.remove(&folder);
                if has_changed {
                    untold.folders.insert(folder);
                    self.moved.insert(folder);
                    self.answer_at.get_or_insert_with(|| Instant::now() + account.config.linger);
                }
            }
            Err(error) => {
                // One folder that cannot be read must not keep the others from being looked at.
                account.store.hierarchy().await?;
                if self.failing.insert(folder) {
                    warn(account, &error, &format!("folder {folder} cannot be looked at"));
                }
            }
        }
        self.dirty.folders.remove(&folder);
        Ok(())
    }

    /// Answers the pings that differ from what is there now.
    async fn answer_pings(&mut self, account: &Account) {
        let moved = std::mem::take(&mut self.moved);
        let are_told = |ping: &Live| ping.is_for(|folder| moved.contains(&folder));
        let mut last = 0;
        loop {
            let (pings, next) = account.some_waiting(last, AT_ONCE, are_told);
            let Some(next) = next else { return };
            last = next;
            let mut compared = Compared::default();
            pings.iter().for_each(|ping| ping.compare(&[], &mut compared));
            tokio::task::yield_now().await;
        }
    }
}

fn warn(account: &Account, error: &StoreError, what: &str) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(account = &*account.name, cause, "{what}: {error}");
}
