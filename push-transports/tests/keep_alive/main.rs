//! One connection, many requests: what was parked comes back and is as good as new, and who leaves leaves nothing behind.

#[path = "../serving/paths.rs"]
#[macro_use]
mod paths;
#[path = "../serving/mod.rs"]
mod serving;

mod leaving;
mod polls;
mod stopping;
mod upgrades;

use serving::{UPGRADE, answer, get};
use testkit::{Connection, Response};

/// Requests that are parked, each its own transport's way, with their header lines.
const PARKED: [(&str, &str); 5] = [
    ("/push/poll?channel=c", ""),
    ("/push/sse?channel=c", ""),
    ("/push/stream?channel=c", ""),
    ("/push/mixed?channel=c", ""),
    ("/push/ws?channel=c", UPGRADE),
];

async fn ask(connection: &mut Connection, target: &str) -> Response {
    connection.send_bytes(get(target, "").as_bytes()).await.expect("it is kept");
    answer(connection).await
}
