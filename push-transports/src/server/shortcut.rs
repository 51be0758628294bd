//! Requests that are answered without passing the application.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tokio_util::sync::ReusableBoxFuture;

use crate::proto::front::Route;

/// An answer to come, in memory that the next one uses again.
pub(crate) type ToCome = ReusableBoxFuture<'static, Response<Bytes>>;

/// What answers requests at the door.
pub(crate) trait Doorkeeper: Send + Sync {
    /// Whether it answers requests for `path`, and where its routes begin there.
    fn route(&self, path: &str) -> Option<Route>;

    /// Most bytes of a target.
    fn target_bytes(&self) -> usize;

    /// Begins to answer a request whose target begins with the route. An answer may carry a
    /// [`Takeover`](super::lot::Takeover), whose connection is read to the end of the request; else its body is all of it.
    fn answer(&self, request: Request<Bytes>, room: Option<ToCome>) -> ToCome;
}

/// Routes whose requests need not pass the application that is served; see [`ServeConfig::shortcut`](super::ServeConfig::shortcut).
///
/// Made by [`Push::shortcut`](crate::Push::shortcut). A clone is one reference more to the same.
#[derive(Clone)]
pub struct Shortcut(pub(crate) Arc<dyn Doorkeeper>);

impl fmt::Debug for Shortcut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shortcut")
    }
}
