//! The stores of real mailboxes against a real Dovecot.

mod eas;
mod hook;
mod imap;
mod kit;
mod pop3;
