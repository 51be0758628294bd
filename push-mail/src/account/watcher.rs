//! The task that watches a mailbox while it is wanted.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::refresh::Progress;
use super::teller::{News, Teller};
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
    /// Hints that were heard, and not looked at.
    heard: Vec<Hint>,
    /// How often it is looked whether somebody still waits; never for a mailbox that is watched all the time.
    check: Option<Duration>,
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
        let Some(strong) = be_wanted(&account).await else { return };
        strong.set_phase(Phase::Starting);
        let mut watch = Watch::new(&strong);
        let poked = Arc::clone(&strong.poked);
        drop(strong);
        loop {
            watch.wait(&poked).await;
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
            waiting: Vec::new(),
            failures: 0,
            retry_at: None,
            answer_at: None,
            moved: BTreeSet::new(),
            unwanted_since: None,
        }
    }

    /// Waits until there may be something to do.
    async fn wait(&mut self, poked: &Notify) {
        let check = self.check.map(|check| Instant::now() + check);
        let next = [self.retry_at, self.answer_at, check].into_iter().flatten().min();
        let timed = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            hint = self.hints.next() => self.heard.push(hint),
            () = poked.notified() => {}
            () = timed => {}
        }
    }

    /// Does what is to be done. `false` once nobody has waited for long enough.
    async fn turn(&mut self, account: &Account, memory: &mut Memory) -> bool {
        let all = || account.tree().folders.iter().map(|folder| folder.id).collect();
        while let Some(hint) = self.heard.pop().or_else(|| self.hints.try_next()) {
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
