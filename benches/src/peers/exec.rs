//! The role in which this program becomes another one, set as a server is.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command as Program;

use clap::Args;

use crate::{Result, system};

#[derive(Clone, Debug, Args)]
pub(crate) struct ExecArgs {
    /// A file for what it says, where its address is known
    #[arg(long)]
    pub(crate) log: Option<PathBuf>,
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

/// The process stays, with its core, its descriptors and its end; returns only where there is no such program.
pub(crate) fn run(args: &ExecArgs) -> Result<()> {
    system::end_with_parent()?;
    system::pin(system::SERVER_CORE)?;
    system::raise_descriptors()?;
    let (name, rest) = args.command.split_first().ok_or("no program")?;
    let mut program = Program::new(name);
    program.args(rest);
    if let Some(path) = &args.log {
        let log = File::create(path)?;
        program.stdout(log.try_clone()?).stderr(log);
    }
    Err(format!("{name}: {}", program.exec()).into())
}
