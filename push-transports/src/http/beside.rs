//! For what an application answers beside the routes: its pages, metrics and probes, under the same rules of who may.

use http::{HeaderMap, Request, Response};

use super::ask::identify;
use super::body::PushBody;
use super::push::Push;
use super::reject;
use super::service::apply_plain;
use crate::proto::access::{Asked, Decision};
use crate::proto::problem::Problem;
use crate::proto::query::Query;

impl Push {
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
        self.shared.access.decide(&Asked {
            method: request.method(),
            authority: request.uri().authority(),
            headers: request.headers(),
            is_under_base: false,
        })
    }

    /// Checks that a request with these headers and this query comes from an admin: its `Authorization` tells, else the
    /// `token` of the query.
    ///
    /// # Errors
    ///
    /// `unauthorized`, `forbidden`, or `bad_parameter` for a query that cannot be decoded.
    pub async fn check_admin(&self, headers: &HeaderMap, query: &str) -> Result<(), Problem> {
        let identity = identify(&self.shared, headers, &Query::parse(query)?).await?;
        self.shared.authorize_admin(&identity).await
    }

    /// The answer that tells `problem`, with the headers that every answer carries.
    #[must_use]
    pub fn refusal(&self, problem: &Problem) -> Response<PushBody> {
        let mut response = reject::respond(problem);
        apply_plain(response.headers_mut());
        response
    }
}
