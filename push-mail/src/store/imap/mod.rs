//! A mailbox behind IMAP.
mod wire;
