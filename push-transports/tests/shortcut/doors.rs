//! Servers with and without the shortcut, and what shows which way a request went.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use http::HeaderValue;
use push_core::Hub;
use push_transports::Push;
use push_transports::server::ServeConfig;

use crate::serving::{Path, Plan, Server};

/// In answers that passed the application.
pub(crate) const PASSED: &str = "x-passed";

/// Whether plain requests are answered at the door.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    Open,
    Shut,
}

/// A server whose application marks what it answers.
pub(crate) fn start(door: Door, change: impl FnOnce(&mut Plan)) -> Server {
    start_on(Path::Lots, door, change)
}

/// The same, held as `path` says.
pub(crate) fn start_on(path: Path, door: Door, change: impl FnOnce(&mut Plan)) -> Server {
    let mut plan = path.plan();
    change(&mut plan);
    let Plan { hub, push, mut serve } = plan;
    let push = Push::new(Hub::new(hub), push).expect("valid settings");
    let app = Router::new().nest("/push", push.router()).layer(map_response(|mut response: Response| {
        response.headers_mut().insert(PASSED, HeaderValue::from_static("1"));
        std::future::ready(response)
    }));
    open(&mut serve, door, &push);
    Server::start(push, app, serve)
}

fn open(serve: &mut ServeConfig, door: Door, push: &Push) {
    serve.shortcut = (door == Door::Open).then(|| push.shortcut("/push"));
}

/// A publication as a request.
pub(crate) fn publish(channel: &str, payload: &str) -> String {
    format!(
        "POST /push/publish?channel={channel} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{payload}",
        payload.len()
    )
}
