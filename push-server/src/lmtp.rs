//! Mail that mail servers bring, put into the inboxes of Maildirs.

use push_mail::Mail;
use push_mail::lmtp::{Lmtp, Mailboxes};
use push_mail::store::maildir::MaildirStore;
use tokio::net::TcpListener;

use crate::config::Settings;

/// Accounts whose mailboxes are Maildirs.
pub(crate) type Maildirs = Vec<(String, MaildirStore)>;

/// Takes mail in for `maildirs` until `stop` resolves.
pub(crate) fn receive(
    mail: &Mail,
    maildirs: Maildirs,
    listener: TcpListener,
    settings: &Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    match listener.local_addr() {
        Ok(address) => tracing::info!("mail is taken in over LMTP at {address}"),
        Err(error) => tracing::debug!(%error, "where mail is taken in is not known"),
    }
    let mailboxes = Mailboxes::new(mail.clone());
    let mailboxes = maildirs.into_iter().fold(mailboxes, |mailboxes, (name, store)| mailboxes.with(&name, store));
    let mut config = settings.mail.lmtp.clone();
    config.grace = settings.serve.grace;
    if let Some(data) = &settings.data {
        config.spool.clone_from(data);
    }
    let lmtp = Lmtp::new(mailboxes, config);
    async move { lmtp.serve(listener, stop).await }
}
