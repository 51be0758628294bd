//! Hundreds of reconnects at random moments under publishing, without one loss or repeat.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use testkit::{Connection, Gap, Item, Options, Publish, Random, Subscriber, Transport};

use crate::target::{Path, Setup, start, start_with};

const CHANNELS: [&str; 3] = ["soak/a", "soak/b", "soak/c"];

/// How far the publisher runs ahead of the subscriber at most: less than history keeps.
const AHEAD: u64 = 400;

fn reconnects() -> u64 {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 2000 } else { 200 }
}

/// Publishes 1, 2, 3, ... over the channels until told to stop; returns the last number.
async fn publish_on(addr: SocketAddr, heard: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> u64 {
    let mut connection = Connection::open(addr).await.expect("listening");
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        if number >= heard.load(Ordering::Relaxed) + AHEAD {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        number += 1;
        let channel = CHANNELS[usize::try_from(number * 5 % 3).expect("below 3")];
        let request = Publish::new(channel, number.to_string()).media_type("text/plain").request();
        let answer = connection.request(&request).await.expect("published");
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    number
}

async fn reconnect_over(path: Path, transports: &[Transport]) {
    let mut random = Random::from_env();
    let target = start(path).await;
    let (heard, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let options = if random.below(2) == 0 { Options::channels(CHANNELS) } else { Options::channel("soak/*") };
    let mut subscriber = Subscriber::open(transports[0], target.addr, &options).await;
    let publisher = tokio::spawn(publish_on(target.addr, Arc::clone(&heard), Arc::clone(&stop)));
    let mut next = 1;
    for round in 0..reconnects() {
        for _ in 0..random.below(12) {
            let patience = Duration::from_micros(random.below(3000));
            match subscriber.next_within(patience).await {
                Some(item) => expect(item, &mut next, round),
                None => break,
            }
        }
        heard.store(next, Ordering::Relaxed);
        let since = options.clone().since(subscriber.cut());
        subscriber = Subscriber::open(*random.pick(transports), target.addr, &since).await;
        let outcome = subscriber.opened().outcome.clone();
        assert!(outcome.is_none_or(|outcome| outcome == "complete"), "round {round}: {:?}", subscriber.opened());
    }
    stop.store(true, Ordering::Relaxed);
    let last = publisher.await.expect("the publisher ended");
    while next <= last {
        expect(subscriber.next().await, &mut next, reconnects());
    }
    println!("{last} publications over {} reconnects", reconnects());
}

fn expect(item: Item, next: &mut u64, round: u64) {
    let Item::Publication(publication) = item else { panic!("round {round}: {item:?} instead of {next}") };
    assert_eq!(publication.text(), next.to_string(), "round {round}: lost or repeated");
    *next += 1;
}

pub(crate) async fn hundreds_of_reconnects_lose_and_repeat_nothing(path: Path, transport: Transport) {
    reconnect_over(path, &[transport]).await;
}

pub(crate) async fn reconnects_over_changing_transports_lose_and_repeat_nothing(path: Path) {
    reconnect_over(path, &Transport::RESUMABLE).await;
}

/// What was heard or told as missed so far, of one channel whose texts are its offsets.
#[derive(Default)]
struct Account {
    heard: u64,
    missed: u64,
    /// What was told as missed since the last publication, with the cursor there was before: while there is no
    /// other, it is told again to who resumes.
    told: Vec<(Option<String>, Gap)>,
}

impl Account {
    fn next(&self) -> u64 {
        self.heard + self.missed + 1
    }

    fn take(&mut self, before: Option<String>, item: Item) {
        match item {
            Item::Publication(publication) => {
                self.settle(None);
                assert_eq!(publication.text(), self.next().to_string(), "lost without a word, or repeated");
                self.heard += 1;
            }
            Item::Gap(gap) => self.told.push((before, gap)),
            other => panic!("{other:?}"),
        }
    }

    /// Takes what was told as missed, but for what `cursor` does not know of.
    fn settle(&mut self, cursor: Option<&str>) {
        for (before, gap) in std::mem::take(&mut self.told) {
            if cursor.is_some() && before.as_deref() == cursor {
                return;
            }
            let (from, to) = (self.next(), gap.to.expect("the oldest that is left is known"));
            assert!(gap.from.is_none_or(|told| told == from), "{from} is the next to hear: {gap:?}");
            assert!(gap.missed.is_none_or(|told| told == to + 1 - from), "{gap:?}");
            assert_eq!(gap.outcome, "partial");
            self.missed += to + 1 - from;
        }
    }
}

pub(crate) async fn reconnects_over_a_short_history_tell_every_loss(path: Path, transport: Transport) {
    let mut random = Random::from_env();
    let target = start_with(path, Setup::default().retaining("short", 25)).await;
    let addr = target.addr;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let options = Options::channel("short");
    let mut subscriber = Subscriber::open(transport, addr, &options).await;
    let publisher = tokio::spawn(async move {
        let mut connection = Connection::open(addr).await.expect("listening");
        let mut number = 0;
        while !stopped.load(Ordering::Relaxed) {
            number += 1;
            let request = Publish::new("short", number.to_string()).media_type("text/plain").request();
            assert_eq!(connection.request(&request).await.expect("published").status(), 200);
        }
        number
    });
    let mut account = Account::default();
    for _ in 0..reconnects() / 2 {
        for _ in 0..random.below(8) {
            let before = subscriber.cursor();
            match subscriber.next_within(Duration::from_millis(3)).await {
                Some(item) => account.take(before, item),
                None => break,
            }
        }
        let cursor = subscriber.cut();
        account.settle(Some(&cursor));
        let since = options.clone().since(cursor.as_str());
        tokio::time::sleep(Duration::from_micros(random.below(20_000))).await;
        subscriber = Subscriber::open(transport, addr, &since).await;
        account.told = subscriber.opened().gaps.iter().map(|gap| (Some(cursor.clone()), gap.clone())).collect();
    }
    stop.store(true, Ordering::Relaxed);
    let last = publisher.await.expect("the publisher ended");
    while account.next() <= last {
        let before = subscriber.cursor();
        account.take(before, subscriber.next().await);
    }
    assert_eq!(account.heard + account.missed, last);
    assert!(account.missed > 0, "the history was not short enough for {last} publications");
}
