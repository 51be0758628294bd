//! nginx: under Nchan, and by itself as what an HTTP request costs that does nothing.

use std::fs;
use std::path::Path;

use super::{Foreign, Found, Launch, configuration, free_address, number_behind, program, told};
use crate::Result;
use crate::args::Dialect;
use crate::lane::Lane;

/// It answers 204 to whatever it is asked; what it understands is what the limit does.
const IDLER: Foreign =
    Foreign { dialect: Dialect::Limit, find, launch: |dir| started_with(dir, "nginx-204.conf", str::to_owned) };

/// nginx that answers 204, and a client; `None` if it is not installed.
pub(crate) fn answering_204(size: usize) -> Result<Option<Lane>> {
    match (IDLER.find)()? {
        Found::Version(_) => IDLER.start(size).map(Some),
        Found::Missing(_) => Ok(None),
    }
}

fn find() -> Result<Found> {
    Ok(Found::or_install(version(), "nginx"))
}

pub(super) fn version() -> Option<String> {
    number_behind(&told("nginx", &["-v"])?, "nginx/")
}

/// With the configuration of ours that is called `name`, completed by a port and by `complete`.
pub(super) fn started_with(dir: &Path, name: &str, complete: impl Fn(&str) -> String) -> Result<Launch> {
    let nginx = program("nginx").ok_or("nginx is gone")?;
    let address = free_address()?;
    let text = fs::read_to_string(configuration(name))?;
    let file = dir.join(name);
    fs::write(&file, complete(&text).replace("@PORT@", &address.port().to_string()))?;
    let [nginx, dir, file] = [nginx.as_path(), dir, &file].map(|path| path.display().to_string());
    // Until the configuration is read messages would go to a file of the whole machine's.
    let words = [&nginx, "-p", &dir, "-e", "stderr", "-c", &file];
    Ok(Launch { command: words.map(str::to_owned).to_vec(), address: Some(address) })
}
