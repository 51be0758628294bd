//! Nchan, a module of nginx: its locations are those of push, so that the same requests do.

use std::path::Path;

use super::{Foreign, Found, Launch, Origin, Peer, nginx, number_behind, told};
use crate::Result;
use crate::args::Dialect;
use crate::kind::Kind;

pub(super) const NCHAN: Peer = Peer {
    name: "nchan",
    title: "Nchan",
    origin: Origin::Foreign(Foreign { dialect: Dialect::Push, find, launch }),
    ws: Some(Kind::Ws),
    sse: Some(Kind::Sse),
};

/// Where distributions keep modules.
const MODULES: [&str; 2] = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"];

fn module() -> Option<String> {
    let path = |dir: &str| format!("{dir}/ngx_nchan_module.so");
    MODULES.map(path).into_iter().find(|path| Path::new(path).is_file())
}

fn find() -> Result<Found> {
    let version = module().and_then(|_| {
        // The module itself does not tell.
        let package = told("dpkg-query", &["-W", "-f", ":${Version}", "libnginx-mod-nchan"]);
        let nchan = package.and_then(|version| number_behind(&version[version.rfind(':')?..], ":"));
        Some(format!("{}, nginx {}", nchan.unwrap_or_else(|| "?".to_owned()), nginx::version()?))
    });
    Ok(Found::or_install(version, "nginx libnginx-mod-nchan"))
}

fn launch(dir: &Path) -> Result<Launch> {
    let module = module().ok_or("Nchan is gone")?;
    nginx::started_with(dir, "nchan.conf", |text| text.replace("@MODULE@", &module))
}
