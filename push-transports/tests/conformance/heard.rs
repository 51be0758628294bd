//! What a subscriber heard, gathered for comparing.

use std::net::SocketAddr;

use testkit::{Gap, Item, Options, Publication, Subscriber, Transport, publish};

/// All that came up to a marker.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The worst that was told, `complete` when nothing was.
    pub outcome: String,
    /// The gaps told.
    pub gaps: Vec<Gap>,
    /// The publications, marker included.
    pub publications: Vec<Publication>,
}

impl Heard {
    /// The payloads as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.publications.iter().map(Publication::text).collect()
    }
}

/// Reads until the publication whose text is `marker`.
pub(crate) async fn until(subscriber: &mut Subscriber, marker: &str) -> Heard {
    let opened = subscriber.opened().clone();
    let mut heard = Heard { outcome: "complete".to_owned(), gaps: opened.gaps, publications: Vec::new() };
    heard.outcome = worst(&heard.outcome, opened.outcome.as_deref().unwrap_or("complete"));
    loop {
        match subscriber.next().await {
            Item::Publication(publication) => {
                let text = publication.text();
                heard.publications.push(publication);
                if text == marker {
                    return heard;
                }
            }
            Item::Gap(gap) => {
                heard.outcome = worst(&heard.outcome, &gap.outcome);
                heard.gaps.push(gap);
            }
            other => panic!("{:?}: {other:?} before {marker:?}; {:?}", subscriber.transport(), heard.texts()),
        }
    }
}

fn worst(one: &str, other: &str) -> String {
    let rank = |outcome: &str| match outcome {
        "complete" => 0,
        "partial" => 1,
        _ => 2,
    };
    if rank(one) < rank(other) { other.to_owned() } else { one.to_owned() }
}

/// Publishes a marker and reads up to it: everything before it has then been heard.
pub(crate) async fn everything(subscriber: &mut Subscriber, addr: SocketAddr, channel: &str) -> Heard {
    publish::text(addr, channel, "the marker").await;
    let mut heard = until(subscriber, "the marker").await;
    heard.publications.pop();
    heard
}

/// Subscribes to a channel and takes the cursor it starts with.
pub(crate) async fn cursor_now(transport: Transport, addr: SocketAddr, channel: &str) -> String {
    Subscriber::open(transport, addr, &Options::channel(channel)).await.cut()
}

/// `text-from` to `text-to`, both included.
pub(crate) fn numbered(text: &str, numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| format!("{text}-{number}")).collect()
}

/// Publishes `text-from` to `text-to` to a channel and returns their cursors.
pub(crate) async fn publish_numbered(
    addr: SocketAddr,
    channel: &str,
    text: &str,
    numbers: std::ops::RangeInclusive<u32>,
) -> Vec<String> {
    let mut cursors = Vec::new();
    for text in numbered(text, numbers) {
        cursors.push(publish::text(addr, channel, &text).await.id);
    }
    cursors
}
