//! Servers of axum and socketioxide, in `benches/rivals`: a workspace of its own, which cargo builds when they are asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use super::{Foreign, Found, Launch, Origin, Peer, number_behind, program};
use crate::args::Dialect;
use crate::kind::Kind;
use crate::{Result, system};

pub(super) const AXUM: Peer = Peer {
    name: "axum",
    title: "naive axum (broadcast, one task)",
    origin: Origin::Foreign(Foreign { dialect: Dialect::Push, find: || find("axum"), launch: |_| launch("naive") }),
    ws: Some(Kind::Ws),
    sse: Some(Kind::Sse),
};

pub(super) const AXUM_SPLIT: Peer = Peer {
    name: "axum-split",
    title: "naive axum (broadcast, two tasks)",
    origin: Origin::Foreign(Foreign { dialect: Dialect::Push, find: || find("axum"), launch: |_| launch("split") }),
    ws: Some(Kind::Ws),
    // Nobody reads from a stream: it is the same as with one task.
    sse: None,
};

pub(super) const SOCKETIOXIDE: Peer = Peer {
    name: "socketioxide",
    title: "socketioxide",
    origin: Origin::Foreign(Foreign {
        dialect: Dialect::Push,
        find: || find("socketioxide"),
        launch: |_| launch("socketioxide"),
    }),
    ws: Some(Kind::SocketIo),
    sse: None,
};

/// Built as this program is.
const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

fn find(package: &str) -> Result<Found> {
    let Some(cargo) = std::env::var_os("CARGO").map(PathBuf::from).or_else(|| program("cargo")) else {
        return Ok(Found::Missing("cargo builds it".to_owned()));
    };
    let home = home();
    let mut build = Program::new(cargo);
    build.args(["build", "--locked", "--quiet"]).current_dir(&home).arg("--target-dir").arg(target()?);
    if PROFILE == "release" {
        build.arg("--release");
    }
    // Not only on the core of clients.
    system::unpin()?;
    let built = build.status();
    system::pin(system::CLIENT_CORE)?;
    if !built?.success() {
        return Err("cargo could not build benches/rivals".into());
    }
    let version = version_in(&fs::read_to_string(home.join("Cargo.lock"))?, package);
    Ok(Found::Version(version.ok_or("a lock file without the package")?))
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals")
}

/// Beside what this program was built in.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("a program that is in no target directory")?;
    Ok(target.join("rivals"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    number_behind(lock, &format!("name = \"{package}\"\nversion = \""))
}

fn launch(role: &str) -> Result<Launch> {
    let program = target()?.join(PROFILE).join("rivals").display().to_string();
    Ok(Launch { command: vec![program, role.to_owned()], address: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = fs::read_to_string(home().join("Cargo.lock")).expect("it is in the repository");
        let version = |package: &str| version_in(&lock, package).expect("it is a dependency");
        assert!(version("axum").starts_with("0.8.") && version("socketioxide").starts_with("0.18."));
        assert_eq!(version_in(&lock, "no-such-package"), None);
    }
}
