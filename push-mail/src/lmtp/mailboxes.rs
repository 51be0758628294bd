//! The accounts whose mailboxes are Maildirs, as those that mail is for.

use std::collections::HashMap;

use push_core::BoxFuture;

use super::{Deliver, Letter, Refusal};
use crate::mail::Mail;
use crate::store::maildir::MaildirStore;
use crate::store::{MailStore as _, StoreError, StoreErrorKind};

/// Delivers into the Maildirs of accounts, and answers once what came is published on their channels.
///
/// A recipient is the account of that name: the whole address, else what stands before its `@`, else that without what
/// follows a `+`; upper and lower case of ASCII letters are the same.
#[derive(Debug)]
pub struct Mailboxes {
    mail: Mail,
    /// By the account's name in lower case.
    stores: HashMap<String, (String, MaildirStore)>,
}

impl Mailboxes {
    /// No mailboxes yet; what is delivered is published by `mail`.
    pub fn new(mail: Mail) -> Self {
        Self { mail, stores: HashMap::new() }
    }

    /// Adds the account of that name with its mailbox.
    #[must_use]
    pub fn with(mut self, account: &str, store: MaildirStore) -> Self {
        self.stores.insert(account.to_ascii_lowercase(), (account.to_owned(), store));
        self
    }

    fn of(&self, recipient: &str) -> Result<&(String, MaildirStore), Refusal> {
        let address = recipient.to_ascii_lowercase();
        let local = address.rsplit_once('@').map_or(address.as_str(), |(local, _)| local);
        let without_detail = local.split_once('+').map_or(local, |(name, _)| name);
        let found = [address.as_str(), local, without_detail].into_iter().find_map(|name| self.stores.get(name));
        found.ok_or(Refusal::NoSuchMailbox)
    }

    async fn put(&self, recipient: &str, letter: Letter) -> Result<(), Refusal> {
        let (account, store) = self.of(recipient)?;
        let refuse = |error: StoreError| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(account, cause, "a message could not be delivered: {error}");
            if error.kind() == StoreErrorKind::Invalid { Refusal::Rejected } else { Refusal::Unavailable }
        };
        store.deliver(letter).await.map_err(refuse)?;
        // It is on the disk: whatever happens to its publication, it is not refused any more.
        if let Ok(tree) = store.hierarchy().await
            && let Some(inbox) = tree.folders.first()
            && !self.mail.publish(account, Some(inbox.id)).await
        {
            tracing::warn!(account, "a message was delivered, but its mailbox is not watched: it is published later");
        }
        Ok(())
    }
}

impl Deliver for Mailboxes {
    fn accepts<'a>(&'a self, recipient: &'a str) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(std::future::ready(self.of(recipient).map(drop)))
    }

    fn deliver<'a>(&'a self, recipient: &'a str, letter: Letter) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(self.put(recipient, letter))
    }
}
