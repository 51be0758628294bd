//! The task that publishes what was seen, in the order in which it was seen: pings do not wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use push_core::{ChannelName, Draft};
use tokio::sync::{mpsc, oneshot};

use super::event::{self, Told, TreeData, pair_moves};
use super::{Account, progress};
use crate::name::{folder_channel, tree_channel};
use crate::store::{ChangeKind, FolderId, Token, Uid, Wanted};

/// Messages that are fetched at a time.
const FETCH: usize = 32;

/// What may wait to be published: beyond it the watcher waits, and reads on later.
const QUEUE: usize = 64;

/// Changes that are looked at together: a move is one that is gone here and new there.
const TOGETHER: usize = 1024;

/// How long a message that is gone waits to be found in another folder, which may be looked at a moment later.
const ELSEWHERE: Duration = Duration::from_millis(50);

/// Something to be told.
#[derive(Debug)]
pub(super) enum News {
    /// Of one folder.
    Changes(Vec<Told>),
    /// Uids of the folder mean other messages now.
    Reset(FolderId),
    /// Of the tree.
    Tree(TreeData),
    /// All before it of this folder was handed over; `None` if it is gone.
    Upto(FolderId, Option<Token>),
    /// Somebody waits until all before it is published.
    Done(oneshot::Sender<()>),
}

impl News {
    /// Whether a message is gone that may be new somewhere else.
    fn may_go_on_elsewhere(&self) -> bool {
        let News::Changes(changes) = self else { return false };
        changes.iter().any(|one| one.change.kind == ChangeKind::Deleted && one.change.identity.is_some())
    }
}

/// Where news are handed over.
#[derive(Debug)]
pub(super) struct Teller(mpsc::Sender<News>);

impl Teller {
    pub(super) fn start(account: &Arc<Account>) -> Self {
        let (sender, news) = mpsc::channel(QUEUE);
        tokio::spawn(run(Arc::downgrade(account), news));
        Self(sender)
    }

    pub(super) async fn tell(&self, news: News) {
        // The task ends only with the account.
        let _ = self.0.send(news).await;
    }
}

async fn run(account: Weak<Account>, mut queue: mpsc::Receiver<News>) {
    let mut all = Vec::new();
    while queue.recv_many(&mut all, QUEUE).await > 0 {
        if all.iter().any(News::may_go_on_elsewhere) {
            tokio::time::sleep(ELSEWHERE).await;
            all.extend(std::iter::from_fn(|| queue.try_recv().ok()));
        }
        let Some(account) = account.upgrade() else { return };
        account.tell(std::mem::take(&mut all)).await;
    }
}

impl Account {
    async fn tell(&self, news: Vec<News>) {
        let mut told = Vec::new();
        let mut notes: BTreeMap<FolderId, Option<Token>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for one in news {
            match one {
                News::Changes(changes) => {
                    told.extend(changes);
                    if told.len() < TOGETHER {
                        continue;
                    }
                    self.tell_changes(std::mem::take(&mut told)).await;
                }
                News::Upto(folder, token) => {
                    notes.insert(folder, token);
                }
                News::Done(done) => waiting.push(done),
                News::Reset(folder) => {
                    self.tell_changes(std::mem::take(&mut told)).await;
                    self.publish_in(folder, event::reset(folder)).await;
                }
                News::Tree(data) => {
                    self.tell_changes(std::mem::take(&mut told)).await;
                    self.publish(&tree_channel(&self.name), data.draft()).await;
                }
            }
        }
        self.tell_changes(told).await;
        for done in waiting {
            // Who no longer waits does not mind.
            let _ = done.send(());
        }
        if !notes.is_empty()
            && let Err(error) = progress::save(&self.state, &self.name, notes.into_iter().collect()).await
        {
            tracing::error!(account = &*self.name, %error, "what was published could not be noted");
        }
    }

    /// Publishes changes, what is new with its summary.
    async fn tell_changes(&self, mut told: Vec<Told>) {
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
            self.publish_in(one.folder, one.draft()).await;
        }
    }

    async fn fetch_into(&self, told: &mut [Told], folder: FolderId, uids: &[Uid]) {
        let wanted = Wanted::Summary { preview_bytes: self.config.preview_bytes };
        let items = self.store.fetch(folder, uids, wanted).await.unwrap_or_else(|error| {
            tracing::warn!(account = &*self.name, %folder, %error, "new messages are told without what is in them");
            Vec::new()
        });
        let mut items: BTreeMap<Uid, _> = items.into_iter().map(|item| (item.uid, item)).collect();
        for one in told.iter_mut().filter(|one| one.folder == folder && one.item.is_none()) {
            one.item = items.remove(&one.change.uid);
        }
    }

    async fn publish_in(&self, folder: FolderId, draft: Draft) {
        let tree = self.tree();
        let Some(folder) = tree.get(folder) else { return };
        self.publish(&folder_channel(&self.name, &folder.path), draft).await;
    }

    async fn publish(&self, channel: &ChannelName, draft: Draft) {
        if let Err(error) = self.hub.publish_reserved("mail", channel, draft).await {
            tracing::error!(%channel, %error, "a change could not be published");
        }
    }
}
