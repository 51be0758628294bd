//! **tail**: the lines of a growing file as a channel, followed from anywhere with curl.
//!
//! What it shows: publishing many lines at a time without running retention over the readers ([`Hub::is_pressed`]),
//! and going on through what log files meet: not yet there, cut off (truncated), put aside (rotated).
//!
//! Run it:
//!
//! ```sh
//! cargo run -p examples --bin tail -- /var/log/syslog            # a listen address may follow
//! ```
//!
//! What to try:
//!
//! ```sh
//! curl -N 'http://127.0.0.1:8080/push/sse?channel=tail/syslog&last=10'      # the newest ten, then what comes
//! curl -N 'http://127.0.0.1:8080/push/stream?channel=tail/syslog'           # JSON lines, with a cursor in each
//! curl -N 'http://127.0.0.1:8080/push/stream?channel=tail/syslog&since=ID'  # all after that cursor
//! ```

use std::error::Error;
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use push_core::{ChannelName, Draft, Hub, HubConfig};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, BufReader};
use tokio::time::sleep;

/// How often the file is looked at when nothing was new.
const LOOK: Duration = Duration::from_millis(100);
/// How much of what a file held before the start is read: enough for `last=...`, whatever its size.
const BEFORE: u64 = 64 << 10;
/// A longer line is published in pieces: memory stays bounded whatever the file holds.
const MAX_LINE: usize = 256 << 10;
/// Lines published between two looks at whether the subscribers keep up.
const BATCH: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = PathBuf::from(args.next().ok_or("usage: tail FILE [ADDRESS]")?);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let name = path.file_name().ok_or("that is no file")?.to_string_lossy();
    let channel = ChannelName::parse(&format!("tail/{name}"))?;

    let hub = Hub::new(HubConfig::default());
    let app = axum::Router::new().nest("/push", push_transports::router(hub.clone(), Default::default()));
    let listener = tokio::net::TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    tokio::select! {
        ended = follow(&hub, &channel, &path) => ended.map_err(|error| format!("{}: {error}", path.display()).into()),
        ended = axum::serve(listener, app).into_future() => Ok(ended?),
    }
}

/// Publishes what is in the file and what comes, for ever.
async fn follow(hub: &Hub, channel: &ChannelName, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut before = BEFORE;
    loop {
        let opened = Tail::open(path, before).await?;
        before = u64::MAX; // a file that comes after the start is all new
        if let Some(mut tail) = opened {
            // Asked before reading: so all that was written until the file was put aside is read.
            while !tail.is_over(path).await? {
                publish_lines(hub, channel, &mut tail).await?;
                sleep(LOOK).await;
            }
            publish_lines(hub, channel, &mut tail).await?;
            if !tail.line.is_empty() {
                hub.publish(channel.as_str(), Draft::new(tail.line)).await?;
            }
        } else {
            sleep(LOOK).await;
        }
    }
}

/// Publishes what can be read now. Subscribers read from the channel's history: somebody who publishes faster than even
/// the fastest of them reads would push out what nobody has seen. So the next batch waits for them, but not without a
/// bound: one who stopped reading must not stop everybody.
async fn publish_lines(hub: &Hub, channel: &ChannelName, tail: &mut Tail) -> Result<(), Box<dyn Error>> {
    let mut published = 0;
    while let Some(line) = tail.next_line().await? {
        hub.publish(channel.as_str(), Draft::new(line)).await?;
        published += 1;
        if published % BATCH == 0 {
            tokio::task::yield_now().await;
            let mut patience = 100;
            while hub.is_pressed(channel) && patience > 0 {
                sleep(Duration::from_millis(10)).await;
                patience -= 1;
            }
        }
    }
    Ok(())
}

/// An open file.
struct Tail {
    file: BufReader<File>,
    position: u64,
    /// What was read of a line whose end is not yet written.
    line: Vec<u8>,
}

impl Tail {
    /// Opens the file at the first line of its last `before` bytes; `None` while there is none.
    async fn open(path: &Path, before: u64) -> io::Result<Option<Self>> {
        let mut file = match File::open(path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => BufReader::new(opened?),
        };
        let start = file.get_ref().metadata().await?.len().saturating_sub(before);
        let position = file.seek(SeekFrom::Start(start)).await?;
        let mut tail = Self { file, position, line: Vec::new() };
        if start > 0 {
            tail.next_line().await?; // most likely the rest of a line
        }
        Ok(Some(tail))
    }

    /// Whether what follows is elsewhere: the file was cut off (seen if it is shorter than before), or another one has
    /// its name. While none has, its writer may well go on writing to this one.
    async fn is_over(&self, path: &Path) -> io::Result<bool> {
        let own = self.file.get_ref().metadata().await?;
        match tokio::fs::metadata(path).await {
            _ if own.len() < self.position => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            named => named.map(|named| (named.dev(), named.ino()) != (own.dev(), own.ino())),
        }
    }

    /// The next whole line without its end, or as much of it as a publication is to hold; `None` while there is none.
    async fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let room = (MAX_LINE - self.line.len()) as u64;
        let mut bounded = (&mut self.file).take(room);
        self.position += bounded.read_until(b'\n', &mut self.line).await? as u64;
        let is_whole = self.line.ends_with(b"\n");
        if is_whole {
            self.line.pop();
        }
        Ok((is_whole || self.line.len() >= MAX_LINE).then(|| std::mem::take(&mut self.line)))
    }
}
