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

#[cfg(test)]
mod tests {
    use super::*;

    fn future_size<F, A, B>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_answer_to_come_is_small_for_it_is_moved_for_each_request() {
        let size = future_size(answer);
        println!("{size}");
        fn f2<F, A, B>(_: impl Fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        async fn p(p: Push, c: super::super::request::Call) {
            let _ = super::super::publish::handle(&p, c).await;
        }
        async fn po(p: Push, c: super::super::request::Call) {
            let _ = super::super::poll::handle(&p, c).await;
        }
        async fn st(p: Push, c: super::super::request::Call) {
            let _ = super::super::stream::handle(&p, c, crate::proto::params::Transport::Sse).await;
        }
        async fn w(p: Push, c: Request<RequestBody>) {
            let _ = super::super::ws::handle(&p, c, false).await;
        }
        async fn his(p: Push, c: super::super::request::Call) {
            let _ = super::super::ask::history(&p, c).await;
        }
        async fn adm(p: Push, c: super::super::request::Call) {
            let _ = super::super::admin::disconnect(&p, c).await;
        }
        println!(
            "publish {} poll {} stream {} ws {} hist {} adm {} call {} request {} params {}",
            f2(p),
            f2(po),
            f2(st),
            f2(w),
            f2(his),
            f2(adm),
            size_of::<super::super::request::Call>(),
            size_of::<Request<RequestBody>>(),
            size_of::<crate::proto::params::SubscribeParams>()
        );
        assert!(size <= 2048, "{size}");
    }
}
