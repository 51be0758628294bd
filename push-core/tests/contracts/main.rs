//! The contracts of `HistoryStore`, `Broker` and `Authorizer`: one list of expectations each, run over every
//! implementation. Who writes another one adds a line to the `*_contract!` invocations here.
#![cfg(not(push_shuttle))]

mod authorizer;
mod broker;
mod durable;
mod engine;
mod history_store;
#[path = "../support/mod.rs"]
mod support;
