//! One HTTP/1.1 connection to the server, made when it is needed, whose life and silence are ours to watch.

use std::{fmt, io, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{
    error::{ClientError, ClientErrorKind},
    settings::{ClientSettings, Credentials},
};
use crate::net::Tls;

/// For the connection and its TLS handshake together.
const CONNECT: Duration = Duration::from_secs(30);
/// For the rest of an answer whose head has come.
const BODY: Duration = Duration::from_secs(60);
/// No answer is larger: a window of items of some kilobytes each, or a list of all folders.
const LARGEST: usize = 16 * 1024 * 1024;
/// Longest pause that a server can order.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
    /// How long after the request had been sent.
    pub(super) after: Duration,
}

/// No answer.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) how: How,
    /// How long after the request had been sent; nothing if it never was.
    pub(super) after: Duration,
}

#[derive(Debug)]
pub(super) enum How {
    /// There is no connection.
    Unreachable(String),
    /// Silence for as long as was allowed.
    Silence,
    Reset,
    Closed,
    /// An answer that is none, or too large.
    Unusable(String),
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable(what) | Self::Unusable(what) => what,
            Self::Silence => "no answer",
            Self::Reset => "the connection was reset",
            Self::Closed => "the connection was closed",
        })
    }
}

pub(super) struct Link {
    base: String,
    host: String,
    port: u16,
    authority: HeaderValue,
    authorization: Option<HeaderValue>,
    tls: Option<Tls>,
    open: Option<Open>,
}

/// An open connection; its task ends with it.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let wrong = |what: &str| ClientError::new(ClientErrorKind::Settings, format!("the URL {what}"));
        let uri: Uri = settings.url.parse().map_err(|_| wrong("is none"))?;
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("must not carry credentials: they have a place of their own"));
        }
        if uri.query().is_some() {
            return Err(wrong("must not have a query"));
        }
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => (Some(believed(settings)?), 443),
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        Ok(Self {
            base: uri.path().trim_end_matches('/').to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("has a host that is none"))?,
            authorization: authorization(&settings.credentials)?,
            tls,
            open: None,
        })
    }

    /// Forgets the connection: it belongs to a network that was left.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) async fn get(&mut self, path: &str, silence: Duration) -> Result<Answer, Lost> {
        self.ask(Method::GET, path, Bytes::new(), silence).await
    }

    pub(super) async fn post(&mut self, path: &str, body: Vec<u8>, silence: Duration) -> Result<Answer, Lost> {
        self.ask(Method::POST, path, body.into(), silence).await
    }

    /// Asks, over the open connection if there is one. `silence` is how long the head of the answer may take.
    ///
    /// Cancel safe: a connection whose answer was not awaited is closed.
    async fn ask(&mut self, method: Method, path: &str, body: Bytes, silence: Duration) -> Result<Answer, Lost> {
        let mut reused = self.open.is_some();
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.connect().await.map_err(|how| Lost { how, after: Duration::ZERO })?,
            };
            let request = self.request(&method, path, body.clone());
            let began = Instant::now();
            match exchange(&mut open, request, silence).await {
                Ok(mut answer) => {
                    answer.after = began.elapsed();
                    if !open.sender.is_closed() {
                        self.open = Some(open);
                    }
                    return Ok(answer);
                }
                // The server may close an idle connection in the moment in which it is used again.
                Err(How::Closed | How::Reset) if reused && began.elapsed() < Duration::from_secs(1) => reused = false,
                Err(how) => return Err(Lost { how, after: began.elapsed() }),
            }
        }
    }

    fn request(&self, method: &Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        let target = format!("{}{path}", self.base);
        *request.uri_mut() = target.parse().expect("the base was a path of a URI, and what follows is encoded");
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.authority.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if method == Method::POST {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }

    async fn connect(&self) -> Result<Open, How> {
        let connecting = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
            tcp.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return open(tcp).await };
            open(tls.connect(&self.host, tcp).await?).await
        };
        match timeout(CONNECT, connecting).await {
            Ok(Ok(open)) => Ok(open),
            Ok(Err(error)) => Err(How::Unreachable(error.to_string())),
            Err(_) => Err(How::Unreachable("connecting took too long".to_owned())),
        }
    }
}

/// Whom these settings believe.
fn believed(settings: &ClientSettings) -> Result<Tls, ClientError> {
    let wrong = |error: io::Error| ClientError::new(ClientErrorKind::Settings, error.to_string());
    Tls::believing(settings.ca_pem.as_deref()).map_err(wrong)
}

async fn open<S>(stream: S) -> io::Result<Open>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // How it ends is told to whoever awaits an answer.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok(Open { sender, task })
}

async fn exchange(open: &mut Open, request: Request<Full<Bytes>>, silence: Duration) -> Result<Answer, How> {
    let sending = async {
        open.sender.ready().await?;
        open.sender.send_request(request).await
    };
    let response = timeout(silence, sending).await.map_err(|_| How::Silence)?.map_err(|error| how(&error))?;
    let (head, body) = response.into_parts();
    let collecting = timeout(BODY, Limited::new(body, LARGEST).collect());
    let body = match collecting.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => match error.downcast_ref::<hyper::Error>() {
            Some(error) => return Err(how(error)),
            None => return Err(How::Unusable("the answer is too large".to_owned())),
        },
        Err(_) => return Err(How::Silence),
    };
    Ok(Answer { status: head.status, retry_after: retry_after(&head.headers), body, after: Duration::ZERO })
}

fn how(error: &hyper::Error) -> How {
    if error.is_parse() {
        return How::Unusable(error.to_string());
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                    How::Reset
                }
                io::ErrorKind::TimedOut => How::Silence,
                _ => How::Closed,
            };
        }
        source = inner.source();
    }
    How::Closed
}

/// `Retry-After` as seconds or as a date (RFC 9110 §10.2.3); never longer than an hour.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(super::wall_clock()).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY))
}

fn authorization(credentials: &Credentials) -> Result<Option<HeaderValue>, ClientError> {
    let text = match credentials {
        Credentials::None => return Ok(None),
        Credentials::Basic { user, .. } if user.contains(':') => {
            return Err(ClientError::new(
                ClientErrorKind::Settings,
                "a user's name cannot contain a colon (RFC 7617 §2)",
            ));
        }
        Credentials::Basic { user, password } => {
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
        }
        Credentials::Bearer(token) => format!("Bearer {token}"),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        ClientError::new(ClientErrorKind::Settings, "the token has characters that no header can carry")
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}
