//! Mail that mail servers bring, put into the inboxes of Maildirs.

use push_core::BoxFuture;
use push_mail::Mail;
use push_mail::lmtp::{Deliver, Letter, Lmtp, Refusal};
use push_mail::store::maildir::MaildirStore;
use tokio::net::TcpListener;

use crate::config::Settings;

/// Accounts whose mailboxes are Maildirs.
pub(crate) type Maildirs = Vec<(String, MaildirStore)>;

/// The inboxes that mail may be for.
#[derive(Debug)]
pub(crate) struct Inboxes {
    mail: Mail,
    maildirs: Maildirs,
}

impl Inboxes {
    pub(crate) fn new(mail: Mail, maildirs: Maildirs) -> Self {
        Self { mail, maildirs }
    }

    fn of(&self, recipient: &str) -> Result<&(String, MaildirStore), Refusal> {
        let place = find(self.maildirs.iter().map(|(name, _)| name.as_str()), recipient);
        place.map(|place| &self.maildirs[place]).ok_or(Refusal::NoSuchMailbox)
    }

    async fn put(&self, recipient: &str, letter: Letter) -> Result<(), Refusal> {
        let (name, store) = self.of(recipient)?;
        if let Err(error) = store.deliver(letter).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(account = name, cause, "mail could not be delivered: {error}");
            return Err(Refusal::Unavailable);
        }
        // It lies in the mailbox whether that can be watched now or not.
        self.mail.publish(name, None).await;
        Ok(())
    }
}

/// The account that mail to `recipient` is for: that of the whole address, else of its local part, else of what stands before
/// a `+` in it.
fn find<'a>(accounts: impl Iterator<Item = &'a str> + Clone, recipient: &str) -> Option<usize> {
    let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local);
    let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
    let named = |wanted: &str| accounts.clone().position(|name| name.eq_ignore_ascii_case(wanted));
    [recipient, local, plain].into_iter().find_map(named)
}

impl Deliver for Inboxes {
    fn accepts<'a>(&'a self, recipient: &'a str) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(std::future::ready(self.of(recipient).map(drop)))
    }

    fn deliver<'a>(&'a self, recipient: &'a str, letter: Letter) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(self.put(recipient, letter))
    }
}

/// Takes mail in until `stop` resolves.
pub(crate) fn receive(
    inboxes: Inboxes,
    listener: TcpListener,
    settings: &Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    match listener.local_addr() {
        Ok(address) => tracing::info!("mail is taken in over LMTP at {address}"),
        Err(error) => tracing::debug!(%error, "where mail is taken in is not known"),
    }
    let mut config = settings.mail.lmtp.clone();
    config.grace = settings.serve.grace;
    if let Some(data) = &settings.data {
        config.spool.clone_from(data);
    }
    let lmtp = Lmtp::new(inboxes, config);
    async move { lmtp.serve(listener, stop).await }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_for_the_account_that_is_named_most_exactly() {
        let accounts = ["alice", "bob@example.org", "bob", "news+daily"];
        for (recipient, account) in [
            ("alice", Some(0)),
            ("Alice@example.org", Some(0)),
            ("alice+list@example.org", Some(0)),
            ("BOB@example.org", Some(1)),
            ("bob@elsewhere.example", Some(2)),
            ("news+daily@example.org", Some(3)),
            ("news@example.org", None),
            ("eve@alice", None),
            ("", None),
        ] {
            assert_eq!(find(accounts.into_iter(), recipient), account, "{recipient}");
        }
    }
}
