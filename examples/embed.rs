//! **embed**: push in an axum application of one's own, in ten lines.
//!
//! What it shows: a hub, its router beside other routes, and publishing from the program.
//!
//! Run it:
//!
//! ```sh
//! cargo run -p examples --bin embed            # or: --bin embed 127.0.0.1:9000
//! ```
//!
//! What to try, in other terminals:
//!
//! ```sh
//! curl -N 'http://127.0.0.1:8080/push/sse?channel=clock'                    # an event stream, one tick a second
//! curl -N 'http://127.0.0.1:8080/push/stream?channel=clock&since=start'     # JSON lines, from the first tick on
//! curl 'http://127.0.0.1:8080/push/poll?channel=clock'                      # waits for one tick, a long poll
//! curl -d hello 'http://127.0.0.1:8080/push/publish?channel=clock'          # all of them hear it
//! ```

use std::{error::Error, time::Duration};

use axum::{Router, routing::get};
use push_core::{Draft, Hub, HubConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());

    // The hub holds all channels. Every clone is the same hub: one goes to the router, one to whoever publishes.
    let hub = Hub::new(HubConfig::default());
    let push = push_transports::router(hub.clone(), push_transports::Config::default());
    let app = Router::new().route("/", get(|| async { "my application\n" })).nest("/push", push);
    tokio::spawn(tick(hub));

    let listener = tokio::net::TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    println!("try: curl -N 'http://{}/push/sse?channel=clock'", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// A channel exists as soon as somebody publishes to it or subscribes to it: nothing is declared.
async fn tick(hub: Hub) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for number in 1_u64.. {
        seconds.tick().await;
        if let Err(error) = hub.publish("clock", Draft::text(format!("tick {number}"))).await {
            eprintln!("not published: {error}");
        }
    }
}
