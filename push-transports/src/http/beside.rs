//! For what an application answers beside the routes: its pages, metrics, probes and long requests, under the same rules
//! of who may.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use push_core::{Authorizer, Credentials, Identity};

use super::ask::{identify, shown};
use super::body::PushBody;
use super::push::Push;
use super::reject;
use super::request::read_whole;
use crate::proto::access::{Asked, Decision};
use crate::proto::headers::Answer;
use crate::proto::problem::Problem;
use crate::proto::query::Query;

impl Push {
    /// Answers a request as every route of the transports is answered: lets in whom `hosts` and `origins` let in, answers
    /// preflights, tells problems, and gives every answer the headers of wire.md §7 (what `answer` has set stays) and what
    /// lets a listed origin read it. `answer` is asked for requests that were let in, and for no others.
    ///
    /// `is_under_base` says whether the path is one for programs: one that is not may be asked for by people whom another
    /// site has led to it.
    ///
    /// ```
    /// # async fn example<B>(push: push_transports::Push, request: http::Request<B>) {
    /// use http::{HeaderMap, Response};
    /// use push_transports::PushBody;
    ///
    /// let response: Response<PushBody> = push
    ///     .guarded(request, true, async |request| {
    ///         let query = request.uri().query().unwrap_or_default();
    ///         let identity = push.authenticate(request.headers(), query).await?;
    ///         Ok(Response::new(PushBody::full(identity.user.as_deref().unwrap_or("nobody").to_owned())))
    ///     })
    ///     .await;
    /// # }
    /// ```
    pub async fn guarded<B, C, F>(
        &self,
        request: Request<B>,
        is_under_base: bool,
        answer: impl FnOnce(Request<B>) -> F,
    ) -> Response<C>
    where
        C: From<PushBody>,
        F: Future<Output = Result<Response<C>, Problem>>,
    {
        let (mut response, cors) = match self.decide_where(&request, is_under_base) {
            Decision::Refuse(problem) => (reject::respond(&problem).map(C::from), None),
            Decision::Preflight(headers) => (preflight(headers).map(C::from), None),
            Decision::Allow { cors } => {
                let answered = answer(request).await;
                (answered.unwrap_or_else(|problem| reject::respond(&problem).map(C::from)), cors)
            }
        };
        apply_plain(response.headers_mut());
        if let Some(cors) = cors {
            cors.apply(response.headers_mut());
        }
        response
    }

    /// Decides about a request for a path that is not under the base, by `hosts`, `origins` and whether anyone may do
    /// anything. Unlike under the base, other sites may lead people to it.
    ///
    /// ```
    /// # async fn example(push: push_transports::Push, request: http::Request<()>) {
    /// use push_transports::proto::access::Decision;
    /// let refusal = match push.decide(&request) {
    ///     Decision::Refuse(problem) => Some(push.refusal(&problem)),
    ///     Decision::Allow { .. } | Decision::Preflight(_) => None,
    /// };
    /// # }
    /// ```
    #[must_use]
    pub fn decide<B>(&self, request: &Request<B>) -> Decision {
        self.decide_where(request, false)
    }

    fn decide_where<B>(&self, request: &Request<B>, is_under_base: bool) -> Decision {
        self.shared.access.decide(&Asked {
            method: request.method(),
            authority: request.uri().authority(),
            headers: request.headers(),
            is_under_base,
        })
    }

    /// Who sent a request with these headers and this query: its `Authorization` tells, else the `token` of the query.
    ///
    /// # Errors
    ///
    /// `unauthorized` for credentials that are wrong, have expired or cannot be read, `bad_parameter` for a query that
    /// cannot be decoded. Who shows nothing is whoever [`Authorizer::authenticate`] takes that for.
    pub async fn authenticate(&self, headers: &HeaderMap, query: &str) -> Result<Identity, Problem> {
        identify(&self.shared, headers, &Query::parse(query)?).await
    }

    /// What a request with these headers and this query shows to say who it is, not looked at further.
    ///
    /// # Errors
    ///
    /// `unauthorized` for an `Authorization` that cannot be read, `bad_parameter` for a query that cannot be decoded.
    pub fn credentials(&self, headers: &HeaderMap, query: &str) -> Result<Credentials, Problem> {
        shown(headers, &Query::parse(query)?)
    }

    /// Who may do what.
    #[must_use]
    pub fn authorizer(&self) -> &Arc<dyn Authorizer> {
        &self.shared.config.authorizer
    }

    /// Checks that a request with these headers and this query comes from an admin: its `Authorization` tells, else the
    /// `token` of the query.
    ///
    /// # Errors
    ///
    /// `unauthorized`, `forbidden`, or `bad_parameter` for a query that cannot be decoded.
    pub async fn check_admin(&self, headers: &HeaderMap, query: &str) -> Result<(), Problem> {
        let identity = self.authenticate(headers, query).await?;
        self.shared.authorize_admin(&identity).await
    }

    /// The request with its whole body: at most `limit` bytes, in memory of their own. An answer to it
    /// [may come later](crate::server::later).
    ///
    /// Cancel safety: what was read of the body is lost.
    ///
    /// # Errors
    ///
    /// `too_large`, or `bad_parameter` for a body that broke off or did not come within `body_timeout`.
    pub async fn read_body<B>(&self, request: Request<B>, limit: usize) -> Result<Request<Bytes>, Problem>
    where
        B: Body<Data = Bytes>,
    {
        #[cfg_attr(not(target_os = "linux"), expect(unused_mut, reason = "only lots are told"))]
        let (mut parts, body) = request.into_parts();
        let body = read_whole(body, limit, self.shared.config.body_timeout).await?;
        #[cfg(target_os = "linux")]
        if let Some(on_lot) = parts.extensions.get_mut::<crate::server::lot::OnLot>() {
            on_lot.is_read = true;
        }
        Ok(Request::from_parts(parts, body))
    }

    /// The answer that tells `problem`, with the headers that every answer carries.
    #[must_use]
    pub fn refusal(&self, problem: &Problem) -> Response<PushBody> {
        let mut response = reject::respond(problem);
        apply_plain(response.headers_mut());
        response
    }
}

fn preflight(headers: HeaderMap) -> Response<PushBody> {
    let mut response = Response::new(PushBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// wire.md §7: on every answer; what a handler has set stays.
fn apply_plain(headers: &mut HeaderMap) {
    Answer::Plain.complete(headers);
}
