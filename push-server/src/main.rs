//! The ready-to-run push server: configuration and wiring of `push-core`, `push-transports` and `push-mail`, with a demo
//! page.
//!
//! In reading order: `config` (flags over environment over file over defaults), `wiring` (what is built of it), `mail`
//! (the mailboxes), `lmtp` (mail servers that deliver), `routes` (what is answered beside `/push`), `metrics`, `tls` (the
//! certificate), `signals` (how it ends), `descriptors` (how many connections the system allows), `demo` (the page and its
//! files) and `feed` (the host's load that it shows).
#![forbid(unsafe_code)]

mod config;
mod demo;
mod descriptors;
mod feed;
mod lmtp;
mod mail;
mod metrics;
mod routes;
mod signals;
mod tls;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

/// Exit code for what the operator has to put right before it can start; clap's for a wrong flag.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let flags = config::Flags::parse();
    match config::load(&flags, std::env::vars_os()) {
        Ok(loaded) => wiring::start(loaded),
        Err(error) => {
            eprintln!("push-server: {error}");
            ExitCode::from(MISCONFIGURED)
        }
    }
}
