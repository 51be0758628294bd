//! An application whose requests wait for bells, under each server.
//!
//! `/bell/NAME/MANNER?SECONDS` is answered when the bell of that name is rung, with what it was rung with.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use http::{Response, StatusCode};
use push_core::{Hub, HubConfig};
use push_transports::server::{ServeConfig, Wait, bind, later};
use push_transports::{Config, Push, PushBody};
use testkit::Connection;

use crate::serving::{Path, Server, get, until};

/// Whose pages may ask.
pub(crate) const ORIGIN: &str = "https://app.example";

/// What serves the application.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Under {
    Axum,
    Ours(Path),
}

impl Under {
    /// Whether a wait is parked without a task.
    pub(crate) fn has_lots(self) -> bool {
        matches!(self, Self::Ours(path) if path.has_lots())
    }

    pub(crate) fn start(self) -> Site {
        self.start_with(|app| app)
    }

    /// `wrap` gets the application and gives the one to serve.
    pub(crate) fn start_with(self, wrap: impl FnOnce(Router) -> Router) -> Site {
        let config = match self {
            Self::Axum => ServeConfig::default(),
            Self::Ours(path) => path.plan().serve,
        };
        self.start_as(wrap, config)
    }

    /// Where it is ours, with other settings.
    pub(crate) fn start_with_config(self, config: ServeConfig) -> Site {
        self.start_as(|app| app, config)
    }

    fn start_as(self, wrap: impl FnOnce(Router) -> Router, config: ServeConfig) -> Site {
        let bells = Bells::default();
        let mut settings = Config::default();
        settings.origins = vec![ORIGIN.to_owned()];
        let push = Push::new(Hub::new(HubConfig::default()), settings).expect("valid settings");
        let app = wrap(app(&push, &bells));
        let serving = match self {
            Self::Axum => {
                let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
                let addr = listener.local_addr().expect("it is bound");
                Serving::Axum(addr, tokio::spawn(async { axum::serve(listener, app).await.expect("it never fails") }))
            }
            Self::Ours(_) => Serving::Ours(Server::start(push, app, config)),
        };
        Site { under: self, serving: Some(serving), bells }
    }
}

/// The application.
pub(crate) fn app(push: &Push, bells: &Bells) -> Router {
    let (transports, push, bells) = (push.router(), push.clone(), bells.clone());
    let handler = move |request: Request| handle(push.clone(), bells.clone(), request);
    Router::new().nest("/push", transports).fallback(handler)
}

async fn handle(push: Push, bells: Bells, request: Request) -> Response<PushBody> {
    push.guarded(request, true, async |request| {
        let path = request.uri().path().trim_start_matches("/bell/").to_owned();
        let (name, manner) = path.split_once('/').unwrap_or((&path, ""));
        let lasts = Duration::from_secs_f64(request.uri().query().map_or(60.0, |text| text.parse().expect("seconds")));
        let ring = Ring { bells: bells.clone(), name: name.to_owned(), manner: manner.to_owned() };
        if manner == "unread" {
            let answer = later(&request, ring, lasts);
            drop(request);
            return Ok(answer.await);
        }
        let request = push.read_body(request, 1 << 20).await?;
        let answer = later(&request, ring, lasts);
        drop(request);
        Ok(answer.await)
    })
    .await
}

/// One bell.
#[derive(Default)]
pub(crate) struct Bell {
    /// What it was rung with.
    rung: Option<String>,
    /// Of the last poll.
    waker: Option<Waker>,
    pub(crate) polls: usize,
    pub(crate) answers: usize,
    /// Waits that were dropped.
    pub(crate) dropped: usize,
}

/// All bells, by name.
#[derive(Clone, Default)]
pub(crate) struct Bells(Arc<Mutex<HashMap<String, Bell>>>);

impl Bells {
    pub(crate) fn with<T>(&self, name: &str, see: impl FnOnce(&mut Bell) -> T) -> T {
        see(self.lock().entry(name.to_owned()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bell>> {
        self.0.lock().expect("nothing panics under the lock")
    }

    pub(crate) fn ring(&self, name: &str, with: &str) {
        let waker = self.with(name, |bell| {
            bell.rung = Some(with.to_owned());
            bell.waker.take()
        });
        waker.into_iter().for_each(Waker::wake);
    }

    /// The waker that would be called.
    pub(crate) fn waker(&self, name: &str) -> Waker {
        self.with(name, |bell| bell.waker.clone()).expect("it was polled")
    }
}

/// Waits for a bell.
struct Ring {
    bells: Bells,
    name: String,
    manner: String,
}

impl Wait for Ring {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let (polls, rung) = self.bells.with(&self.name, |bell| {
            bell.polls += 1;
            bell.waker = Some(cx.waker().clone());
            (bell.polls, bell.rung.clone())
        });
        match self.manner.as_str() {
            "ready" => return Poll::Ready(Response::new("ready".into())),
            // What it waits for comes just behind the first look.
            "first" if polls == 1 => self.bells.ring(&self.name, "behind the first look"),
            "busy" => cx.waker().wake_by_ref(),
            "panics" if rung.is_some() => panic!("told to"),
            _ => {}
        }
        let Some(rung) = rung else { return Poll::Pending };
        self.bells.with(&self.name, |bell| bell.answers += 1);
        let mut response = Response::new(Bytes::from(rung));
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("text/x-bell"));
        match self.manner.as_str() {
            "nothing" => *response.status_mut() = StatusCode::NO_CONTENT,
            "teapot" => *response.status_mut() = StatusCode::IM_A_TEAPOT,
            "no-status" => *response.status_mut() = StatusCode::CONTINUE,
            "length" => drop(headers.insert("content-length", http::HeaderValue::from_static("3"))),
            "closes" => drop(headers.insert("connection", http::HeaderValue::from_static("close"))),
            "large" => *response.body_mut() = large(),
            _ => {}
        }
        Poll::Ready(response)
    }

    fn expired(&mut self) -> Response<Bytes> {
        assert_ne!(self.manner, "panics-late", "told to");
        Response::new("expired".into())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.bells.with(&self.name, |bell| bell.dropped += 1);
        assert_ne!(self.manner, "panics-in-drop", "told to");
    }
}

/// More than the kernel's buffers hold.
pub(crate) fn large() -> Bytes {
    (0..8_u32 << 20).map(|n| (n / 7) as u8).collect()
}

enum Serving {
    Axum(SocketAddr, tokio::task::JoinHandle<()>),
    Ours(Server),
}

/// The application, served; it ends with the value.
pub(crate) struct Site {
    under: Under,
    /// `None` once it was taken.
    serving: Option<Serving>,
    bells: Bells,
}

impl Deref for Site {
    type Target = Bells;

    fn deref(&self) -> &Bells {
        &self.bells
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(Serving::Axum(_, running)) = &self.serving {
            running.abort();
        }
    }
}

impl Site {
    /// The server, where it is ours.
    pub(crate) fn server(&self) -> Option<&Server> {
        match &self.serving {
            Some(Serving::Ours(server)) => Some(server),
            _ => None,
        }
    }

    /// The server alone, to be stopped.
    pub(crate) fn into_server(mut self) -> Option<Server> {
        match self.serving.take() {
            Some(Serving::Ours(server)) => Some(server),
            _ => None,
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let addr = match &self.serving {
            Some(Serving::Ours(server)) => server.addr,
            Some(Serving::Axum(addr, _)) => *addr,
            None => panic!("it was taken"),
        };
        Connection::open(addr).await.expect("somebody listens")
    }

    pub(crate) async fn sent(&self, bytes: impl AsRef<[u8]>) -> Connection {
        let mut connection = self.connect().await;
        connection.send_bytes(bytes.as_ref()).await.expect("it reads");
        connection
    }

    /// A connection whose request waits for the bell; parked where there are lots.
    pub(crate) async fn waits(&self, name: &str, rest: &str) -> Connection {
        let connection = self.sent(get(&format!("/bell/{name}{rest}"), "")).await;
        self.begun(name).await;
        connection
    }

    /// Waits until the bell was looked at, and where there are lots until it was by its lot.
    pub(crate) async fn begun(&self, name: &str) {
        let looks = if self.under.has_lots() { 2 } else { 1 };
        until("it waits", || self.with(name, |bell| bell.polls >= looks)).await;
    }
}
