//! Between hyper and the service: what a request is told of its connection, and what is kept from hyper.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::response::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::rt::{Sleep, Timer};
use hyper::upgrade::OnUpgrade;
use push_core::BoxFuture;
use tower_service::Service;

use super::takeover::{OnLot, Session, Takeover};
use crate::server::connection::ConnectionInfo;
use crate::server::stream::Shared;
use crate::server::wait::asks_to_close;

/// A session that was offered instead of an answer, its head, and whether the client asked to close behind it.
pub(super) type Offer = (Box<dyn Session>, Parts, bool);

/// Where the service leaves what hyper never gets.
#[derive(Default)]
pub(super) struct Offered {
    offer: Mutex<Option<Offer>>,
    is_there: AtomicBool,
    is_told: AtomicBool,
}

impl Offered {
    fn put(&self, offer: Offer) {
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Some(offer);
        self.is_there.store(true, Relaxed);
    }

    pub(super) fn take(&self) -> Option<Offer> {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_some(&self) -> bool {
        self.is_there.load(Relaxed)
    }

    /// True the first time.
    pub(super) fn tell_once(&self) -> bool {
        !self.is_told.swap(true, Relaxed)
    }
}

/// The service as hyper sees it.
pub(super) struct Answering<S> {
    service: S,
    info: ConnectionInfo,
    offered: Arc<Offered>,
    /// The socket of a request that asks for another protocol: whoever gets that reads what comes behind the request.
    socket: Option<Arc<Shared>>,
}

/// Its service is never pinned: each request gets a clone.
impl<S> Unpin for Answering<S> {}

impl<S> Answering<S> {
    pub(super) fn new(service: S, info: ConnectionInfo, offered: Arc<Offered>, socket: Option<Arc<Shared>>) -> Self {
        Self { service, info, offered, socket }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Answering<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Answer<S, B>;

    fn call(&self, mut request: Request<Incoming>) -> Answer<S, B> {
        let is_read = request.body().is_end_stream();
        let extensions = request.extensions_mut();
        if self.socket.is_none() {
            // This hyper gives no connection away: who would upgrade is to hear that it cannot.
            extensions.remove::<OnUpgrade>();
        }
        extensions.insert(self.info.clone());
        extensions.insert(OnLot { is_read });
        self.info.begin_answer();
        let closes = request.version() != Version::HTTP_11 || asks_to_close(request.headers());
        let is_connect = request.method() == Method::CONNECT;
        let socket = self.socket.clone().map(|socket| (socket, is_connect));
        let step = Step::Waiting { service: self.service.clone(), request: Some(request) };
        Answer { step: Box::pin(step), body: None, closes, offered: Arc::clone(&self.offered), socket }
    }
}

pin_project_lite::pin_project! {
    #[project = StepProject]
    enum Step<S>
    where
        S: Service<Request<Incoming>>,
    {
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] answer: S::Future },
        Declined { #[pin] head: BoxFuture<'static, Parts> },
    }
}

/// The answer to come; pending for ever where the connection is to be handed over.
pub(super) struct Answer<S, B>
where
    S: Service<Request<Incoming>>,
{
    step: Pin<Box<Step<S>>>,
    /// Of an answer whose head is not known yet.
    body: Option<B>,
    closes: bool,
    offered: Arc<Offered>,
    /// With whether it is a CONNECT.
    socket: Option<(Arc<Shared>, bool)>,
}

/// Its body is never pinned here.
impl<S, B> Unpin for Answer<S, B> where S: Service<Request<Incoming>> {}

impl<S, B> Future for Answer<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
{
    type Output = Result<Response<B>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.offered.is_some() {
            return Poll::Pending;
        }
        loop {
            match this.step.as_mut().project() {
                StepProject::Waiting { service, request } => {
                    let Ok(()) = ready!(service.poll_ready(cx));
                    let request = request.take().expect("the service is called once");
                    let answer = service.call(request);
                    this.step.set(Step::Called { answer });
                }
                StepProject::Called { answer } => {
                    let Ok(response) = ready!(answer.poll(cx));
                    let (head, body) = response.into_parts();
                    let Some(Takeover(offer)) = head.extensions.get::<Takeover>().cloned() else {
                        return this.answer(head, body);
                    };
                    if let Some(session) = offer.take(&head) {
                        let closes = this.closes || asks_to_close(&head.headers);
                        this.offered.put((session, head, closes));
                        return Poll::Pending;
                    }
                    this.body = Some(body);
                    this.step.set(Step::Declined { head: offer.complete(head) });
                }
                StepProject::Declined { head } => {
                    let head = ready!(head.poll(cx));
                    let body = this.body.take().expect("it was declined, and is answered once");
                    return this.answer(head, body);
                }
            }
        }
    }
}

impl<S, B> Answer<S, B>
where
    S: Service<Request<Incoming>>,
{
    fn answer(&self, head: Parts, body: B) -> Poll<Result<Response<B>, Infallible>> {
        if let Some((socket, is_connect)) = &self.socket
            && (head.status == StatusCode::SWITCHING_PROTOCOLS || *is_connect && head.status.is_success())
        {
            socket.lift_limit();
        }
        Poll::Ready(Ok(Response::from_parts(head, body)))
    }
}

/// hyper's timer. It waits for nothing: the head it is given is whole. But it is asked for a time-out whenever hyper begins
/// to wait for a head, and that is how an answer is known to be out.
#[derive(Debug)]
pub(super) struct Heads(pub(super) ConnectionInfo);

impl Timer for Heads {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.expect_head();
        Box::pin(Never)
    }
}

struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {}
