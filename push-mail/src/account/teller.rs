//! The task that publishes what has changed: pings and looks do not wait for it, however slow the hub or the mailbox is.
//!
//! It is told which folders have changed and reads itself what did, behind what it has published: however much that is,
//! what waits is one number for each folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use push_core::{ChannelName, Draft, PublishErrorKind};
use tokio::sync::{mpsc, oneshot};

use super::caught::caught;
use super::event::{self, Told, TreeData, pair_moves};
use super::refresh::{PAGE, Tokens};
use super::{Account, lock, progress};
use crate::name::{folder_channel, tree_channel};
use crate::store::{ChangeKind, FolderId, StoreError, StoreErrorKind, Token, Uid, Wanted};

/// Messages that are fetched at a time.
const FETCH: usize = 32;

/// Changes that are looked at together: a move is one that is gone here and new there.
const TOGETHER: usize = 1024;

/// How long a message that is gone waits to be found in another folder, which may be looked at a moment later.
const ELSEWHERE: Duration = Duration::from_millis(50);

/// What is still to be told.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// Of an account that was seen for the first time: what lies before these is not news.
    pub(super) skipped: Option<Tokens>,
    pub(super) tree: VecDeque<TreeData>,
    pub(super) folders: BTreeSet<FolderId>,
    gone: BTreeSet<FolderId>,
    /// Who waits until all that is published.
    pub(super) waiting: Vec<oneshot::Sender<()>>,
}

impl Untold {
    pub(super) fn gone(&mut self, folder: FolderId) {
        self.folders.remove(&folder);
        self.gone.insert(folder);
    }

    /// Takes what came later.
    fn add(&mut self, later: Untold) {
        if let Some(skipped) = later.skipped {
            self.skipped.get_or_insert_default().extend(skipped);
        }
        self.tree.extend(later.tree);
        self.folders.extend(later.folders);
        later.gone.into_iter().for_each(|folder| self.gone(folder));
        self.waiting.extend(later.waiting);
    }
}

/// Where it is handed over. The task ends with it.
#[derive(Debug)]
pub(super) struct Teller {
    untold: Arc<Mutex<Untold>>,
    bell: mpsc::Sender<()>,
}

impl Teller {
    /// A teller that goes on behind what was told up to these.
    pub(super) fn start(account: &Arc<Account>, told: Tokens) -> Self {
        let untold = Arc::<Mutex<Untold>>::default();
        let (bell, rung) = mpsc::channel(1);
        tokio::spawn(run(Arc::downgrade(account), Arc::clone(&untold), rung, told));
        Self { untold, bell }
    }

    pub(super) fn tell(&self, untold: Untold) {
        lock(&self.untold).add(untold);
        // One that has not been heard yet is enough.
        let _ = self.bell.try_send(());
    }
}

async fn run(account: Weak<Account>, untold: Arc<Mutex<Untold>>, mut bell: mpsc::Receiver<()>, mut told: Tokens) {
    let mut now = Untold::default();
    let mut failures = 0;
    while bell.recv().await.is_some() {
        let mut has_waited = false;
        loop {
            now.add(std::mem::take(&mut *lock(&untold)));
            let Some(account) = account.upgrade() else { return };
            if !has_waited && caught(async { account.may_have_moved(&now, &told) }).await == Some(true) {
                drop(account);
                tokio::time::sleep(ELSEWHERE).await;
                has_waited = true;
                continue;
            }
            if caught(account.tell(&mut now, &mut told)).await == Some(Ok(())) {
                failures = 0;
                break;
            }
            drop(account);
            tokio::time::sleep(Account::backoff(failures)).await;
            failures += 1;
        }
    }
}

/// It is to be tried again; why is in the log.
#[derive(Debug, PartialEq, Eq)]
struct Unpublished;

/// Changes of some folders, and up to where they are then told.
#[derive(Default)]
struct Round {
    told: Vec<Told>,
    tokens: Tokens,
    /// Folders where uids mean other messages now.
    reset: Vec<FolderId>,
    /// Folders of which this is all.
    done: BTreeSet<FolderId>,
}

impl Account {
    /// Publishes what is to be told, and takes it out as it is published.
    async fn tell(&self, now: &mut Untold, told: &mut Tokens) -> Result<(), Unpublished> {
        if let Some(skipped) = now.skipped.take() {
            self.note(skipped.iter().map(|(folder, token)| (*folder, Some(*token))).collect()).await;
            told.extend(skipped);
        }
        while let Some(data) = now.tree.front() {
            self.publish(&tree_channel(&self.name), data.draft()).await?;
            now.tree.pop_front();
        }
        let gone: Vec<_> = now.gone.iter().map(|folder| (*folder, None)).collect();
        if !gone.is_empty() {
            told.retain(|folder, _| !now.gone.contains(folder));
            self.note(gone).await;
            now.gone.clear();
        }
        while !now.folders.is_empty() {
            let round = self.read(&now.folders, told).map_err(|error| {
                tracing::error!(account = &*self.name, %error, "what is to be published cannot be read");
                Unpublished
            })?;
            for folder in round.reset {
                self.publish_in(folder, event::reset(folder)).await?;
            }
            self.tell_changes(round.told).await?;
            let notes = round.tokens.iter().map(|(folder, token)| (*folder, Some(*token))).collect();
            told.extend(round.tokens);
            self.note(notes).await;
            now.folders.retain(|folder| !round.done.contains(folder));
        }
        for done in now.waiting.drain(..) {
            // Who no longer waits does not mind.
            let _ = done.send(());
        }
        Ok(())
    }

    /// Whether a message is gone that may be new somewhere else in a moment.
    fn may_have_moved(&self, now: &Untold, told: &Tokens) -> bool {
        let Ok(mut round) = self.read(&now.folders, told) else { return false };
        pair_moves(&mut round.told);
        round.told.iter().any(Told::may_be_elsewhere)
    }

    /// Reads what is recorded of `folders` behind what was told.
    fn read(&self, folders: &BTreeSet<FolderId>, told: &Tokens) -> Result<Round, StoreError> {
        let mut round = Round::default();
        for &folder in folders {
            let mut token = told.get(&folder).copied().unwrap_or_default();
            loop {
                if round.told.len() >= TOGETHER {
                    return Ok(round);
                }
                let (next, more) = match self.read_page(folder, token, &mut round) {
                    Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => break,
                    page => page?,
                };
                token = next;
                round.tokens.insert(folder, token);
                if !more {
                    break;
                }
            }
            round.done.insert(folder);
        }
        Ok(round)
    }

    fn read_page(&self, folder: FolderId, since: Token, round: &mut Round) -> Result<(Token, bool), StoreError> {
        let page = match self.store.recorded(folder, since, PAGE) {
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => {
                round.reset.push(folder);
                return Ok((self.recorded_head(folder)?, false));
            }
            page => page?,
        };
        let told = |change| Told { folder, change, elsewhere: None, item: None };
        round.told.extend(page.changes.into_iter().map(told));
        Ok((page.token, page.more))
    }

    /// Notes up to where is published. What cannot be noted is published again after a restart.
    async fn note(&self, tokens: Vec<(FolderId, Option<Token>)>) {
        if let Err(error) = progress::save(&self.state, &self.name, tokens).await {
            tracing::error!(account = &*self.name, %error, "what was published could not be noted");
        }
    }

    /// Publishes changes, what is new with its summary.
    async fn tell_changes(&self, mut told: Vec<Told>) -> Result<(), Unpublished> {
        pair_moves(&mut told);
        let folders: BTreeSet<_> = told.iter().map(|one| one.folder).collect();
        for folder in folders {
            let new = |one: &&Told| one.folder == folder && one.change.kind == ChangeKind::New;
            let uids: Vec<Uid> = told.iter().filter(new).map(|one| one.change.uid).collect();
            for uids in uids.chunks(FETCH) {
                self.fetch_into(&mut told, folder, uids).await;
            }
        }
        for one in &told {
            self.publish_in(one.folder, one.draft()).await?;
        }
        Ok(())
    }

    async fn fetch_into(&self, told: &mut [Told], folder: FolderId, uids: &[Uid]) {
        let wanted = Wanted::Summary { preview_bytes: self.config.preview_bytes };
        let fetched =
            caught(self.store.fetch(folder, uids, wanted)).await.unwrap_or_else(|| Err(StoreError::panicked()));
        let items = fetched.unwrap_or_else(|error| {
            tracing::warn!(account = &*self.name, %folder, %error, "new messages are told without what is in them");
            Vec::new()
        });
        let mut items: BTreeMap<Uid, _> = items.into_iter().map(|item| (item.uid, item)).collect();
        for one in told.iter_mut().filter(|one| one.folder == folder && one.item.is_none()) {
            one.item = items.remove(&one.change.uid);
        }
    }

    async fn publish_in(&self, folder: FolderId, draft: Draft) -> Result<(), Unpublished> {
        let tree = self.tree();
        let Some(folder) = tree.get(folder) else { return Ok(()) };
        self.publish(&folder_channel(&self.name, &folder.path), draft).await
    }

    async fn publish(&self, channel: &ChannelName, draft: Draft) -> Result<(), Unpublished> {
        let Err(error) = self.hub.publish_reserved("mail", channel, draft).await else { return Ok(()) };
        tracing::error!(%channel, %error, "a change could not be published");
        // What cannot be published for another reason is left out: what comes after it, elsewhere, is to be told.
        if error.kind() == PublishErrorKind::Storage { Err(Unpublished) } else { Ok(()) }
    }
}
