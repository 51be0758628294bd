//! Silence: what is parked is pinged and told that it is alive at the same times as by a task of its own, however busy
//! its channel is, and only who really is silent is given up.

#![cfg(target_os = "linux")]

mod serving;

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use serving::{GUARD, Path, Server, UPGRADE, get, head, masked};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PING: u8 = 9;
const TEXT: u8 = 1;

/// A WebSocket, frame by frame.
struct Frames(TcpStream);

impl Frames {
    async fn open(server: &Server, target: &str) -> Self {
        let mut connection = server.sent(get(target, UPGRADE)).await;
        assert_eq!(head(&mut connection).await.status, 101);
        let (stream, early) = connection.into_parts();
        assert!(early.is_empty(), "nothing is said yet");
        Self(stream)
    }

    /// The next frame's opcode and payload; `None` at the end.
    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.0.read_u8().await.ok()?;
        let length = match self.0.read_u8().await.ok()? {
            126 => u64::from(self.0.read_u16().await.ok()?),
            127 => self.0.read_u64().await.ok()?,
            short => short.into(),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((first & 15, payload))
    }

    async fn pong(&mut self) {
        self.0.write_all(&masked(10, b"")).await.expect("it reads");
    }
}

/// `future`, while the paused clock stands: it would run ahead of what is on its way through the kernel.
async fn meanwhile<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    })
    .await
}

/// Reads until the publication `text` and counts the pings before it, each answered.
async fn pings_before(client: &mut Frames, text: &str) -> usize {
    let mut pings = 0;
    loop {
        match meanwhile(client.next()).await {
            Some((PING, _)) => {
                pings += 1;
                client.pong().await;
            }
            Some((TEXT, payload)) if payload == text.as_bytes() => return pings,
            Some((TEXT, _)) => {}
            other => panic!("the connection ended before {text}: {other:?}"),
        }
    }
}

// The heartbeat is about the client's silence, which publications to it do not break.
#[tokio::test(start_paused = true)]
async fn a_websocket_on_a_busy_channel_is_pinged_and_outlives_its_silence() {
    let server = Path::OneLot.start();
    let mut client = Frames::open(&server, "/push/ws?channel=c&format=raw").await;
    server.heard_by("c", 1).await;
    let mut pings = 0;
    for round in 0..20 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let text = format!("busy {round}");
        server.publish("c", &text).await;
        pings += pings_before(&mut client, &text).await;
    }
    assert!((6..=8).contains(&pings), "one each 25 s of 200 s: {pings}");
    // Nobody is dead once it becomes quiet.
    tokio::time::sleep(Duration::from_secs(40)).await;
    server.publish("c", "after all").await;
    assert!(pings_before(&mut client, "after all").await >= 1);
}

// One that is written much more than its socket takes leaves and joins its group again and again.
#[tokio::test(start_paused = true)]
async fn a_websocket_that_lags_again_and_again_is_pinged_and_outlives_its_silence() {
    let server = Path::OneLot.start();
    let mut client = Frames::open(&server, "/push/ws?channel=c&format=raw").await;
    server.heard_by("c", 1).await;
    let mut pings = 0;
    for round in 0..20 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let text = format!("{round}{}", "x".repeat(1_000_000));
        server.publish("c", &text).await;
        pings += pings_before(&mut client, &text).await;
    }
    assert!((3..=12).contains(&pings), "about one each 25 s of 200 s: {pings}");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_answers_no_ping_is_given_up_after_the_silence_limit_and_not_before() {
    let server = Path::OneLot.start();
    let mut client = Frames::open(&server, "/push/ws?channel=c&format=raw").await;
    server.heard_by("c", 1).await;
    let began = tokio::time::Instant::now();
    for round in 0..5 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        server.publish("c", format!("busy {round}")).await;
    }
    let mut pings = 0;
    while let Some((opcode, _)) = timeout(4 * GUARD, client.next()).await.expect("an end") {
        pings += usize::from(opcode == PING);
    }
    let lasted = began.elapsed();
    assert_eq!(pings, 2);
    assert!((Duration::from_secs(60)..Duration::from_secs(62)).contains(&lasted), "{lasted:?}");
    server.emptied().await;
}
