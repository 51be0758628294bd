//! The task that watches a mailbox while it is wanted.

use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::refresh::Progress;
use super::teller::{News, Teller};
use super::{Account, Phase, lock};
use crate::direct::live::{Compared, Live};
use crate::store::{FolderId, Hint, Hints, StoreError, StoreErrorKind};

/// How often it is looked whether somebody still waits.
const CHECK: Duration = Duration::from_secs(1);

/// The same where a mailbox is watched whether somebody waits or not: whether the account itself is still there.
const CHECK_LOCAL: Duration = Duration::from_secs(15);

/// How long somebody who was announced may take to begin to wait.
const ANNOUNCED: Duration = Duration::from_secs(5);

/// Pings that are compared before others get their turn.
const AT_ONCE: usize = 64;

/// What is still to be looked at.
#[derive(Default)]
struct Dirty {
    tree: bool,
    folders: BTreeSet<FolderId>,
    is_ready: bool,
}

impl Dirty {
    fn add(&mut self, hint: Hint, all: impl FnOnce() -> Vec<FolderId>) {
        match hint {
            Hint::Ready => {
                self.is_ready = true;
                self.tree = true;
                self.folders.extend(all());
            }
            Hint::All => {
                self.tree = true;
                self.folders.extend(all());
            }
            Hint::Tree => self.tree = true,
            Hint::Folder(folder) => {
                self.folders.insert(folder);
            }
        }
    }

    fn is_clean(&self) -> bool {
        !self.tree && self.folders.is_empty()
    }
}

/// What a watch knows beside the account.
struct Watch {
    hints: Hints,
    dirty: Dirty,
    /// Who waits until what was hinted at is published.
    waiting: Vec<oneshot::Sender<()>>,
    failures: u32,
    /// When it is tried again.
    retry_at: Option<Instant>,
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
}

pub(super) async fn run(account: Weak<Account>) {
    let Some(strong) = account.upgrade() else { return };
    let mut memory = Memory { progress: Progress::load(&strong), teller: Teller::start(&strong) };
    drop(strong);
    loop {
        let Some(strong) = account.upgrade() else { return };
        if !be_wanted(&strong).await {
            drop(strong);
            // Nothing holds the account now: it may end.
            tokio::task::yield_now().await;
            continue;
        }
        strong.set_phase(Phase::Starting);
        let mut watch = Watch::new(strong.store.watch(&[]));
        drop(strong);
        loop {
            let Some(strong) = account.upgrade() else { return };
            if !watch.turn(&strong, &mut memory).await {
                strong.set_phase(Phase::Idle);
                break;
            }
        }
    }
}

/// Waits until the mailbox is wanted, a while at most.
async fn be_wanted(account: &Account) -> bool {
    if account.is_wanted() {
        return true;
    }
    if tokio::time::timeout(CHECK, account.poked.notified()).await.is_err() {
        return account.is_wanted();
    }
    // Who is let in to subscribe does so in the next moment.
    let until = Instant::now() + ANNOUNCED;
    while Instant::now() < until {
        if account.is_wanted() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

impl Watch {
    fn new(hints: Hints) -> Self {
        Self {
            hints,
            dirty: Dirty::default(),
            waiting: Vec::new(),
            failures: 0,
            retry_at: None,
            answer_at: None,
            moved: BTreeSet::new(),
            unwanted_since: None,
        }
    }

    /// Waits for something, and does it. `false` once nobody has waited for long enough.
    async fn turn(&mut self, account: &Account, memory: &mut Memory) -> bool {
        let check = Instant::now() + if account.store.is_local() { CHECK_LOCAL } else { CHECK };
        let next = [self.retry_at, self.answer_at].into_iter().flatten().fold(check, Instant::min);
        let all = || account.tree().folders.iter().map(|folder| folder.id).collect();
        tokio::select! {
            hint = self.hints.next() => self.dirty.add(hint, all),
            () = account.poked.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
        while let Some(hint) = self.hints.try_next() {
            self.dirty.add(hint, all);
        }
        for (hint, done) in std::mem::take(&mut *lock(&account.hinted)) {
            self.dirty.add(hint, all);
            self.waiting.extend(done);
        }
        let now = Instant::now();
        if !self.dirty.is_clean() && self.retry_at.is_none_or(|at| at <= now) {
            self.look(account, memory).await;
        }
        if self.answer_at.is_some_and(|at| at <= Instant::now()) {
            self.answer_at = None;
            self.answer_pings(account).await;
        }
        self.is_still_wanted(account)
    }

    fn is_still_wanted(&mut self, account: &Account) -> bool {
        if account.is_wanted() {
            self.unwanted_since = None;
            return true;
        }
        let now = Instant::now();
        now.duration_since(*self.unwanted_since.get_or_insert(now)) < account.config.watch_linger
    }

    async fn look(&mut self, account: &Account, memory: &mut Memory) {
        let looked = self.look_once(account, memory).await;
        if !self.moved.is_empty() {
            let linger = account.config.linger;
            self.answer_at = self.answer_at.or_else(|| Some(Instant::now() + linger));
        }
        let Err(error) = looked else {
            self.failures = 0;
            self.retry_at = None;
            if self.dirty.is_ready {
                account.set_phase(Phase::Live);
            }
            for done in self.waiting.drain(..) {
                memory.teller.tell(News::Done(done)).await;
            }
            return;
        };
        let is_refused = error.kind() == StoreErrorKind::Refused;
        account.set_phase(if is_refused { Phase::Refused } else { Phase::Starting });
        self.retry_at = Some(Instant::now() + Account::backoff(self.failures));
        self.failures += 1;
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(account = &*account.name, cause, "the mailbox cannot be looked at: {error}");
    }

    async fn look_once(&mut self, account: &Account, memory: &mut Memory) -> Result<(), StoreError> {
        let Memory { progress, teller } = memory;
        if self.dirty.tree {
            let before = account.tree();
            let folders = account.look_at_tree(progress, teller).await?;
            let is_known = |id: &FolderId| before.get(*id).is_some();
            self.dirty.folders.extend(folders.iter().filter(|id| !is_known(id)));
            self.dirty.folders.retain(|id| folders.contains(id));
            self.dirty.tree = false;
        }
        while let Some(folder) = self.dirty.folders.first().copied() {
            if account.look_at(progress, teller, folder).await? {
                self.moved.insert(folder);
            }
            self.dirty.folders.remove(&folder);
        }
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
