//! nginx that answers 204: what an HTTP request costs that does nothing.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::{Result, system};

/// Where Debian has programs of the system, which need not be in a user's path.
const SYSTEM_DIR: &str = "/usr/sbin";

const CONFIG: &str = include_str!("../peers/nginx-204.conf");

#[derive(Clone, Debug, Args)]
pub(crate) struct NginxArgs {
    #[arg(long)]
    program: PathBuf,
    /// Where its configuration and files go
    #[arg(long)]
    dir: PathBuf,
}

impl NginxArgs {
    pub(crate) fn to_flags(program: &Path, dir: &Path) -> Vec<String> {
        vec![format!("--program={}", program.display()), format!("--dir={}", dir.display())]
    }
}

/// The program, if it is installed.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path).chain([PathBuf::from(SYSTEM_DIR)]);
    dirs.find_map(|dir| Some(dir.join("nginx")).filter(|program| program.is_file()))
}

/// Tells the address and becomes nginx, which ends with the process that started this one.
pub(crate) fn run(args: &NginxArgs) -> Result<()> {
    let NginxArgs { program, dir } = args;
    system::end_with_parent()?;
    system::pin(system::SERVER_CORE)?;
    // nginx takes no port 0: it gets one that was free a moment ago.
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let config = dir.join("nginx.conf");
    std::fs::write(&config, CONFIG.replace("@PORT@", &address.port().to_string()))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    stdout.flush()?;
    Err(Command::new(program).arg("-p").arg(dir).arg("-c").arg(config).exec().into())
}
