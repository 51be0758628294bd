//! Redis as a server of pub/sub: `SUBSCRIBE` and `PUBLISH` over TCP.

use std::path::Path;

use super::{Foreign, Found, Launch, Origin, Peer, configuration, free_address, number_behind, program, told};
use crate::Result;
use crate::args::Dialect;
use crate::kind::Kind;

pub(super) const REDIS: Peer = Peer {
    name: "redis",
    title: "Redis pub/sub",
    origin: Origin::Foreign(Foreign { dialect: Dialect::Redis, find, launch }),
    ws: Some(Kind::Redis),
    sse: None,
};

fn find() -> Result<Found> {
    let version = told("redis-server", &["--version"]).and_then(|text| number_behind(&text, "v="));
    Ok(Found::or_install(version, "redis-server"))
}

fn launch(dir: &Path) -> Result<Launch> {
    let address = free_address()?;
    let paths = [program("redis-server").ok_or("redis-server is gone")?, configuration("redis.conf"), dir.to_owned()];
    let [program, file, dir] = paths.map(|path| path.display().to_string());
    let command = vec![program, file, "--port".to_owned(), address.port().to_string(), "--dir".to_owned(), dir];
    Ok(Launch { command, address: Some(address) })
}
