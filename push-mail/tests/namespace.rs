//! The documented walk through a real network that forgets in silence: three network namespaces in a row, the device's,
//! a firewall's and the server's. The firewall keeps flows in a set whose entries time out; packets of a flow that is
//! no longer in it vanish. A minute is 400 ms here.
//!
//! Needs root, `ip` (iproute2) and `nft` (nftables), and touches nothing outside of its own namespaces.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::Write as _,
    net::SocketAddr,
    os::fd::AsFd as _,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use push_mail::device::{ClientSettings, DeviceEvent, DeviceState, DirectPushClient, End, Preset, Settings};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// What stands for a minute: long enough for the difference between 12 and 13 of them to outlast a loaded machine.
const MINUTE: Duration = Duration::from_millis(400);
/// The server answers this much before the interval is over on the wire, as servers do.
const EARLY: Duration = Duration::from_millis(100);
/// The firewall forgets a flow after so many idle minutes.
const CUT_OFF: u32 = 13;
/// For a test that would else wait for ever.
const GUARD: Duration = Duration::from_secs(180);

#[test]
fn the_walk_is_walked_through_a_firewall_that_forgets_in_silence() {
    let network = Network::new();
    let (stop, stopped) = oneshot::channel();
    let (address, asked, server) = network.serve(stopped);
    let told = network.wait_for_mail(address, &asked);
    stop.send(()).expect("the server is still there");
    server.join().expect("the server ends in order");

    let minutes = asked.lock().expect("no test panics in here").clone();
    // 15 in silence, so 8; answered, so 12; mail after four minutes, so 12 again; answered, so 16; in silence, right
    // after it was made longer, so 12 for good.
    assert_eq!(minutes[..7], [15, 8, 12, 12, 16, 12, 12], "{told:#?}");
    let ends = ["TimedOut", "Expired", "Changed", "mail", "Expired", "TimedOut", "Expired"];
    assert_eq!(told[..7], ends);
}

/// The walk with minutes that are shorter.
fn walk() -> Settings {
    let Settings { strategy, .. } = Preset::Walk.settings();
    let slack = Duration::from_secs(1);
    Settings { minimum: 8 * MINUTE, maximum: 30 * MINUTE, initial: 15 * MINUTE, step: 4 * MINUTE, slack, strategy }
}

/// Three namespaces in a row: device, firewall, server. They go when this goes, and what a run that was killed left
/// behind goes with the next one.
struct Network {
    prefix: String,
}

impl Network {
    fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test makes network namespaces: run it as root");
        for (tool, package) in [("ip", "iproute2"), ("nft", "nftables")] {
            let version = Command::new(tool).arg("-V").stdout(Stdio::null()).status();
            assert!(version.is_ok(), "{tool} is missing: install the package {package}");
        }
        sweep();
        let network = Self { prefix: format!("push-mail-{}", std::process::id()) };
        let (device, box_, server) = (network.name("device"), network.name("box"), network.name("server"));
        for name in [&device, &box_, &server] {
            run(&["ip", "netns", "add", name]);
        }
        for (end, near, far, subnet) in [(&device, "d0", "d1", 1), (&server, "s0", "s1", 2)] {
            run(&["ip", "link", "add", near, "netns", end, "type", "veth", "peer", "name", far, "netns", &box_]);
            for (space, link, host) in [(end, near, 2), (&box_, far, 1)] {
                run(&["ip", "-n", space, "address", "add", &format!("10.77.{subnet}.{host}/24"), "dev", link]);
                run(&["ip", "-n", space, "link", "set", link, "up"]);
            }
            run(&["ip", "-n", end, "route", "add", "default", "via", &format!("10.77.{subnet}.1")]);
        }
        run(&["ip", "netns", "exec", &box_, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
        network.forget_in_silence(&box_);
        network
    }

    fn name(&self, role: &str) -> String {
        format!("{}-{role}", self.prefix)
    }

    /// A flow's entry is made by the device's SYN, renewed by every packet of either side, and gone after the cut-off.
    fn forget_in_silence(&self, space: &str) {
        let cut_off = (CUT_OFF * MINUTE).as_millis();
        let rules = format!(
            "table ip box {{
               set flows {{
                 type ipv4_addr . inet_service . ipv4_addr . inet_service
                 flags dynamic,timeout; timeout {cut_off}ms; size 1024
               }}
               chain forward {{
                 type filter hook forward priority 0; policy drop;
                 iifname d1 tcp flags & (syn|ack) == syn update @flows {{ ip saddr . tcp sport . ip daddr . tcp dport }} accept
                 iifname d1 ip saddr . tcp sport . ip daddr . tcp dport @flows update @flows {{ ip saddr . tcp sport . ip daddr . tcp dport }} accept
                 iifname s1 ip daddr . tcp dport . ip saddr . tcp sport @flows update @flows {{ ip daddr . tcp dport . ip saddr . tcp sport }} accept
               }}
             }}"
        );
        let mut nft = Command::new("ip");
        let mut nft =
            nft.args(["netns", "exec", space, "nft", "-f", "-"]).stdin(Stdio::piped()).spawn().expect("ip starts");
        nft.stdin.take().expect("a pipe").write_all(rules.as_bytes()).expect("nft reads its rules");
        assert!(nft.wait().expect("nft ends").success(), "nft refused the rules");
    }

    /// A server in its namespace, which writes down the intervals asked for, in minutes.
    fn serve(&self, stopped: oneshot::Receiver<()>) -> (SocketAddr, Arc<Mutex<Vec<u32>>>, thread::JoinHandle<()>) {
        let asked = Arc::<Mutex<Vec<u32>>>::default();
        let (tell, told) = mpsc::channel();
        let (space, shared) = (self.name("server"), Arc::clone(&asked));
        let thread = thread::spawn(move || {
            enter(&space);
            runtime().block_on(async {
                let listener = tokio::net::TcpListener::bind("10.77.2.2:0").await.expect("a port");
                tell.send(listener.local_addr().expect("a bound address")).expect("the test waits for it");
                let router = Router::new()
                    .route("/mail/folders", get(async || Json(json!({"folders": [{"id": "1", "path": "INBOX"}]}))))
                    .route(
                        "/mail/sync",
                        post(async || {
                            Json(json!({"status": "ok", "sync_key": "k", "more": false,
                        "changes": [{"kind": "new", "uid": 1}]}))
                        }),
                    )
                    .route("/mail/ping", post(ping))
                    .with_state(shared);
                tokio::select! {
                    served = axum::serve(listener, router) => served.expect("it accepts"),
                    _ = stopped => {}
                }
            });
        });
        (told.recv_timeout(GUARD).expect("the server listens"), asked, thread)
    }

    /// A device in its namespace, until it has asked for the seventh interval and got it.
    fn wait_for_mail(&self, server: SocketAddr, asked: &Mutex<Vec<u32>>) -> Vec<String> {
        thread::scope(|scope| {
            let device = scope.spawn(|| {
                enter(&self.name("device"));
                let mut settings = ClientSettings::new(format!("http://{server}"), "phone");
                settings.heartbeat = walk();
                let mut client = DirectPushClient::new(settings, DeviceState::default()).expect("usable settings");
                let told = Mutex::new(Vec::new());
                runtime().block_on(async {
                    let enough = async {
                        while asked.lock().expect("no test panics in here").len() < 8 {
                            tokio::time::sleep(EARLY).await;
                        }
                    };
                    let run = client.run(|event| told.lock().expect("no test panics in here").extend(line(&event)));
                    tokio::select! {
                        error = run => panic!("the client gave up: {error}"),
                        () = enough => {}
                        () = tokio::time::sleep(GUARD) => panic!("too few pings: {:?}", told.lock()),
                    }
                });
                // The mail of the first listing is not the one that is waited for.
                told.into_inner().expect("no test panics in here").split_off(1)
            });
            device.join().expect("the device's thread does not panic")
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for role in ["device", "box", "server"] {
            let _gone = Command::new("ip").args(["netns", "delete", &self.name(role)]).stderr(Stdio::null()).status();
        }
    }
}

fn line(event: &DeviceEvent<'_>) -> Option<String> {
    let line = match event {
        DeviceEvent::Item { .. } => "mail".to_owned(),
        DeviceEvent::Ping(entry) => match &entry.end {
            End::Changed { .. } => "Changed".to_owned(),
            end => format!("{end:?}"),
        },
        DeviceEvent::Trouble { what, .. } => format!("trouble: {what}"),
        _ => return None,
    };
    Some(line)
}

/// Parks for the interval; in the third one there is mail after four minutes.
async fn ping(State(asked): State<Arc<Mutex<Vec<u32>>>>, Json(body): Json<Value>) -> Json<Value> {
    let seconds = body["heartbeat_s"].as_f64().expect("an interval");
    let count = {
        let mut asked = asked.lock().expect("no test panics in here");
        asked.push((seconds / MINUTE.as_secs_f64()).round() as u32);
        asked.len()
    };
    if count == 3 {
        tokio::time::sleep(4 * MINUTE).await;
        return Json(json!({"status": "changes", "folders": ["1"]}));
    }
    tokio::time::sleep(Duration::from_secs_f64(seconds) - EARLY).await;
    Json(json!({"status": "no_changes"}))
}

/// Moves this thread into a namespace, for good.
fn enter(space: &str) {
    let space = File::open(Path::new("/run/netns").join(space)).expect("the namespace is there");
    move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn run(command: &[&str]) {
    let status = Command::new(command[0]).args(&command[1..]).status().expect("the command starts");
    assert!(status.success(), "{} failed", command.join(" "));
}

/// Deletes the namespaces of test processes that are no more.
fn sweep() {
    let listed = Command::new("ip").args(["netns", "list"]).output().expect("ip starts");
    for name in String::from_utf8_lossy(&listed.stdout).lines().filter_map(|line| line.split(' ').next()) {
        let process = name.strip_prefix("push-mail-").and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            run(&["ip", "netns", "delete", name]);
        }
    }
}
