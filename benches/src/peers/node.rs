//! Servers of node, in `benches/peers/node`: npm's ws, node's own SSE, and socket.io.

use std::fs;
use std::process::{Command as Program, Stdio};

use super::{Foreign, Found, Launch, Origin, Peer, configuration, program, told};
use crate::Result;
use crate::args::Dialect;
use crate::kind::Kind;

pub(super) const WS: Peer = Peer {
    name: "ws",
    title: "npm ws / node http",
    origin: Origin::Foreign(Foreign { dialect: Dialect::Push, find: || find("ws"), launch: |_| launch("ws.js") }),
    ws: Some(Kind::Ws),
    sse: Some(Kind::Sse),
};

pub(super) const SOCKET_IO: Peer = Peer {
    name: "socket.io",
    title: "socket.io",
    origin: Origin::Foreign(Foreign {
        dialect: Dialect::Push,
        find: || find("socket.io"),
        launch: |_| launch("socket.io.js"),
    }),
    ws: Some(Kind::SocketIo),
    sse: None,
};

fn find(package: &str) -> Result<Found> {
    let node = told("node", &["--version"]);
    let (Some(node), true) = (node, install()?) else {
        return Ok(Found::or_install(None, "nodejs npm"));
    };
    let file = configuration("node/node_modules").join(package).join("package.json");
    let described: serde_json::Value = serde_json::from_slice(&fs::read(file)?)?;
    let version = described["version"].as_str().ok_or("a package without a version")?;
    Ok(Found::Version(format!("{version}, node {}", node.trim().trim_start_matches('v'))))
}

/// Installs what the lock file names, once. False without npm.
fn install() -> Result<bool> {
    let changed = |file: &str| fs::metadata(configuration(file)).and_then(|file| file.modified());
    // npm writes this file last.
    if let Ok(installed) = changed("node/node_modules/.package-lock.json")
        && installed >= changed("node/package-lock.json")?
    {
        return Ok(true);
    }
    let Some(npm) = program("npm") else { return Ok(false) };
    let mut install = Program::new(npm);
    install.args(["ci", "--no-audit", "--no-fund"]).current_dir(configuration("node")).stdout(Stdio::null());
    if install.status()?.success() {
        Ok(true)
    } else {
        Err("npm could not install the packages of benches/peers/node".into())
    }
}

fn launch(file: &str) -> Result<Launch> {
    let node = program("node").ok_or("node is gone")?.display().to_string();
    let file = configuration("node").join(file).display().to_string();
    let command = vec!["env".to_owned(), "NODE_ENV=production".to_owned(), node, file];
    Ok(Launch { command, address: None })
}
