//! The stores of real mailboxes against a real Dovecot.

mod hook;
mod imap;
mod kit;
mod pop3;
