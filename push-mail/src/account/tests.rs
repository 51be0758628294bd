//! An account over a mailbox that fails, hangs and panics where it is told to: pings are woken and changes published all
//! the same, once they can be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use push_core::{BoxFuture, HubConfig};

use super::*;
use crate::Mail;
use crate::direct::devices::DeviceId;
use crate::direct::ping::{PingAnswer, PingFolder, PingRequest};
use crate::direct::waiting::Outcome;
use crate::direct::{SyncAnswer, SyncRequest, WaitingPing};
use crate::journal::{Journal, Known};
use crate::store::memory::MemoryStore;
use crate::store::{
    Applied, Class, Command, Flags, HintSender, Hints, Item, Page, StoreError, StoreErrorKind, Token, Uid, Wanted,
};

#[derive(Debug, Default)]
struct Faults {
    is_down: bool,
    /// Folders that cannot be read.
    broken: BTreeSet<FolderId>,
    /// The next look panics.
    panics: bool,
    /// Calls of `changes` that are answered still.
    answers: Option<usize>,
    fetch_hangs: bool,
    /// Given once, with the watch of the account.
    sender: Option<HintSender>,
}

#[derive(Clone, Debug)]
struct Faulty {
    inner: MemoryStore,
    faults: Arc<Mutex<Faults>>,
}

impl Faulty {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    fn check(&self, folder: Option<FolderId>) -> Result<(), StoreError> {
        let mut faults = self.faults();
        if std::mem::take(&mut faults.panics) {
            drop(faults);
            panic!("on purpose");
        }
        let is_spent = folder.is_some() && faults.answers == Some(0);
        if faults.is_down || is_spent || folder.is_some_and(|folder| faults.broken.contains(&folder)) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "on purpose"));
        }
        if folder.is_some() {
            faults.answers = faults.answers.map(|answers| answers - 1);
        }
        Ok(())
    }
}

impl MailStore for Faulty {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(async move {
            self.check(None)?;
            self.inner.hierarchy().await
        })
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            self.check(Some(folder))?;
            self.inner.changes(folder, since, limit).await
        })
    }

    fn recorded(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        self.inner.recorded(folder, since, limit)
    }

    fn known(&self, folder: FolderId, uids: &[Uid]) -> Result<Vec<Known>, StoreError> {
        self.inner.known(folder, uids)
    }

    fn fetch<'a>(
        &'a self,
        folder: FolderId,
        uids: &'a [Uid],
        wanted: Wanted,
    ) -> BoxFuture<'a, Result<Vec<Item>, StoreError>> {
        let hangs = self.faults().fetch_hangs;
        if hangs { Box::pin(std::future::pending()) } else { self.inner.fetch(folder, uids, wanted) }
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        self.inner.apply(command)
    }

    fn watch(&self, folders: &[FolderId]) -> Hints {
        let Some(sender) = self.faults().sender.take() else { return self.inner.watch(folders) };
        let (given, hints) = Hints::channel();
        given.send(Hint::Ready);
        drop(sender);
        self.faults().sender = Some(given);
        hints
    }

    fn is_local(&self) -> bool {
        true
    }
}

struct World {
    mail: Mail,
    account: Arc<Account>,
    store: Faulty,
    inbox: FolderId,
    other: FolderId,
}

impl World {
    async fn new(faults: Faults) -> Self {
        Self::with(faults, u32::MAX).await
    }

    async fn with(faults: Faults, fast_loop: u32) -> Self {
        Self::over(State::in_memory().expect("memory"), faults, fast_loop).await
    }

    async fn over(state: State, faults: Faults, fast_loop: u32) -> Self {
        let inner = MemoryStore::open(Journal::open(&state, "alice").await.expect("a journal")).await.expect("opened");
        let other = inner.apply(Command::CreateFolder { path: "Other".into() }).await.expect("made").folder;
        let inbox = inner.hierarchy().await.expect("a tree").folders[0].id;
        let store = Faulty { inner, faults: Arc::new(Mutex::new(faults)) };
        let mut config = MailConfig::default();
        (config.linger, config.fast_loop, config.ready_timeout) = (Duration::ZERO, fast_loop, Duration::from_secs(3));
        let hub = Hub::new(HubConfig::default());
        let mail = Mail::builder(hub, state, config).account("alice", ["alice"], Arc::new(store.clone()));
        let mail = mail.build().expect("an account");
        let account = Arc::clone(mail.accounts.by_name("alice").expect("it is there"));
        Self { mail, account, store, inbox, other: other.expect("a number") }
    }

    fn id() -> Arc<DeviceId> {
        Arc::new(DeviceId { account: "alice".into(), user: None, device: "d".into() })
    }

    async fn ping(&self, folders: &[FolderId]) -> Result<WaitingPing, PingAnswer> {
        let folder = |id: &FolderId| PingFolder { id: *id, class: Class::Email, sync_key: None };
        let folders = Some(folders.iter().map(folder).collect());
        let request = PingRequest { heartbeat_s: Some(3540), folders };
        self.mail.direct.ping(&self.account, &Self::id(), request).await.map(|(ping, _)| ping)
    }

    async fn parked_or_not(&self, folders: &[FolderId]) -> WaitingPing {
        self.ping(folders).await.expect("it waits")
    }

    async fn parked(&self, folders: &[FolderId]) -> WaitingPing {
        let mut ping = self.ping(folders).await.expect("it waits");
        let polled = ping.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "{polled:?}");
        ping
    }

    async fn deliver(&self, folder: FolderId) -> Uid {
        let append =
            Command::Append { folder, raw: Bytes::from_static(b"Subject: x\r\n\r\nx"), flags: Flags::default() };
        self.store.inner.apply(append).await.expect("appended").uid.expect("a number")
    }

    async fn sync(&self, folder: FolderId, sync_key: &str, window: usize) -> SyncAnswer {
        let request = SyncRequest { folder, sync_key: sync_key.to_owned(), window: Some(window) };
        let (answer, on_its_way) = self.mail.direct.sync(&self.account, &Self::id(), request, 0).await;
        on_its_way.into_iter().for_each(crate::direct::OnItsWay::arrived);
        answer
    }

    /// How much is published on a channel of the account.
    fn published(&self, path: &str) -> u64 {
        let channel = name::folder_channel("alice", path);
        let held = self.account.hub.channels("mail/", "", 100);
        held.iter().find(|info| info.channel == channel).map_or(0, |info| info.offset)
    }
}

async fn answer(mut ping: WaitingPing) -> PingAnswer {
    let answered = std::future::poll_fn(|cx| ping.poll(cx));
    match tokio::time::timeout(testkit::GUARD, answered).await.expect("it is answered") {
        Outcome::Answer(answer) => answer,
        refused => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn what_was_found_before_a_look_failed_half_way_wakes_all_the_same() {
    let world = World::new(Faults::default()).await;
    assert!(world.mail.publish("alice", None).await);
    let ping = world.parked(&[world.inbox]).await;
    world.store.faults().is_down = true;
    for _ in 0..refresh::PAGE + 10 {
        world.deliver(world.inbox).await;
    }
    {
        let mut faults = world.store.faults();
        (faults.is_down, faults.answers) = (false, Some(1));
    }
    testkit::api::eventually("it was looked at", || async { world.store.faults().answers == Some(0) }).await;
    world.store.faults().answers = None;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.inbox]));
}

#[tokio::test]
async fn pings_that_wait_while_the_mailbox_is_away_are_woken_when_it_is_back() {
    let world = World::new(Faults::default()).await;
    let ping = world.parked(&[world.inbox]).await;
    world.store.faults().is_down = true;
    world.deliver(world.inbox).await;
    testkit::api::eventually("it is noticed", || async { world.account.phase() == Phase::Starting }).await;
    let refused = world.ping(&[world.other]).await.expect_err("nobody knows what happens");
    assert_eq!(refused, PingAnswer::ServerError);
    world.store.faults().is_down = false;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.inbox]));
    assert_eq!(world.account.phase(), Phase::Live);
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_keeps_no_other_from_being_watched() {
    let broken = BTreeSet::from([FolderId(1)]);
    let world = World::new(Faults::default()).await;
    assert!(world.mail.publish("alice", None).await);
    world.store.faults().broken = broken;
    world.deliver(world.inbox).await;
    testkit::api::eventually("it is noticed", || async { world.account.is_failing(world.inbox) }).await;
    assert_eq!(world.ping(&[world.inbox]).await.expect_err("nobody knows"), PingAnswer::ServerError);
    let ping = world.parked(&[world.other]).await;
    world.deliver(world.other).await;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.other]));
    world.store.faults().broken.clear();
    testkit::api::eventually("it is back", || async { !world.account.is_failing(world.inbox) }).await;
    assert_eq!(answer(world.ping(&[world.inbox]).await.expect("known")).await, PingAnswer::Changes(vec![world.inbox]));
    testkit::api::eventually("it is published", || async { world.published("INBOX") == 1 }).await;
}

#[tokio::test]
async fn a_look_that_panics_is_made_again() {
    let world = World::new(Faults::default()).await;
    let ping = world.parked(&[world.inbox]).await;
    world.store.faults().panics = true;
    world.deliver(world.inbox).await;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.inbox]));
}

#[tokio::test]
async fn a_store_that_stops_hinting_is_watched_again() {
    let (unused, _) = Hints::channel();
    let world = World::new(Faults { sender: Some(unused), ..Faults::default() }).await;
    let ping = world.parked(&[world.inbox]).await;
    // Nobody hints at this one: its watch is at its end.
    world.deliver(world.inbox).await;
    drop(world.store.faults().sender.take());
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.inbox]));
    let ping = world.parked(&[world.other]).await;
    world.deliver(world.other).await;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.other]));
}

#[tokio::test]
async fn pings_do_not_wait_for_messages_that_are_slow_to_fetch() {
    let world = World::new(Faults::default()).await;
    assert!(world.mail.publish("alice", None).await);
    let uid = world.deliver(world.other).await;
    let mut key = match world.sync(world.other, "0", 512).await {
        SyncAnswer::Ok { sync_key, .. } => sync_key,
        other => panic!("{other:?}"),
    };
    world.store.faults().fetch_hangs = true;
    world.deliver(world.inbox).await;
    // More than could ever be queued.
    for n in 0..80 {
        let ping = world.parked(&[world.other]).await;
        let (add, remove) = if n % 2 == 0 { (Flags::SEEN, Flags::default()) } else { (Flags::default(), Flags::SEEN) };
        world.store.inner.apply(Command::Mark { folder: world.other, uid, add, remove }).await.expect("marked");
        assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.other]));
        key = match world.sync(world.other, &key, 512).await {
            SyncAnswer::Ok { sync_key, .. } => sync_key,
            other => panic!("{other:?}"),
        };
    }
    assert!(!world.mail.publish("alice", None).await, "that could not be published is told, and not waited for");
}

#[tokio::test]
async fn a_ping_whose_answer_is_put_off_ends_when_a_newer_one_comes() {
    let world = World::with(Faults::default(), 1).await;
    world.deliver(world.inbox).await;
    assert_eq!(answer(world.parked_or_not(&[world.inbox]).await).await, PingAnswer::Changes(vec![world.inbox]));
    // Its device never syncs: the next answer waits.
    let mut put_off = world.parked(&[world.inbox]).await;
    let newer = world.parked_or_not(&[world.other]).await;
    let polled = put_off.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, std::task::Poll::Ready(Outcome::Answer(PingAnswer::NoChanges)));
    drop(put_off);
    assert_eq!(world.mail.drain(), 1, "the newer one still waits");
    assert_eq!(answer(newer).await, PingAnswer::NoChanges);
}

#[tokio::test]
async fn a_full_disk_is_told_and_all_goes_on_when_there_is_room_again() {
    let disk = crate::state::tests::Disk::default();
    let at = disk.clone();
    let state = State::with_backend(move || at.clone()).expect("opened");
    let world = World::over(state, Faults::default(), u32::MAX).await;
    assert!(world.mail.publish("alice", None).await);
    world.deliver(world.other).await;
    let ping = world.parked(&[world.inbox]).await;
    disk.set_full(true);
    assert_eq!(world.sync(world.other, "0", 10).await, SyncAnswer::ServerError, "a key must be on the disk");
    testkit::api::eventually("it is noticed", || async { world.store.inner.hierarchy().await.is_err() }).await;
    assert_eq!(world.sync(world.other, "0", 10).await, SyncAnswer::ServerError);
    assert_eq!(world.ping(&[world.other]).await.expect_err("it cannot be remembered"), PingAnswer::ServerError);
    disk.set_full(false);
    testkit::api::eventually("it is back", || async { world.store.inner.hierarchy().await.is_ok() }).await;
    assert!(matches!(world.sync(world.other, "0", 10).await, SyncAnswer::Ok { .. }));
    world.deliver(world.inbox).await;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.inbox]), "the ping that waited is woken still");
    assert!(world.mail.publish("alice", None).await);
    assert_eq!(world.published("INBOX"), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_at_first_keeps_no_other_from_being_told_and_is_no_news_later() {
    let world = World::new(Faults { broken: BTreeSet::from([FolderId(1)]), ..Faults::default() }).await;
    world.deliver(world.inbox).await;
    let ping = world.parked(&[world.other]).await;
    world.deliver(world.other).await;
    assert_eq!(answer(ping).await, PingAnswer::Changes(vec![world.other]));
    world.store.faults().broken.clear();
    testkit::api::eventually("it is back", || async { !world.account.is_failing(world.inbox) }).await;
    world.deliver(world.inbox).await;
    assert!(world.mail.publish("alice", None).await);
    assert_eq!((world.published("INBOX"), world.published("Other")), (1, 1));
}
