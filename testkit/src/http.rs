//! A raw HTTP/1.1 client over one socket: what is sent and what is read are bytes, so a test can send what no
//! library would and see what a library would hide.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// How long a client waits for anything before it gives up: a guard against hanging, never an assertion.
pub const GUARD: Duration = Duration::from_secs(40);

/// The largest head a server may send.
const MAX_HEAD: usize = 256 * 1024;

/// Runs `future` under [`GUARD`]; a time-out is an error of kind `TimedOut` that names `what`.
///
/// # Errors
/// Those of the future, or `TimedOut`.
pub async fn guarded<T>(what: &str, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(GUARD, future).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("{what}: nothing within {GUARD:?}"))),
    }
}

/// A request as it will be written. `Host` and `Content-Length` are added unless given or switched off.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    host: bool,
    length: bool,
}

impl Request {
    /// Any method and target; both go out as they are.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            host: true,
            length: matches!(method, "POST" | "PUT" | "PATCH"),
        }
    }

    /// `GET target`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST target` with a body.
    #[must_use]
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Adds a header; nothing is checked, line breaks included.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds `Authorization: Bearer token`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Adds `Authorization: Bearer token` when there is one.
    #[must_use]
    pub fn maybe_bearer(self, token: Option<&str>) -> Self {
        match token {
            Some(token) => self.bearer(token),
            None => self,
        }
    }

    /// Sets the body, announced with `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = true;
        self
    }

    /// Leaves out the `Host` header.
    #[must_use]
    pub fn without_host(mut self) -> Self {
        self.host = false;
        self
    }

    /// Leaves out `Content-Length`.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.length = false;
        self
    }

    /// The bytes on the wire, for a server at `addr`.
    #[must_use]
    pub fn to_bytes(&self, addr: SocketAddr) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if self.host && !has("host") {
            out.extend_from_slice(format!("Host: {addr}\r\n").as_bytes());
        }
        if self.length && !has("content-length") {
            out.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// Sends it over a connection of its own and reads the whole answer.
    ///
    /// # Panics
    /// If there is no whole answer.
    pub async fn send(&self, addr: SocketAddr) -> Response {
        self.try_send(addr).await.unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.target))
    }

    /// As [`send`](Self::send), for requests that may find no answer.
    ///
    /// # Errors
    /// When connecting, writing or reading fails.
    pub async fn try_send(&self, addr: SocketAddr) -> io::Result<Response> {
        let mut connection = Connection::open(addr).await?;
        // A stream that keeps itself alive never ends.
        guarded("a whole answer", connection.request(self)).await
    }
}

/// Status and headers of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as sent, in order.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let bad = |what: &str| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {:?}", String::from_utf8_lossy(bytes)))
        };
        let text = std::str::from_utf8(bytes).map_err(|_| bad("a head that is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).ok_or_else(|| bad("no status line"))?;
        let status = status.get(2..5).and_then(|code| code.parse().ok()).ok_or_else(|| bad("no status code"))?;
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
        }
        Ok(Self { status, headers })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status and headers.
    pub head: Head,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as text, bad UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("status {}, not JSON ({error}): {:?}", self.status(), self.text()))
    }

    /// The `code` of a problem answer, after checking that the answer is one (RFC 9457).
    ///
    /// # Panics
    /// If it is not a problem answer whose members fit the status.
    #[must_use]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status(), "{problem}");
        for member in ["title", "detail", "code"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
        }
        problem["code"].as_str().expect("checked above").to_owned()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    Done,
    Length(u64),
    Chunked,
    UntilClose,
}

/// One connection: requests go out, heads and bodies come in, one after the other.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    addr: SocketAddr,
    buffer: BytesMut,
    framing: Framing,
    head_only: bool,
    /// What is here of an answer that is read whole, so that reading it can be interrupted.
    partial: Option<Response>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(addr: SocketAddr) -> io::Result<Self> {
        Self::open_with(addr, None).await
    }

    /// Connects with a receive buffer of about that many bytes, so that a reader who stops is soon felt.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open_with(addr: SocketAddr, receive_buffer: Option<u32>) -> io::Result<Self> {
        Ok(Self::over(connect(addr, receive_buffer).await?, addr))
    }

    /// Speaks over a socket that is connected to `addr`.
    #[must_use]
    pub fn over(stream: TcpStream, addr: SocketAddr) -> Self {
        Self { stream, addr, buffer: BytesMut::new(), framing: Framing::Done, head_only: false, partial: None }
    }

    /// Writes a request.
    ///
    /// # Errors
    /// When the server has closed.
    pub async fn send(&mut self, request: &Request) -> io::Result<()> {
        self.head_only = request.method == "HEAD";
        let bytes = request.to_bytes(self.addr);
        self.send_bytes(&bytes).await
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// When the server has closed.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        guarded("writing", self.stream.write_all(bytes)).await
    }

    /// Ends our side; the server's may go on.
    ///
    /// # Errors
    /// When the server has closed.
    pub async fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads status and headers of the next answer; interim answers (1xx but 101) are skipped.
    /// Cancel safe.
    ///
    /// # Errors
    /// `UnexpectedEof` when the server closed first, `InvalidData` for what is no head, `TimedOut`.
    pub async fn head(&mut self) -> io::Result<Head> {
        loop {
            while find(&self.buffer, b"\r\n\r\n").is_none() {
                if self.buffer.len() > MAX_HEAD {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the head does not end"));
                }
                self.fill_more("a head").await?;
            }
            let end = find(&self.buffer, b"\r\n\r\n").expect("the loop above ended") + 4;
            let head = Head::parse(&self.buffer.split_to(end))?;
            if head.status / 100 != 1 || head.status == 101 {
                self.framing = self.framing_of(&head)?;
                return Ok(head);
            }
        }
    }

    fn framing_of(&self, head: &Head) -> io::Result<Framing> {
        if self.head_only || matches!(head.status, 101 | 204 | 304) {
            return Ok(Framing::Done);
        }
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Ok(Framing::Chunked);
        }
        match head.header("content-length") {
            Some(length) => length
                .parse()
                .map(Framing::Length)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("content-length: {length}"))),
            None => Ok(Framing::UntilClose),
        }
    }

    /// The next piece of a stream's body; `None` at its end, or where the connection was cut. Cancel safe.
    ///
    /// # Panics
    /// If nothing comes in time.
    pub(crate) async fn stream_chunk(&mut self) -> Option<Bytes> {
        match self.chunk().await {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => panic!("{error}"),
            Err(_) => None,
        }
    }

    /// The next piece of the body as it comes, `None` at its end. A chunk is handed over whole. Cancel safe.
    ///
    /// # Errors
    /// `UnexpectedEof` when the body was cut, `InvalidData` for bad framing, `TimedOut`.
    pub async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        match self.framing {
            Framing::Done | Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                if self.buffer.is_empty() {
                    self.fill_more("a body").await?;
                }
                let take = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.framing = Framing::Length(left - take as u64);
                Ok(Some(self.buffer.split_to(take).freeze()))
            }
            Framing::Chunked => self.transfer_chunk().await,
            Framing::UntilClose => {
                if self.buffer.is_empty() && self.fill("a body").await? == 0 {
                    self.framing = Framing::Done;
                    return Ok(None);
                }
                Ok(Some(self.buffer.split().freeze()))
            }
        }
    }

    /// RFC 9112 §7.1: size line, data, line break; the last one has size 0 and may have trailers.
    async fn transfer_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let line_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                break end;
            }
            self.fill_more("a chunk's size").await?;
        };
        let size = std::str::from_utf8(&self.buffer[..line_end]).map_err(|_| bad("a chunk's size"))?;
        let size = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| bad("a chunk's size"))?;
        if size == 0 {
            while !self.buffer[line_end..].starts_with(b"\r\n\r\n") && find(&self.buffer, b"\r\n\r\n").is_none() {
                self.fill_more("the last chunk's end").await?;
            }
            let end = find(&self.buffer, b"\r\n\r\n").expect("the loop above ended") + 4;
            self.buffer.advance(end);
            self.framing = Framing::Done;
            return Ok(None);
        }
        let whole = line_end + 2 + size + 2;
        while self.buffer.len() < whole {
            self.fill_more("a chunk").await?;
        }
        let mut chunk = self.buffer.split_to(whole);
        if !chunk.ends_with(b"\r\n") {
            return Err(bad("a chunk longer than its size"));
        }
        chunk.advance(line_end + 2);
        chunk.truncate(size);
        Ok(Some(chunk.freeze()))
    }

    /// Reads the rest of the body.
    ///
    /// # Errors
    /// Those of [`chunk`](Self::chunk).
    pub async fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Reads the whole of the next answer. Cancel safe.
    ///
    /// # Errors
    /// Those of the parts.
    pub async fn response(&mut self) -> io::Result<Response> {
        if self.partial.is_none() {
            self.partial = Some(Response { head: self.head().await?, body: Vec::new() });
        }
        while let Some(chunk) = self.chunk().await? {
            self.partial.as_mut().expect("set above").body.extend_from_slice(&chunk);
        }
        Ok(self.partial.take().expect("set above"))
    }

    /// Sends a request and reads the whole answer, even one that comes before all was written.
    ///
    /// # Errors
    /// Those of the parts.
    pub async fn request(&mut self, request: &Request) -> io::Result<Response> {
        let sent = self.send(request).await;
        match (self.response().await, sent) {
            (Ok(response), _) => Ok(response),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// True once the server has ended its side and everything it sent was read.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !matches!(self.fill("the end").await, Ok(1..))
    }

    /// Everything that comes until the server closes, framing included.
    pub async fn rest(&mut self) -> Vec<u8> {
        while matches!(self.fill("the end").await, Ok(1..)) {}
        self.buffer.split().to_vec()
    }

    /// The socket and what was read beyond the last head, for protocols that go on from here.
    #[must_use]
    pub fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.buffer.freeze())
    }

    async fn fill(&mut self, what: &str) -> io::Result<usize> {
        self.buffer.reserve(64 * 1024);
        guarded(what, self.stream.read_buf(&mut self.buffer)).await
    }

    async fn fill_more(&mut self, what: &str) -> io::Result<()> {
        match self.fill(what).await? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{what}: the server closed after {:?}", String::from_utf8_lossy(&self.buffer)),
            )),
            _ => Ok(()),
        }
    }
}

/// Connects, with a receive buffer of about that many bytes if given.
///
/// # Errors
/// When nobody listens.
pub async fn connect(addr: SocketAddr, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    let stream = guarded("connecting", socket.connect(addr)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where `needle` begins in `haystack`.
#[must_use]
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// A query from pairs, percent-encoded.
#[must_use]
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

/// Percent-encodes all but letters, digits and `-._~`.
#[must_use]
pub fn encode(value: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(value, KEEP).to_string()
}

/// Undoes percent-encoding.
///
/// # Panics
/// If what comes out is not UTF-8.
#[must_use]
pub fn decode(value: &str) -> String {
    percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .unwrap_or_else(|_| panic!("not UTF-8: {value}"))
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn serving(bytes: &'static [u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("a client");
            for piece in bytes.chunks(3) {
                socket.write_all(piece).await.expect("a reader");
                tokio::task::yield_now().await;
            }
        });
        Connection::open(addr).await.expect("listening")
    }

    #[tokio::test]
    async fn chunks_are_handed_over_whole_and_the_next_answer_follows() {
        let mut connection = serving(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb;x=y\r\n, my\r\nworld\r\n0\r\nT: 1\r\n\r\n\
              HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
        )
        .await;
        assert_eq!(connection.head().await.expect("a head").status, 200);
        assert_eq!(connection.chunk().await.expect("a chunk").as_deref(), Some(&b"hello"[..]));
        assert_eq!(connection.chunk().await.expect("a chunk").as_deref(), Some(&b", my\r\nworld"[..]));
        assert_eq!(connection.chunk().await.expect("the end"), None);
        assert_eq!(connection.head().await.expect("a head").status, 404);
        assert_eq!(connection.body().await.expect("a body"), b"no");
        assert!(connection.is_closed().await);
    }

    #[tokio::test]
    async fn an_interim_answer_is_skipped_and_a_cut_body_is_an_error() {
        let mut connection =
            serving(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").await;
        assert_eq!(connection.head().await.expect("a head").status, 200);
        assert_eq!(connection.body().await.expect_err("cut").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_request_is_written_as_told() {
        let addr = "127.0.0.1:9".parse().expect("an address");
        let bytes = Request::post("/p", "x").header("A", b"\xff").to_bytes(addr);
        assert_eq!(bytes, b"POST /p HTTP/1.1\r\nHost: 127.0.0.1:9\r\nContent-Length: 1\r\nA: \xff\r\n\r\nx");
        assert_eq!(Request::get("/").without_host().to_bytes(addr), b"GET / HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn percent_encoding_goes_both_ways() {
        assert_eq!(encode("a/b c&é"), "a%2Fb%20c%26%C3%A9");
        assert_eq!(decode("a%2Fb%20c%26%C3%A9"), "a/b c&é");
    }
}
