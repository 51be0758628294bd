//! Servers that push is measured beside, written as their libraries' own examples are and with their defaults.
//!
//! `benches peers` builds this on demand and starts it; it is a workspace of its own, so that neither its dependencies nor
//! the features that it asks of those we share reach push. All roles take the requests of push: `POST
//! /push/publish?channel=...`, `GET /push/ws?channel=...`, `GET /push/sse?channel=...`; Socket.IO has its own path.
#![forbid(unsafe_code)]

mod naive;
mod socketio;

use std::io::Write as _;

use axum::Router;
use axum::serve::ListenerExt as _;
use clap::Parser;
use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Which server.
#[derive(Clone, Copy, Debug, Parser)]
enum Role {
    /// axum's WebSocket and SSE over a broadcast channel; a connection is one task
    Naive,
    /// The same, a WebSocket being a task that writes and one that reads, as in axum's example of a chat
    Split,
    /// socketioxide, by WebSocket only
    Socketioxide,
}

/// What requests say behind the question mark.
#[derive(Debug, Deserialize)]
struct Query {
    channel: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let app = match Role::parse() {
        Role::Naive => naive::router(naive::Tasks::One),
        Role::Split => naive::router(naive::Tasks::Two),
        Role::Socketioxide => socketio::router(),
    };
    serve(app).await
}

/// Tells its address on standard output, and serves until it is killed.
async fn serve(app: Router) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            eprintln!("a connection without TCP_NODELAY: {error}");
        }
    });
    Ok(axum::serve(listener, app).await?)
}
