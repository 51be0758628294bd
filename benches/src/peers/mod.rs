//! Other servers that push is measured beside: one file for each family, with how it is found, started and spoken to.
//!
//! Their configuration is in `benches/peers`, servers of axum and socketioxide in `benches/rivals`. Each is one process on
//! one core, set as well as we know. What they say is taken apart in `client` (`resp`, `nats`, `socketio`; the rest speak
//! WebSocket, SSE and HTTP like push).

pub(crate) mod exec;
mod nats;
mod nchan;
pub(crate) mod nginx;
mod node;
mod redis;
mod rivals;

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command as Program;

pub(crate) use self::exec::ExecArgs;
use crate::Result;
use crate::args::{Dialect, ServerArgs};
use crate::kind::Kind;
use crate::lane::Lane;

/// How subscribers are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Transport {
    /// WebSocket, or the peer's own protocol over TCP where that is its way.
    Ws,
    Sse,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        self.kind().name()
    }

    /// What a subscriber of push and of the limit is.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Ws => Kind::Ws,
            Self::Sse => Kind::Sse,
        }
    }
}

/// A server in the table.
#[derive(Debug)]
pub(crate) struct Peer {
    /// On the command line.
    pub(crate) name: &'static str,
    /// In tables.
    pub(crate) title: &'static str,
    origin: Origin,
    ws: Option<Kind>,
    sse: Option<Kind>,
}

#[derive(Debug)]
enum Origin {
    /// This program, with lots or under `axum::serve`.
    Push {
        is_portable: bool,
    },
    Foreign(Foreign),
}

/// A program that is not ours.
#[derive(Debug)]
struct Foreign {
    dialect: Dialect,
    /// Looks for it; installs or builds what the repository itself names.
    find: fn() -> Result<Found>,
    /// How it is started, with a directory of its own.
    launch: fn(&Path) -> Result<Launch>,
}

/// Whether a peer can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its version, as it tells it.
    Version(String),
    /// What to do about that, in a sentence.
    Missing(String),
}

impl Found {
    fn or_install(version: Option<String>, packages: &str) -> Self {
        version.map_or_else(|| Self::Missing(format!("apt-get install {packages}")), Self::Version)
    }
}

/// A command, and where its server will be if it was told that; else the server tells it on standard output.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) command: Vec<String>,
    pub(crate) address: Option<SocketAddrV4>,
}

/// Push itself by our own accept loop.
pub(crate) const PUSH: Peer = Peer {
    name: "push",
    title: "push",
    origin: Origin::Push { is_portable: false },
    ws: Some(Kind::Ws),
    sse: Some(Kind::Sse),
};

/// Push as part of somebody's application.
pub(crate) const PORTABLE: Peer = Peer {
    name: "portable",
    title: "push portable (axum::serve)",
    origin: Origin::Push { is_portable: true },
    ws: Some(Kind::Ws),
    sse: Some(Kind::Sse),
};

/// In the order of the table.
pub(crate) const ALL: [&Peer; 10] = [
    &PUSH,
    &PORTABLE,
    &nchan::NCHAN,
    &redis::REDIS,
    &nats::NATS,
    &node::WS,
    &node::SOCKET_IO,
    &rivals::AXUM,
    &rivals::AXUM_SPLIT,
    &rivals::SOCKETIOXIDE,
];

/// The one that has the first word for streams under `axum::serve`: naive axum.
pub(crate) const NAIVE: &Peer = &rivals::AXUM;

/// The peer of a name on the command line.
pub(crate) fn named(name: &str) -> Result<&'static Peer> {
    let names = || ALL.map(|peer| peer.name).join(", ");
    ALL.into_iter().find(|peer| peer.name == name).ok_or_else(|| format!("none of {}", names()).into())
}

impl Peer {
    pub(crate) fn is_push(&self) -> bool {
        matches!(self.origin, Origin::Push { .. })
    }

    /// What a subscriber over `transport` is; `None` if it is not offered.
    pub(crate) fn kind(&self, transport: Transport) -> Option<Kind> {
        match transport {
            Transport::Ws => self.ws,
            Transport::Sse => self.sse,
        }
    }

    pub(crate) fn find(&self) -> Result<Found> {
        match &self.origin {
            Origin::Push { .. } => Ok(Found::Version(env!("CARGO_PKG_VERSION").to_owned())),
            Origin::Foreign(foreign) => (foreign.find)(),
        }
    }

    /// The server, ready, and a client.
    pub(crate) fn start(&self, server: &ServerArgs, size: usize) -> Result<Lane> {
        match &self.origin {
            Origin::Push { is_portable } => Lane::push(&ServerArgs { portable: *is_portable, ..server.clone() }, size),
            Origin::Foreign(foreign) => foreign.start(size),
        }
    }
}

impl Foreign {
    fn start(&self, size: usize) -> Result<Lane> {
        /// A port that was free when it was asked for may be another's when it is used.
        const TRIES: usize = 3;
        let start = || {
            let dir = tempfile::tempdir()?;
            let launch = (self.launch)(dir.path())?;
            Lane::launched(self.dialect, &launch, dir, size)
        };
        let mut last = start();
        for _ in 1..TRIES {
            if last.is_ok() {
                break;
            }
            last = start();
        }
        last
    }
}

/// Where configuration is.
fn configuration(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(file)
}

/// An address for servers that cannot be told to choose one themselves.
fn free_address() -> Result<SocketAddrV4> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr()?.port()))
}

/// The whole path of a program; Debian keeps servers where not everybody looks.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places.map(|place| place.join(name)).find(|path| path.is_file())
}

/// What `name` prints when it is asked by `arguments`; `None` if it is not there.
fn told(name: &str, arguments: &[&str]) -> Option<String> {
    let output = Program::new(program(name)?).args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    output.status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

/// What begins with a digit behind `mark`, up to the next blank.
fn number_behind(text: &str, mark: &str) -> Option<String> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let rest = rest.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || ".-".contains(letter)));
    Some(rest[..end.unwrap_or(rest.len())].to_owned()).filter(|number| !number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (text, mark, version) in [
            ("nginx version: nginx/1.22.1\n", "nginx/", "1.22.1"),
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", "v=", "7.0.15"),
            ("nats-server: v2.9.10\n", "nats-server:", "2.9.10"),
            ("1:1.3.6+dfsg-2", ":", "1.3.6"),
        ] {
            assert_eq!(number_behind(text, mark).as_deref(), Some(version));
        }
        assert_eq!((number_behind("none", "v"), number_behind("v=", "v")), (None, None));
    }

    #[test]
    fn peers_are_found_by_their_names_and_have_each_their_own() {
        for peer in ALL {
            assert_eq!(named(peer.name).expect("its name").title, peer.title);
            assert_eq!(ALL.iter().filter(|other| other.name == peer.name || other.title == peer.title).count(), 1);
        }
        let refusal = named("apache").expect_err("unknown").to_string();
        assert!(refusal.contains("nchan"), "{refusal}");
    }

    #[test]
    fn what_is_missing_says_how_to_come_by_it() {
        assert_eq!(Found::or_install(Some("1".to_owned()), "redis-server"), Found::Version("1".to_owned()));
        assert_eq!(Found::or_install(None, "a b"), Found::Missing("apt-get install a b".to_owned()));
    }
}
