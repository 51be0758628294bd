//! What the handlers need of a request: taken out at once, so that the request's own buffers can go while a subscription waits.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use super::push::Shared;
use crate::proto::problem::{Code, Problem};
use crate::proto::query::Query;
use crate::server::ConnectionInfo;
#[cfg(target_os = "linux")]
use crate::server::lot::OnLot;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub(crate) enum RequestBody {
    /// All of it is there, of a request that was read without an HTTP library: its connection is a lot's.
    Whole(Bytes),
    /// As a server gives it.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl RequestBody {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    /// Whether no byte of it is left on the connection.
    #[cfg(target_os = "linux")]
    fn is_read(&self) -> bool {
        matches!(self, Self::Whole(_)) || self.is_empty()
    }

    /// Whether a lot owns the connection that it came on.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_on_lot(&self, extensions: &http::Extensions) -> bool {
        matches!(self, Self::Whole(_)) || extensions.get::<OnLot>().is_some()
    }
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestBody")
    }
}

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Query,
    pub(crate) connection: Option<ConnectionInfo>,
    body: RequestBody,
    /// Whether a lot owns the connection, and the request is one whose answer it may take over.
    #[cfg(target_os = "linux")]
    is_on_lot: bool,
    /// Whether all of the body was read, so that what follows is the next request.
    #[cfg(target_os = "linux")]
    is_read: bool,
}

impl Call {
    /// # Errors
    ///
    /// `bad_parameter` for a query that cannot be decoded.
    pub(crate) fn new(request: Request<RequestBody>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default())?;
        #[cfg(target_os = "linux")]
        let is_on_lot = body.is_on_lot(&parts.extensions) && parts.version == http::Version::HTTP_11;
        #[cfg(target_os = "linux")]
        let is_read = body.is_read();
        let connection = parts.extensions.remove();
        Ok(Self {
            method: parts.method,
            headers: parts.headers,
            query,
            connection,
            body,
            #[cfg(target_os = "linux")]
            is_on_lot,
            #[cfg(target_os = "linux")]
            is_read,
        })
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether the answer may be a session that has the connection for itself: HTTP/1.1, not HEAD, nothing of the
    /// request left to be read, and a lot that owns the connection.
    #[cfg(target_os = "linux")]
    pub(crate) fn may_be_taken_over(&self) -> bool {
        self.is_on_lot && self.is_read && !self.is_head()
    }

    /// The media type of the body without its parameters, in lower case; empty if none is given.
    pub(crate) fn essence(&self) -> String {
        let text = self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = text.unwrap_or_default().split(';').next().unwrap_or_default();
        essence.trim_matches([' ', '\t']).to_ascii_lowercase()
    }

    /// The whole body, at most `limit` bytes, in memory of its own.
    ///
    /// # Errors
    ///
    /// Those of [`read_whole`].
    pub(crate) async fn read_body(&mut self, shared: &Shared, limit: usize) -> Result<Bytes, Problem> {
        let body = match std::mem::replace(&mut self.body, RequestBody::Whole(Bytes::new())) {
            RequestBody::Whole(body) if body.len() > limit => return Err(too_large(limit)),
            RequestBody::Whole(body) => body,
            RequestBody::Stream(body) => read_whole(body, limit, shared.config.body_timeout).await?,
        };
        #[cfg(target_os = "linux")]
        {
            self.is_read = true;
        }
        Ok(body)
    }

    /// The parameters of a `POST` that subscribes: JSON in the body; of a `GET`: the query.
    ///
    /// # Errors
    ///
    /// `unsupported`, `too_large` or `bad_parameter`.
    pub(crate) async fn parameters(&mut self, shared: &Shared) -> Result<Query, Problem> {
        if self.method != Method::POST {
            return Ok(std::mem::take(&mut self.query));
        }
        if self.essence() != "application/json" {
            return Err(Problem::new(Code::Unsupported, "parameters come as application/json"));
        }
        let body = self.read_body(shared, shared.config.max_json_bytes).await?;
        Query::from_json(&body)
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("the body has more than {limit} bytes"))
}

/// A whole body of at most `limit` bytes that comes within `patience`, in memory of its own.
///
/// # Errors
///
/// `too_large`, or `bad_parameter` for one that broke off or did not come in time: nothing was done then.
pub(super) async fn read_whole<B>(body: B, limit: usize, patience: Duration) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(patience, collect(body, limit)).await {
        Ok(Ok(Some(body))) => Ok(body.into()),
        Ok(Ok(None)) => Err(too_large(limit)),
        Ok(Err(_)) => Err(Problem::bad_parameter("the body broke off")),
        Err(_) => Err(Problem::bad_parameter("the body did not come in time")),
    }
}

/// The body's bytes; `None` if they are more than `limit`. Copied: what a server gives is a slice of its read buffer,
/// which would live as long as the publication.
async fn collect<B>(body: B, limit: usize) -> Result<Option<Vec<u8>>, B::Error>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let mut whole = Vec::with_capacity(body.size_hint().lower() as usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Ok(None);
        }
        whole.extend_from_slice(&data);
    }
    whole.shrink_to_fit();
    Ok(Some(whole))
}
