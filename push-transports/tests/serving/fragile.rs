//! An application that fails when it is told to, in its server's own code.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};

use axum::Router;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::Request;
use hyper::body::Incoming;
use tower_service::Service;

/// A service whose next clone fails, once it was told to.
pub(crate) struct Fragile(pub(crate) Router, pub(crate) Arc<AtomicBool>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.1.swap(false, SeqCst), "it was told to fail");
        Self(self.0.clone(), self.1.clone())
    }
}

impl Service<Request<Incoming>> for Fragile {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Service::call(&mut self.0, request)
    }
}
