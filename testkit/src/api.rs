//! The calls that ask: history, presence, channels, stats, disconnect.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{
    http::{Request, Response, query},
    poll::Answer,
};

/// `GET history`, whatever the answer. `params` beside `channel`.
pub async fn history_response(
    addr: SocketAddr,
    channel: &str,
    params: &[(&str, &str)],
    token: Option<&str>,
) -> Response {
    let pairs = std::iter::once(("channel", channel)).chain(params.iter().copied());
    get(addr, &format!("/push/history?{}", query(pairs)), token).await
}

/// `GET history`.
///
/// # Panics
/// If it is refused.
pub async fn history(addr: SocketAddr, channel: &str, params: &[(&str, &str)]) -> Answer {
    Answer::from_response(&history_response(addr, channel, params, None).await)
}

/// `DELETE history`.
pub async fn forget(addr: SocketAddr, channel: &str, token: Option<&str>) -> Response {
    let target = format!("/push/history?{}", query([("channel", channel)]));
    Request::new("DELETE", &target).maybe_bearer(token).send(addr).await
}

/// `GET presence`, whatever the answer.
pub async fn presence_response(addr: SocketAddr, channel: &str, token: Option<&str>) -> Response {
    get(addr, &format!("/push/presence?{}", query([("channel", channel)])), token).await
}

/// `GET presence`.
///
/// # Panics
/// If it is refused.
pub async fn presence(addr: SocketAddr, channel: &str, token: Option<&str>) -> Value {
    ok(&presence_response(addr, channel, token).await)
}

/// `GET channels`.
///
/// # Panics
/// If it is refused.
pub async fn channels(addr: SocketAddr, params: &[(&str, &str)], token: Option<&str>) -> Value {
    ok(&get(addr, &format!("/push/channels?{}", query(params.iter().copied())), token).await)
}

/// `GET stats`.
///
/// # Panics
/// If it is refused.
pub async fn stats(addr: SocketAddr, token: Option<&str>) -> Value {
    ok(&get(addr, "/push/stats", token).await)
}

/// `POST disconnect`, whatever the answer.
pub async fn disconnect(addr: SocketAddr, order: &Value, token: Option<&str>) -> Response {
    let request = Request::post("/push/disconnect", order.to_string()).header("Content-Type", "application/json");
    request.maybe_bearer(token).send(addr).await
}

/// `GET` of any path, whatever the answer.
pub async fn get(addr: SocketAddr, target: &str, token: Option<&str>) -> Response {
    Request::get(target).maybe_bearer(token).send(addr).await
}

/// The JSON of an answer that must be 200.
///
/// # Panics
/// If it is not.
#[must_use]
pub fn ok(response: &Response) -> Value {
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

/// Waits until a condition on what the server tells is true.
///
/// # Panics
/// If it never is.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::GUARD, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
