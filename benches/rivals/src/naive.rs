//! axum's WebSocket and SSE over `tokio::sync::broadcast`, all defaults.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_stream::wrappers::BroadcastStream;

/// Messages that a subscriber may be behind, as in axum's example of a chat.
const CAPACITY: usize = 100;

/// How a WebSocket is served.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tasks {
    /// One task selects between what is to be sent and what comes.
    One,
    /// One writes and one reads.
    Two,
}

#[derive(Clone)]
struct App {
    tasks: Tasks,
    channels: Arc<Mutex<HashMap<String, Sender<Utf8Bytes>>>>,
}

impl App {
    fn channel(&self, name: String) -> Sender<Utf8Bytes> {
        let mut channels = self.channels.lock().expect("nobody panics while holding it");
        channels.entry(name).or_insert_with(|| broadcast::channel(CAPACITY).0).clone()
    }
}

pub(crate) fn router(tasks: Tasks) -> Router {
    let app = App { tasks, channels: Arc::default() };
    Router::new()
        .route("/push/publish", post(publish))
        .route("/push/ws", get(websocket))
        .route("/push/sse", get(events))
        .with_state(app)
}

async fn publish(State(app): State<App>, Query(query): Query<crate::Query>, body: String) -> &'static str {
    // Without subscribers it fails, which is not the publisher's concern.
    let _ = app.channel(query.channel).send(body.into());
    "{}"
}

async fn websocket(State(app): State<App>, Query(query): Query<crate::Query>, upgrade: WebSocketUpgrade) -> Response {
    let publications = app.channel(query.channel).subscribe();
    match app.tasks {
        Tasks::One => upgrade.on_upgrade(move |socket| one_task(socket, publications)),
        Tasks::Two => upgrade.on_upgrade(move |socket| two_tasks(socket, publications)),
    }
    .into_response()
}

async fn one_task(mut socket: WebSocket, mut publications: Receiver<Utf8Bytes>) {
    loop {
        tokio::select! {
            publication = publications.recv() => {
                let Ok(publication) = publication else { return };
                if socket.send(Message::Text(publication)).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => {
                let Some(Ok(_)) = message else { return };
            }
        }
    }
}

async fn two_tasks(socket: WebSocket, mut publications: Receiver<Utf8Bytes>) {
    let (mut to, mut from) = socket.split();
    let mut send = tokio::spawn(async move {
        while let Ok(publication) = publications.recv().await {
            if to.send(Message::Text(publication)).await.is_err() {
                break;
            }
        }
    });
    let mut receive = tokio::spawn(async move { while let Some(Ok(_)) = from.next().await {} });
    tokio::select! {
        _ = &mut send => receive.abort(),
        _ = &mut receive => send.abort(),
    }
}

async fn events(
    State(app): State<App>,
    Query(query): Query<crate::Query>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let publications = BroadcastStream::new(app.channel(query.channel).subscribe());
    let events =
        publications.filter_map(async |publication| Some(Ok(Event::default().data(publication.ok()?.as_str()))));
    Sse::new(events).keep_alive(KeepAlive::default())
}
