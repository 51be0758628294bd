//! Mail from outside (wire.md §7, §8, §9): push-server as a process over a Maildir, asked by clients that know nothing else.

mod calls;
mod channels;
mod configuration;
mod lmtp;
mod phones;
mod readers;
mod restart;
mod world;
