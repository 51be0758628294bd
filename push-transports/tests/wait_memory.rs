//! What a parked wait costs of the heap, held as a budget. The kernel's part is that of any connection.

#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use allocation_counter::measure;
use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use http::Response;
use push_transports::server::{ServeConfig, ServeCounters, Wait, bind, later, serve};
use tokio::runtime::{Builder, Runtime};

/// More than this many connections of ours, with both their ends, may be more descriptors than a process gets.
const WAITS: usize = 8_000;
/// What the first connections of a server load and allocate is not theirs.
const WARM_UP: usize = 500;
/// Opened before the server has its turn.
const TOGETHER: usize = 50;
/// Bytes of the heap for each: a row, an entry in a map with room to grow, a waker, and the box of one pointer.
const BUDGET: u64 = 208;

/// A wait of one pointer.
struct Never(Arc<()>);

impl Wait for Never {
    fn poll_answer(&mut self, _: &mut Context<'_>) -> Poll<Response<Bytes>> {
        Poll::Pending
    }

    fn expired(&mut self) -> Response<Bytes> {
        Response::new(format!("{} of these", Arc::strong_count(&self.0)).into())
    }
}

fn start(runtime: &Runtime, counters: &ServeCounters) -> SocketAddr {
    let _entered = runtime.enter();
    let mut config = ServeConfig::default();
    (config.lots, config.counters) = (1, counters.clone());
    config.max_connections_per_address = WAITS * 2;
    let shared = Arc::new(());
    let app = Router::new().fallback(async move |request: Request| {
        let answer = later(&request, Never(Arc::clone(&shared)), Duration::from_secs(3540));
        drop(request);
        answer.await
    });
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
    let addr = listener.local_addr().expect("it is bound");
    runtime.spawn(serve(listener, app, config, std::future::pending()));
    addr
}

/// Lets the server run until so many waits are parked and nothing else is there.
fn settle(runtime: &Runtime, counters: &ServeCounters, parked: usize) {
    runtime.block_on(async {
        let settled = async {
            while (counters.parked(), counters.connections(), counters.busy()) != (parked, parked, 0) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("all are parked");
    });
}

fn fill(runtime: &Runtime, counters: &ServeCounters, addr: SocketAddr, held: &mut Vec<TcpStream>, count: usize) {
    while held.len() < count {
        for _ in 0..TOGETHER {
            let mut stream = TcpStream::connect(addr).expect("somebody listens");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("there is room");
            held.push(stream);
        }
        settle(runtime, counters, held.len());
    }
}

#[test]
fn a_parked_wait_of_one_pointer_takes_at_most_208_bytes_and_gives_them_back() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let counters = ServeCounters::default();
    let addr = start(&runtime, &counters);
    let mut held = Vec::with_capacity(WAITS);
    fill(&runtime, &counters, addr, &mut held, WARM_UP);
    held.clear();
    settle(&runtime, &counters, 0);
    let filled = measure(|| fill(&runtime, &counters, addr, &mut held, WAITS));
    let each = filled.bytes_current / WAITS as i64;
    println!("{each} bytes of the heap for each of {WAITS}");
    let emptied = measure(|| {
        held.clear();
        settle(&runtime, &counters, 0);
    });
    let left = filled.bytes_current + emptied.bytes_current;
    println!("{left} bytes left");
    assert!((1..=BUDGET as i64).contains(&each), "{each} bytes for each");
    assert!(left < 64 * 1024, "{left} bytes are not given back");
}
