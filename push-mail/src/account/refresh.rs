//! A look at what was hinted: which folders have changed, and what is to be told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{Told, TreeData};
use super::teller::{News, Teller};
use super::{Account, lock, progress};
use crate::store::{FolderId, Hierarchy, StoreError, StoreErrorKind, Token};

/// Changes that are read, and published, at a time.
const PAGE: usize = 256;

/// Up to where an account is published.
#[derive(Debug, Default)]
pub(super) struct Progress {
    tokens: BTreeMap<FolderId, Token>,
    /// Not until the account was seen for the first time: what lies there then is not news.
    is_known: bool,
}

impl Progress {
    pub(super) fn load(account: &Account) -> Self {
        let loaded = progress::load(&account.state, &account.name).unwrap_or_else(|error| {
            tracing::error!(account = &*account.name, %error, "what was published is not known: nothing is told again");
            None
        });
        let is_known = loaded.is_some();
        Self { tokens: loaded.unwrap_or_default(), is_known }
    }
}

impl Account {
    /// Looks at the tree, and tells what came, went and was renamed. Returns the folders there are.
    pub(super) async fn look_at_tree(
        &self,
        progress: &mut Progress,
        teller: &Teller,
    ) -> Result<BTreeSet<FolderId>, StoreError> {
        let now = Arc::new(self.store.hierarchy().await?);
        if !progress.is_known {
            for folder in &now.folders {
                let token = self.skip(folder.id, Token::START).await?;
                progress.tokens.insert(folder.id, token);
                teller.tell(News::Upto(folder.id, Some(token))).await;
            }
            progress.is_known = true;
        }
        let before = std::mem::replace(&mut *lock(&self.tree), Arc::clone(&now));
        let gone: Vec<_> = progress.tokens.keys().copied().filter(|id| now.get(*id).is_none()).collect();
        for id in gone {
            progress.tokens.remove(&id);
            self.waiting_for(id).iter().for_each(|ping| ping.folder_is_gone());
            teller.tell(News::Upto(id, None)).await;
        }
        if !before.folders.is_empty() {
            for news in tree_news(&before, &now) {
                teller.tell(News::Tree(news)).await;
            }
        }
        Ok(now.folders.iter().map(|folder| folder.id).collect())
    }

    /// The token behind all there is, without telling it.
    async fn skip(&self, folder: FolderId, mut since: Token) -> Result<Token, StoreError> {
        loop {
            let page = self.store.changes(folder, since, usize::MAX).await?;
            since = page.token;
            if !page.more {
                return Ok(since);
            }
        }
    }

    /// Looks at one folder. Whether it has changed.
    pub(super) async fn look_at(
        &self,
        progress: &mut Progress,
        teller: &Teller,
        folder: FolderId,
    ) -> Result<bool, StoreError> {
        let mut has_moved = false;
        let mut since = progress.tokens.get(&folder).copied().unwrap_or(Token::START);
        loop {
            let page = match self.store.changes(folder, since, PAGE).await {
                Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => return Ok(false),
                Err(error) if error.kind() == StoreErrorKind::TokenExpired => {
                    since = self.skip(folder, Token::START).await?;
                    progress.tokens.insert(folder, since);
                    teller.tell(News::Reset(folder)).await;
                    teller.tell(News::Upto(folder, Some(since))).await;
                    return Ok(true);
                }
                page => page?,
            };
            has_moved |= !page.changes.is_empty();
            since = page.token;
            progress.tokens.insert(folder, since);
            let told = |change| Told { folder, change, elsewhere: None, item: None };
            if !page.changes.is_empty() {
                teller.tell(News::Changes(page.changes.into_iter().map(told).collect())).await;
                teller.tell(News::Upto(folder, Some(since))).await;
            }
            if !page.more {
                return Ok(has_moved);
            }
        }
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
