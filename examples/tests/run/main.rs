//! Each example as its reader meets it: a process, and clients from outside.

mod camera;
mod chat;
mod embed;
mod mail;
mod tail;

use std::path::Path;

use testkit::PushServer;
use testkit::process::Launch;

/// Starts an example on a free port, which is its last argument.
async fn start(binary: &str, args: &[&Path]) -> PushServer {
    let launch = Launch::new(binary).without_listen();
    let args = args.iter().map(|arg| arg.to_str().expect("a path in UTF-8"));
    args.chain(["127.0.0.1:0"]).fold(launch, Launch::arg).start().await
}
