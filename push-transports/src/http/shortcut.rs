//! The routes as they are answered at the door of a lot, without an application around them.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::push::Push;
use super::request::RequestBody;
use super::service;
use crate::proto::front::Route;
use crate::server::Shortcut;
use crate::server::shortcut::{Doorkeeper, ToCome};

impl Push {
    /// The routes for [`ServeConfig::shortcut`](crate::server::ServeConfig::shortcut): those of an application in which this
    /// [`service`](Push::service) is nested at `base`, such as `/push`. WebSockets of `/echo` go through the application.
    #[must_use]
    pub fn shortcut(&self, base: &str) -> Shortcut {
        let base = base.trim_end_matches('/').to_owned();
        Shortcut(Arc::new(Door { push: self.clone(), base }))
    }
}

/// Cheap to ask: a request that is not for it is looked at for nothing.
struct Door {
    push: Push,
    base: String,
}

impl Doorkeeper for Door {
    fn route(&self, path: &str) -> Option<Route> {
        let route = path.strip_prefix(self.base.as_str())?;
        // An upgrade of hyper's is what `echo` goes on with.
        let is_known = route != "/echo" && service::ROUTES.iter().any(|(known, _)| *known == route);
        is_known.then(|| Route { base: self.base.len(), upgrades: route == "/ws" })
    }

    fn target_bytes(&self) -> usize {
        self.push.shared.config.max_target_bytes
    }

    fn answer(&self, request: Request<Bytes>, room: Option<ToCome>) -> ToCome {
        let answer = answer(self.push.clone(), request.map(RequestBody::Whole));
        match room {
            Some(mut room) => {
                room.set(answer);
                room
            }
            None => ToCome::new(answer),
        }
    }
}

async fn answer(push: Push, request: Request<RequestBody>) -> Response<Bytes> {
    service::answer(push, request).await.map(|body| {
        // What is no bytes offers to take the connection over, and is asked to: nothing between here and there changes that.
        body.into_full().unwrap_or_default()
    })
}
