//! A look at what was hinted: which folders have changed, and what became of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::caught::caught;
use super::event::TreeData;
use super::teller::Untold;
use super::{Account, lock, progress};
use crate::store::{FolderId, Hierarchy, Page, StoreError, StoreErrorKind, Token};

/// Changes that are read at a time.
pub(super) const PAGE: usize = 256;

/// Up to where folders were seen, or told.
pub(super) type Tokens = BTreeMap<FolderId, Token>;

/// Up to where an account was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) tokens: Tokens,
    /// Folders that could not be read when the account was seen for the first time: what lies there is no news either.
    unseen: BTreeSet<FolderId>,
    /// Not until the account was seen for the first time: what lies there then is not news.
    is_known: bool,
}

impl Progress {
    /// It begins where it was told up to before the process began.
    pub(super) fn load(account: &Account) -> Self {
        let loaded = progress::load(&account.state, &account.name).unwrap_or_else(|error| {
            tracing::error!(account = &*account.name, %error, "what was published is not known: nothing is told again");
            None
        });
        let is_known = loaded.is_some();
        Self { tokens: loaded.unwrap_or_default(), is_known, ..Self::default() }
    }
}

impl Account {
    /// Looks at the tree. Returns the folders there are.
    pub(super) async fn look_at_tree(
        &self,
        progress: &mut Progress,
        untold: &mut Untold,
    ) -> Result<BTreeSet<FolderId>, StoreError> {
        let now = Arc::new(self.store.hierarchy().await?);
        if !progress.is_known {
            for folder in &now.folders {
                match caught(self.head(folder.id)).await {
                    Some(Ok(token)) => {
                        progress.tokens.insert(folder.id, token);
                    }
                    // It is looked at again, and must not keep the others from being told.
                    _ => {
                        progress.unseen.insert(folder.id);
                    }
                }
            }
            // All of them or none: whoever finds some tokens after a crash takes all else for news.
            untold.skipped.get_or_insert_default().extend(&progress.tokens);
            progress.is_known = true;
        }
        let before = std::mem::replace(&mut *lock(&self.tree), Arc::clone(&now));
        let is_gone = |id: &FolderId| now.get(*id).is_none();
        progress.tokens.keys().copied().filter(is_gone).for_each(|id| untold.gone(id));
        progress.tokens.retain(|id, _| !is_gone(id));
        progress.unseen.retain(|id| !is_gone(id));
        self.waiting_where(|id| is_gone(&id)).iter().for_each(|ping| ping.folder_is_gone());
        if before.version != now.version {
            self.waiting_where(|_| true).iter().for_each(|ping| ping.compare_tree(&now));
        }
        if !before.folders.is_empty() {
            untold.tree.extend(tree_news(&before, &now));
        }
        Ok(now.folders.iter().map(|folder| folder.id).collect())
    }

    /// Looks at one folder. Whether it has changed.
    pub(super) async fn look_at(
        &self,
        progress: &mut Progress,
        untold: &mut Untold,
        folder: FolderId,
    ) -> Result<bool, StoreError> {
        if progress.unseen.contains(&folder) {
            let token = self.head(folder).await?;
            progress.unseen.remove(&folder);
            progress.tokens.insert(folder, token);
            untold.skipped.get_or_insert_default().insert(folder, token);
            return Ok(true);
        }
        let since = progress.tokens.get(&folder).copied().unwrap_or_default();
        let (token, has_changed) = match self.store.changes(folder, since, PAGE).await {
            Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => return Ok(false),
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => (self.head(folder).await?, true),
            page => {
                let page = page?;
                let has_changed = !page.changes.is_empty();
                (self.behind(folder, page)?, has_changed)
            }
        };
        // Not before all is read: what fails half-way is found again.
        progress.tokens.insert(folder, token);
        Ok(has_changed)
    }

    /// The token behind all there is, after a look.
    async fn head(&self, folder: FolderId) -> Result<Token, StoreError> {
        let page = self.store.changes(folder, Token::START, PAGE).await?;
        self.behind(folder, page)
    }

    /// The token behind all that was recorded when `page` was made.
    fn behind(&self, folder: FolderId, mut page: Page) -> Result<Token, StoreError> {
        while page.more {
            page = self.store.recorded(folder, page.token, PAGE)?;
        }
        Ok(page.token)
    }

    /// The token behind all that is recorded.
    pub(super) fn recorded_head(&self, folder: FolderId) -> Result<Token, StoreError> {
        let page = self.store.recorded(folder, Token::START, PAGE)?;
        self.behind(folder, page)
    }
}

fn tree_news(before: &Hierarchy, now: &Hierarchy) -> Vec<TreeData> {
    let mut news = Vec::new();
    for folder in &before.folders {
        if now.get(folder.id).is_none() {
            news.push(TreeData { id: folder.id.to_string(), from: Some(folder.path.clone()), to: None });
        }
    }
    for folder in &now.folders {
        let from = before.get(folder.id).map(|before| before.path.clone());
        if from.as_deref() != Some(&*folder.path) {
            news.push(TreeData { id: folder.id.to_string(), from, to: Some(folder.path.clone()) });
        }
    }
    news
}
