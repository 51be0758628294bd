//! A server that answers as it is told to, request by request, and writes down what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// What is answered to one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 and this JSON.
    Json(Value),
    /// This status, these header lines and no body.
    Status(u16, &'static str),
    /// The connection is closed without an answer.
    Close,
    /// The connection is reset.
    Reset,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
    /// Counts connections from 0.
    pub(crate) connection: usize,
}

/// The server; it lives as long as the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// What is left to be answered, by the last part of the path. Where nothing is left, the request stays parked.
    script: Mutex<HashMap<&'static str, VecDeque<Reply>>>,
    asked: watch::Sender<Vec<Asked>>,
}

impl Server {
    pub(crate) async fn start(script: &[(&'static str, Reply)]) -> Self {
        Self::start_with(script, None).await
    }

    pub(crate) async fn start_with(script: &[(&'static str, Reply)], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of the loopback");
        let address = listener.local_addr().expect("a bound address");
        let mut replies = HashMap::<_, VecDeque<_>>::new();
        for (call, reply) in script {
            replies.entry(*call).or_default().push_back(reply.clone());
        }
        let shared = Arc::new(Shared { script: Mutex::new(replies), asked: watch::Sender::new(Vec::new()) });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (shared, tls) = (Arc::clone(&accepting), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => drop(serve(stream, &shared, connection, |stream| stream).await),
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(serve(stream, &shared, connection, |stream| stream.get_ref().0).await);
                            }
                        }
                    }
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/push", self.address)
    }

    /// The requests of a call so far.
    pub(crate) fn asked(&self, call: &str) -> Vec<Asked> {
        self.shared.asked.borrow().iter().filter(|asked| asked.path.contains(call)).cloned().collect()
    }

    /// Waits until a call was made so often.
    pub(crate) async fn until_asked(&self, call: &str, times: usize) -> Vec<Asked> {
        let mut asked = self.shared.asked.subscribe();
        let enough = |asked: &Vec<Asked>| asked.iter().filter(|asked| asked.path.contains(call)).count() >= times;
        asked.wait_for(enough).await.expect("the server lives as long as the test");
        self.asked(call)
    }
}

/// Answers one connection's requests; `tcp` finds the socket below.
async fn serve<S>(
    mut stream: S,
    shared: &Shared,
    connection: usize,
    tcp: impl Fn(&S) -> &TcpStream,
) -> std::io::Result<()>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut input = Vec::new();
    loop {
        let Some((asked, rest)) = read_request(&mut stream, &mut input, connection).await? else { return Ok(()) };
        input = rest;
        let call = if asked.path.contains("/folders") {
            "folders"
        } else if asked.path.ends_with("/sync") {
            "sync"
        } else {
            "ping"
        };
        shared.asked.send_modify(|all| all.push(asked));
        let reply = shared.script.lock().expect("no test panics in here").get_mut(call).and_then(VecDeque::pop_front);
        let answer = match reply {
            Some(Reply::Json(body)) => {
                let body = body.to_string();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
            Some(Reply::Status(status, headers)) => {
                format!("HTTP/1.1 {status} So\r\n{headers}content-length: 0\r\n\r\n")
            }
            Some(Reply::Close) => return Ok(()),
            Some(Reply::Reset) => return tcp(&stream).set_zero_linger(),
            // Parked until the client has had enough.
            None => return stream.read_to_end(&mut Vec::new()).await.map(drop),
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn read_request<S: AsyncReadExt + Unpin>(
    stream: &mut S,
    input: &mut Vec<u8>,
    connection: usize,
) -> std::io::Result<Option<(Asked, Vec<u8>)>> {
    loop {
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&input[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().expect("a length in digits"));
            if let Some(body) = input.get(end + 4..end + 4 + length) {
                let path = head.split(' ').nth(1).expect("a target in the first line").to_owned();
                let body = if length == 0 { Value::Null } else { serde_json::from_slice(body).expect("JSON") };
                let rest = input[end + 4 + length..].to_vec();
                return Ok(Some((
                    Asked { path, head: String::from_utf8_lossy(&input[..end]).into_owned(), body, connection },
                    rest,
                )));
            }
        }
        if stream.read_buf(input).await? == 0 {
            return Ok(None);
        }
    }
}
