//! NATS, its core protocol over TCP.

use std::path::Path;

use super::{Foreign, Found, Launch, Origin, Peer, configuration, free_address, number_behind, program, told};
use crate::Result;
use crate::args::Dialect;
use crate::kind::Kind;

pub(super) const NATS: Peer = Peer {
    name: "nats",
    title: "NATS",
    origin: Origin::Foreign(Foreign { dialect: Dialect::Nats, find, launch }),
    ws: Some(Kind::Nats),
    sse: None,
};

fn find() -> Result<Found> {
    let version = told("nats-server", &["--version"]).and_then(|text| number_behind(&text, "nats-server:"));
    Ok(Found::or_install(version, "nats-server"))
}

fn launch(_dir: &Path) -> Result<Launch> {
    let address = free_address()?;
    let paths = [program("nats-server").ok_or("nats-server is gone")?, configuration("nats.conf")];
    let [program, file] = paths.map(|path| path.display().to_string());
    let port = address.port().to_string();
    // Go would run as many threads as there are processors, all on the one core.
    let words = ["env", "GOMAXPROCS=1", &program, "-a", "127.0.0.1", "-p", &port, "-c", &file];
    Ok(Launch { command: words.map(str::to_owned).to_vec(), address: Some(address) })
}
