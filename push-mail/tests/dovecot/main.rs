//! The stores of real mailboxes against a real Dovecot.

mod imap;
mod kit;
