//! `push-mail`: a device for the command line, the simulator, and a reader and writer of WBXML.
#![forbid(unsafe_code)]

mod codec;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use push_mail::{
    device::{
        ClientErrorKind, ClientSettings, Credentials, DeviceEvent, DeviceState, DirectPushClient, ItemChange, Preset,
        Printable,
    },
    simulator::{Report, World, chart},
};

/// Exit code for what the user has to put right before it can start; clap's for a wrong flag.
const MISUSED: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    name = "push-mail",
    version,
    about = "Waits for mail as a device does: one long request, answered the moment a folder changes.",
    long_about = "Waits for mail as a device does: one long request (a ping) for up to a heartbeat interval, answered the \
                  moment a folder changes. The device then syncs that folder and pings again. How long the interval may \
                  be before something on the way forgets the connection, it finds out by trying.",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Waits for mail at a server, and prints the ping log and what arrives
    Watch(Box<Watch>),
    /// Compares the rules for the interval in simulated networks; needs no network
    Simulate(Simulate),
    /// Shows what Exchange ActiveSync says as XML, and makes it from XML; needs no network
    #[command(subcommand)]
    Wbxml(codec::Codec),
}

#[derive(Debug, Args)]
struct Watch {
    /// The server's base, for example https://push.example/push
    url: String,
    /// User, with --password
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The user's password; better in the environment than on the command line, where others can read it
    #[arg(long, env = "PUSH_MAIL_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Bearer token, instead of user and password
    #[arg(long, env = "PUSH_MAIL_TOKEN", hide_env_values = true, conflicts_with = "user")]
    token: Option<String>,
    /// This device's name: the server keeps what the device has seen under it
    #[arg(long, default_value = "push-mail")]
    device: String,
    /// Account, if it is not the login's own
    #[arg(long)]
    account: Option<String>,
    /// Rule for the interval: fixed, walk, windows-mobile, aosp-classic, aosp-later or ours
    #[arg(long, default_value = "ours")]
    preset: Preset,
    /// File in which sync keys and what was learnt of networks are kept; without it all mail is listed again
    #[arg(long)]
    state: Option<PathBuf>,
    /// Name of the network the device is in: what is learnt in it is kept apart
    #[arg(long)]
    network: Option<String>,
    /// Further certificate authorities, a PEM file
    #[arg(long)]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Simulate {
    /// Days that each device is watched
    #[arg(long, default_value_t = World::default().days, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// What chance follows from
    #[arg(long, default_value_t = World::default().seed)]
    seed: u64,
    /// Also draws the chart into this file, as SVG
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Watch(arguments) => watch(*arguments),
        Command::Simulate(arguments) => simulate(&arguments),
        Command::Wbxml(arguments) => codec::codec(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("push-mail: {error}");
        ExitCode::from(MISUSED)
    })
}

type Failed = Box<dyn std::error::Error>;

fn simulate(arguments: &Simulate) -> Result<ExitCode, Failed> {
    let report = Report::of(World { days: arguments.days, seed: arguments.seed, ..World::default() });
    if let Some(path) = &arguments.out {
        std::fs::write(path, chart(&report)?).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    print(&report.to_string());
    Ok(ExitCode::SUCCESS)
}

fn watch(arguments: Watch) -> Result<ExitCode, Failed> {
    let state = arguments.state.as_deref().map_or_else(|| Ok(DeviceState::default()), load)?;
    let mut client = DirectPushClient::new(settings(&arguments)?, state)?;
    if arguments.url.starts_with("http:") && (arguments.user.is_some() || arguments.token.is_some()) {
        eprintln!("push-mail: http:// sends the password or token in the clear; https:// does not");
    }
    if let Some(network) = &arguments.network {
        client.network_changed(network);
    }
    let mut store = Store { path: arguments.state, stored: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            error = client.run(|event| tell(&event, &mut store)) => Some(error),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let Some(error) = ended else { return Ok(ExitCode::SUCCESS) };
    eprintln!("push-mail: {error}");
    if error.kind() == ClientErrorKind::NotFound {
        eprintln!("push-mail: the URL must be the server's base, often .../push");
    }
    Ok(ExitCode::FAILURE)
}

fn settings(arguments: &Watch) -> Result<ClientSettings, Failed> {
    let mut settings = ClientSettings::new(&arguments.url, &arguments.device);
    settings.account.clone_from(&arguments.account);
    settings.heartbeat = arguments.preset.settings();
    settings.credentials = match (&arguments.token, &arguments.user) {
        (Some(token), _) => Credentials::Bearer(token.clone()),
        (None, Some(user)) => {
            Credentials::Basic { user: user.clone(), password: arguments.password.clone().unwrap_or_default() }
        }
        (None, None) => Credentials::None,
    };
    if let Some(path) = &arguments.ca {
        settings.ca_pem = Some(std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    Ok(settings)
}

fn tell(event: &DeviceEvent<'_>, store: &mut Store) {
    match event {
        DeviceEvent::Ping(entry) => print(&format!("{entry}\n")),
        DeviceEvent::Item { folder, item } if item.kind == ItemChange::New => {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let (from, subject) = (or_none(&item.from), or_none(&item.subject));
            print(&format!("mail in {}: {} | {}\n", Printable(&folder.path), Printable(&from), Printable(&subject)));
        }
        DeviceEvent::Trouble { what, wait } => {
            eprintln!("push-mail: {}; goes on in {:.1} s", Printable(what), wait.as_secs_f64());
        }
        DeviceEvent::State(state) => store.keep(state),
        _ => {}
    }
}

/// Whoever read along may have gone; that is no reason to stop keeping the state.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The file that keeps the device's state.
struct Store {
    path: Option<PathBuf>,
    stored: Option<DeviceState>,
}

impl Store {
    fn keep(&mut self, state: &DeviceState) {
        let Some(path) = self.path.as_deref().filter(|_| self.stored.as_ref() != Some(state)) else { return };
        match save(path, state) {
            Ok(()) => self.stored = Some(state.clone()),
            Err(error) => eprintln!("push-mail: {}: {error}", path.display()),
        }
    }
}

fn load(path: &Path) -> Result<DeviceState, Failed> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DeviceState::default()),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

/// Written beside it and renamed, so that there is always a whole one.
fn save(path: &Path, state: &DeviceState) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(&serde_json::to_vec(state)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
