//! A mailbox with a store over it, and with other programs that use it behind the store's back.

use push_mail::store::{Flags, MailStore};

/// 2020-01-02T03:04:05Z, in Unix milliseconds.
pub(crate) const DATED_MS: u64 = 1_577_934_245_000;

/// What a store can do at all. What it cannot do it must refuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    /// It has folders beside the inbox, which can be made, renamed and removed.
    pub(crate) folders: bool,
    /// It knows marks.
    pub(crate) flags: bool,
    /// Messages can be put into it by command.
    pub(crate) append: bool,
    /// Messages can be deleted by command.
    pub(crate) delete: bool,
    /// The mailbox tells when a message came.
    pub(crate) dates: bool,
    /// Messages outlive a restart of the store.
    pub(crate) survives: bool,
}

/// A mailbox. What it is told to do other programs do, and it is done when the call returns. Messages are named by their
/// subjects, which tests make unique.
pub(crate) trait World: Sized {
    /// What its store can do.
    const ABILITIES: Abilities;

    /// The path of the folder in which messages are tried; [`World::new`] makes it.
    const FOLDER: &'static str = "INBOX";

    /// A mailbox without messages, and its store.
    async fn new() -> Self;

    /// The store.
    ///
    /// # Panics
    /// While it is down.
    fn store(&self) -> &dyn MailStore;

    /// Ends the store. Other programs go on.
    async fn down(&mut self);

    /// Opens the store over the state that it left.
    async fn up(&mut self);

    /// Mail arrives.
    async fn deliver(&self, folder: &str, raw: &[u8]);

    /// Mail is there that arrived at [`DATED_MS`]. Only where the mailbox tells that.
    async fn deliver_dated(&self, folder: &str, raw: &[u8]);

    /// A message is marked.
    async fn mark(&self, folder: &str, subject: &str, flags: Flags);

    /// A message is removed for good.
    async fn delete(&self, folder: &str, subject: &str);

    /// A folder is made.
    async fn create_folder(&self, path: &str);

    /// A folder is renamed, alone.
    async fn rename_folder(&self, from: &str, to: &str);

    /// A folder is removed with its messages.
    async fn delete_folder(&self, path: &str);
}
