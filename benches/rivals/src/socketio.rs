//! socketioxide: a room is a channel, a message an event `m` with one argument.

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::post;
use socketioxide::extract::SocketRef;
use socketioxide::{SocketIo, TransportType};

pub(crate) fn router() -> Router {
    let (layer, io) = SocketIo::builder().transports([TransportType::Websocket]).build_layer();
    io.ns("/", async |socket: SocketRef| {
        if let Ok(Query(query)) = Query::<crate::Query>::try_from_uri(&socket.req_parts().uri) {
            socket.join(query.channel);
        }
    });
    Router::new().route("/push/publish", post(publish)).with_state(io).layer(layer)
}

async fn publish(State(io): State<SocketIo>, Query(query): Query<crate::Query>, body: String) -> &'static str {
    match io.to(query.channel).emit("m", &body).await {
        Ok(()) => "{}",
        Err(_) => r#"{"code":"not-sent"}"#,
    }
}
