//! Who may read which account: `mail/...` is granted by an account's readers alone (wire.md §7).

use std::sync::Arc;

use push_core::{Action, Authorizer, BoxFuture, Credentials, Identity, Selector, Unauthorized};

use crate::mail::Accounts;

/// An authorizer that knows the readers of mail accounts, in front of one that knows everything else.
#[derive(Debug)]
pub(crate) struct Readers {
    accounts: Arc<Accounts>,
    inner: Arc<dyn Authorizer>,
}

impl Readers {
    pub(crate) fn new(accounts: Arc<Accounts>, inner: Arc<dyn Authorizer>) -> Self {
        Self { accounts, inner }
    }

    /// Whether `identity` may read all that `selector` selects of mail.
    fn allow(&self, identity: &Identity, action: Action, selector: &Selector) -> bool {
        if !matches!(action, Action::Subscribe | Action::History | Action::Presence) {
            return false;
        }
        let segment = selector.as_str().split('/').nth(1).unwrap_or_default();
        let is_reader = |readers: &[Arc<str>]| identity.user.as_ref().is_some_and(|user| readers.contains(user));
        let is_open = self.inner.is_open();
        let may = match self.accounts.by_segment(segment) {
            Some(account) => is_open || is_reader(&account.readers),
            // A pattern over accounts is granted to who may read them all.
            None if segment.starts_with('*') => {
                is_open || self.accounts.all().all(|account| is_reader(&account.readers))
            }
            None => is_open,
        };
        if may && action == Action::Subscribe {
            // It is about to subscribe: the mailbox is watched from now on.
            match self.accounts.by_segment(segment) {
                Some(account) => account.poke(),
                None if segment.starts_with('*') => self.accounts.all().for_each(|account| account.poke()),
                None => {}
            }
        }
        may
    }
}

impl Authorizer for Readers {
    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        self.inner.authenticate(credentials)
    }

    fn authorize<'a>(
        &'a self,
        identity: &'a Identity,
        action: Action,
        selector: Option<&'a Selector>,
    ) -> BoxFuture<'a, bool> {
        match selector {
            Some(mail) if mail.as_str().starts_with("mail/") => {
                Box::pin(std::future::ready(self.allow(identity, action, mail)))
            }
            _ => self.inner.authorize(identity, action, selector),
        }
    }
}
