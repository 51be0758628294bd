//! A phone, from the specification alone: it knows the wire and nothing of the server's insides.
//!
//! In reading order: [`Phone`] sends commands and checks what holds of every answer; `packed` writes the query that is
//! base64; `provision`, `folders`, `sync`, `ping`, `items` and `compose` speak one part of [MS-ASCMD] each, and
//! `mirror` keeps what a phone would show. What the protocol forbids a server to say panics and shows what was read.

pub(crate) mod answer;
pub(crate) mod compose;
pub(crate) mod folders;
pub(crate) mod items;
mod mirror;
mod packed;
pub(crate) mod ping;
pub(crate) mod provision;
mod schema;
pub(crate) mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_mail::wbxml::{Element, encode};
use testkit::http::{Connection, Request, Response};

pub(crate) use answer::Answer;
use folders::FolderRow;
pub(crate) use mirror::Held;
pub(crate) use sync::{Act, Ask};

/// Where a server answers.
pub(crate) const PATH: &str = "/Microsoft-Server-ActiveSync";

/// A phone with one account.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) addr: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) device: String,
    pub(crate) kind: String,
    /// `14.1` or `16.1`.
    pub(crate) version: &'static str,
    pub(crate) policy_key: Option<u32>,
    /// Whether the query goes out in base64.
    pub(crate) packed: bool,
    pub(crate) accepts_multipart: bool,
    /// The hierarchy's key.
    pub(crate) tree_key: String,
    /// Folders by their ids.
    pub(crate) tree: BTreeMap<String, FolderRow>,
    /// What is held of the folders that were synced.
    pub(crate) held: BTreeMap<String, Held>,
    /// The folders of the last ping that named some.
    pub(crate) watched: BTreeSet<String>,
    /// How often a folder had to be begun anew.
    pub(crate) restarts: usize,
    connection: Option<Connection>,
    last_client_id: u64,
}

impl Phone {
    /// One that has done nothing yet.
    pub(crate) fn new(addr: SocketAddr, user: &str, password: &str, device: &str) -> Self {
        Self {
            addr,
            user: user.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
            kind: "TestPhone".to_owned(),
            version: "16.1",
            policy_key: Some(0),
            packed: false,
            accepts_multipart: false,
            tree_key: "0".to_owned(),
            tree: BTreeMap::new(),
            held: BTreeMap::new(),
            watched: BTreeSet::new(),
            restarts: 0,
            connection: None,
            last_client_id: 0,
        }
    }

    pub(crate) fn speaking(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn packing(mut self) -> Self {
        self.packed = true;
        self
    }

    /// A name for something that the server has no name for yet.
    pub(crate) fn client_id(&mut self) -> String {
        self.last_client_id += 1;
        format!("{}-{}", self.device, self.last_client_id)
    }

    pub(crate) fn login(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }

    /// The request of a command, as this phone words it.
    pub(crate) fn request(&self, command: &str, document: Option<&Element>) -> Request {
        let target = if self.packed {
            format!("{PATH}?{}", packed::query(self, command))
        } else {
            let (user, device) = (testkit::http::encode(&self.user), testkit::http::encode(&self.device));
            format!("{PATH}?Cmd={command}&User={user}&DeviceId={device}&DeviceType={}", self.kind)
        };
        let body = document.map(|document| encode(document).to_vec()).unwrap_or_default();
        let has_body = !body.is_empty();
        let mut request = Request::post(&target, body).header("Authorization", self.login());
        request = request.header("User-Agent", "TestPhone/1.0");
        if !self.packed {
            request = request.header("MS-ASProtocolVersion", self.version);
            if let Some(key) = self.policy_key {
                request = request.header("X-MS-PolicyKey", key.to_string());
            }
        }
        if self.accepts_multipart {
            request = request.header("MS-ASAcceptMultiPart", "T");
        }
        if has_body { request.header("Content-Type", "application/vnd.ms-sync.wbxml") } else { request }
    }

    /// Sends a request over the connection that is kept, and reads the answer.
    pub(crate) async fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        // A server may have closed a connection that was idle: that is no error of the request behind.
        for connection in [self.connection.take(), None] {
            let is_old = connection.is_some();
            let mut connection = match connection {
                Some(connection) => connection,
                None => Connection::open(self.addr).await?,
            };
            match testkit::http::guarded("a whole answer", connection.request(request)).await {
                Ok(response) => {
                    self.connection = Some(connection);
                    return Ok(response);
                }
                Err(error) if is_old && error.kind() != io::ErrorKind::TimedOut => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the second connection is new")
    }

    /// A command, and its answer with all that holds of every answer checked.
    pub(crate) async fn command(&mut self, command: &'static str, document: Option<&Element>) -> Answer {
        self.try_command(command, document).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    pub(crate) async fn try_command(
        &mut self,
        command: &'static str,
        document: Option<&Element>,
    ) -> io::Result<Answer> {
        let request = self.request(command, document);
        let response = self.exchange(&request).await?;
        Ok(Answer::checked(command, response))
    }

    /// The answer's document; the command must have been understood, and have something to say.
    pub(crate) async fn document(&mut self, command: &'static str, document: &Element) -> Element {
        let answer = self.command(command, Some(document)).await;
        assert_eq!(answer.http, 200, "{command}: {answer:?}");
        answer.document.unwrap_or_else(|| panic!("{command} was answered with nothing to {document:?}"))
    }

    pub(crate) async fn options(&mut self) -> Response {
        let request = Request::new("OPTIONS", PATH).header("Authorization", self.login());
        let response = self.exchange(&request).await.expect("an answer");
        answer::check_framing("OPTIONS", &response);
        response
    }

    /// Everything a phone does when an account is added to it: options, provisioning, the folders.
    pub(crate) async fn set_up(&mut self) {
        let options = self.options().await;
        let versions = options.header("ms-asprotocolversions").expect("versions");
        assert!(versions.split(',').any(|version| version == self.version), "{versions}");
        self.provision().await;
        self.folder_sync().await;
    }
}
