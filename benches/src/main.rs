//! What push costs: a delivery, a connection, a subscriber. `cargo run --release -p benches -- --help` tells the scenarios.
//!
//! In reading order: `args`, `scenario` (what is measured), `lane` (a server and its client, and duels), `report`; then
//! the roles that this program starts itself in: `server` (what is measured), `limit` (the ceiling that it is measured
//! by), `client` (subscribers that check every delivery) and `peers` (servers of others); for mail `mailbox` (what the server serves), `device` (those
//! who ping) and `notices` (who hears of a file as early as anybody can); below them `line`
//! (a connection, plain or over TLS), `poller`, `system`, `message`, `kind`, `clock`.
#![forbid(unsafe_code)]

mod args;
mod client;
mod clock;
mod device;
mod kind;
mod lane;
mod limit;
mod line;
mod mailbox;
mod message;
mod notices;
mod peers;
mod poller;
mod report;
mod scenario;
mod server;
mod system;

use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Cli, Role};

/// A bench that fails says why and ends.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let Cli { role, place } = Cli::parse();
    report::into(&place);
    match run(&role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(role: &Role) -> Result<()> {
    match role {
        Role::Server(args) => return server::run(args),
        Role::Limit => return limit::run(),
        Role::Client(args) => return client::run(args),
        Role::Exec(args) => return peers::exec::run(args),
        Role::Operation(args) => return scenario::operation(args),
        _ => system::pin(system::CLIENT_CORE)?,
    }
    match role {
        Role::Fanout(args) => scenario::fanout(args),
        Role::Burst(args) => scenario::burst(args),
        Role::Chat(args) => scenario::chat(args),
        Role::Pattern(args) => scenario::pattern(args),
        Role::Publish(args) => scenario::publish(args),
        Role::Idle(args) => scenario::idle(args),
        Role::Connect(args) => scenario::connect(args),
        Role::Churn(args) => scenario::churn(args),
        Role::Instructions(args) => scenario::instructions(args),
        Role::Quiet(args) => scenario::quiet(args),
        Role::Poll(args) => scenario::poll(args),
        Role::Latency(args) => scenario::latency(args),
        Role::Slow(args) => scenario::slow(args),
        Role::Ping(args) => scenario::ping(args),
        Role::Wake(args) => scenario::wake(args),
        Role::All(args) => scenario::all(args),
        Role::Storm(args) => scenario::storm(args),
        Role::Nodes(args) => scenario::nodes(args),
        Role::Soak(args) => scenario::soak(args),
        Role::Peers(args) => scenario::peers(args),
        Role::Server(_) | Role::Limit | Role::Client(_) | Role::Operation(_) | Role::Exec(_) => Ok(()),
    }
}
