//! A process that is out of descriptors: who is served is served on, and who waits is let in as soon as there is room.

#![cfg(target_os = "linux")]

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serving::listener::{Form, Heard, Listener, payload};
use serving::{Path, goes_on, soon, until};
use testkit::Request;
use tokio::net::TcpSocket;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

on_paths! {
    both:
    out_of_descriptors_it_serves_on_and_recovers,
}

/// The limit is the whole process's.
static ALONE: Mutex<()> = Mutex::const_new(());

const WAITING: u64 = 80;
/// Descriptors left for them.
const ROOM: usize = 25;

/// Sets the limit back.
struct Limit(Rlimit);

impl Limit {
    fn lowered_to(current: u64) -> Self {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: before.maximum })
            .expect("it may be lowered");
        Self(before)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).expect("it may be raised up to the maximum");
    }
}

/// The limit under which `ROOM` numbers are free: those that are taken may have gaps between them.
fn limit_with_room() -> u64 {
    let names = std::fs::read_dir("/proc/self/fd").expect("it is Linux");
    let open: HashSet<u64> = names.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let last = (0..).filter(|number| !open.contains(number)).nth(ROOM - 1);
    last.expect("there are always more numbers") + 1
}

fn is_out_of_descriptors() -> bool {
    std::net::UdpSocket::bind("127.0.0.1:0")
        .is_err_and(|error| error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()))
}

async fn out_of_descriptors_it_serves_on_and_recovers(path: Path) {
    let _alone = ALONE.lock().await;
    let server = path.start();
    let mut listeners = Vec::new();
    for form in Form::ALL {
        listeners.push(Listener::open(server.addr, form, "channel=c", None).await);
    }
    let mut kept = server.connect().await;
    goes_on(&mut kept).await;
    for round in 0..2 {
        // Their descriptors are taken before there are none left, so that it is the server that finds none.
        let sockets: Vec<_> = (0..WAITING).map(|_| TcpSocket::new_v4().expect("a socket")).collect();
        let limit = Limit::lowered_to(limit_with_room());
        let (go_on, leave) = watch::channel(false);
        let answered = Arc::new(AtomicU64::new(0));
        let mut clients = JoinSet::new();
        for socket in sockets {
            let (addr, mut leave, answered) = (server.addr, leave.clone(), Arc::clone(&answered));
            clients.spawn(async move {
                let stream = socket.connect(addr).await.expect("the backlog has room");
                let mut connection = testkit::Connection::over(stream, addr);
                let response = connection.request(&Request::get("/push/poll?channel=d&timeout=0")).await;
                assert_eq!(response.expect("an answer").status(), 200);
                answered.fetch_add(1, Ordering::Relaxed);
                leave.wait_for(|leave| *leave).await.expect("the test goes on");
            });
        }
        until("there are no descriptors left", || answered.load(Ordering::Relaxed) > 0 && is_out_of_descriptors())
            .await;
        for n in 1..=20 {
            let number = 20 * round + n;
            server.publish("c", payload("c", number, 100)).await;
            for listener in &mut listeners {
                assert_eq!(listener.next().await, Heard::Publication { channel: "c".into(), number });
            }
            goes_on(&mut kept).await;
        }
        assert!(answered.load(Ordering::Relaxed) < WAITING, "some still wait");
        // Each that leaves makes room for another.
        go_on.send(true).expect("they wait for it");
        while let Some(ended) = soon("an answer", clients.join_next()).await {
            ended.expect("answered in the end");
        }
        drop(limit);
        until("only the kept are left", || server.counters.connections() == listeners.len() + 1).await;
    }
}
