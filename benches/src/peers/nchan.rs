//! Nchan, a module of nginx: its locations are those of push, so that the same requests do.

use std::fs;
use std::path::Path;

use super::{Foreign, Found, Launch, Origin, Peer, configuration, free_address, number_behind, program, told};
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
        let nginx = number_behind(&told("nginx", &["-v"])?, "nginx/")?;
        // The module itself does not tell.
        let package = told("dpkg-query", &["-W", "-f", ":${Version}", "libnginx-mod-nchan"]);
        let nchan = package.and_then(|version| number_behind(&version[version.rfind(':')?..], ":"));
        Some(format!("{}, nginx {nginx}", nchan.unwrap_or_else(|| "?".to_owned())))
    });
    Ok(Found::or_install(version, "nginx libnginx-mod-nchan"))
}

fn launch(dir: &Path) -> Result<Launch> {
    let module = module().ok_or("Nchan is gone")?;
    let nginx = program("nginx").ok_or("nginx is gone")?;
    let address = free_address()?;
    let file = dir.join("nchan.conf");
    let text = fs::read_to_string(configuration("nchan.conf"))?;
    fs::write(&file, text.replace("@MODULE@", &module).replace("@PORT@", &address.port().to_string()))?;
    let [nginx, dir, file] = [nginx.as_path(), dir, &file].map(|path| path.display().to_string());
    // Until the configuration is read messages would go to a file of the whole machine's.
    let command = vec![nginx, "-p".to_owned(), dir, "-e".to_owned(), "stderr".to_owned(), "-c".to_owned(), file];
    Ok(Launch { command, address: Some(address) })
}
