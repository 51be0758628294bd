//! Messages that are sent, refused, repeated and cut by crashes: what arrives, what is answered, what is left in the
//! mailbox.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use proptest::prelude::*;
use push_core::{BoxFuture, Hub, HubConfig};

use super::request::{Request, Source, Verb};
use super::*;
use crate::eas::ItemId;
use crate::journal::Journal;
use crate::store::memory::MemoryStore;
use crate::store::{MailStore, Uid};
use crate::submit::{Opened, Outgoing};
use crate::trial::Disk;
use crate::{Mail, MailConfig};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    /// It is refused before it is handed over.
    Closed(SubmitErrorKind),
    /// It is refused when it was.
    Refused(SubmitErrorKind),
    /// It is taken, and nobody says so.
    TakenSilently,
    /// It is lost, and nobody says so.
    LostSilently,
    /// The machine crashes before it is handed over, while that is done, when it was taken, when that was answered.
    Crash(Moment),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Opening,
    Handing,
    Taken,
    Answered,
}

/// The world outside, which no crash changes.
#[derive(Clone, Debug, Default)]
pub(in crate::eas) struct World(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    fates: Vec<Fate>,
    arrived: Vec<Outgoing>,
    disk: Disk,
    /// The disk at the moment of the crash.
    crashed: Option<Disk>,
    keeps_all: bool,
}

impl World {
    fn with<T>(&self, look: impl FnOnce(&mut Inside) -> T) -> T {
        look(&mut self.0.lock().expect("whole"))
    }

    fn crash_if(&self, is_it: bool) -> bool {
        if is_it {
            self.with(|inside| inside.crashed = Some(inside.disk.crashed(inside.keeps_all)));
        }
        is_it
    }

    pub(in crate::eas) fn arrived(&self) -> Vec<String> {
        self.with(|inside| inside.arrived.iter().map(|one| String::from_utf8_lossy(&one.raw).into_owned()).collect())
    }
}

fn error(kind: SubmitErrorKind) -> SubmitError {
    SubmitError::new(kind, "as the test has it")
}

impl Submitter for World {
    fn open(&self, message: Outgoing) -> BoxFuture<'_, Result<Box<dyn Opened>, SubmitError>> {
        let fate = self.with(|inside| if inside.fates.is_empty() { Fate::Taken } else { inside.fates.remove(0) });
        Box::pin(async move {
            if self.crash_if(fate == Fate::Crash(Moment::Opening)) {
                std::future::pending::<()>().await;
            }
            match fate {
                Fate::Closed(kind) => Err(error(kind)),
                fate => Ok(Box::new(Way { world: self.clone(), message, fate }) as Box<dyn Opened>),
            }
        })
    }
}

#[derive(Debug)]
struct Way {
    world: World,
    message: Outgoing,
    fate: Fate,
}

impl Opened for Way {
    fn hand_over(self: Box<Self>) -> BoxFuture<'static, Result<(), SubmitError>> {
        Box::pin(async move {
            let Way { world, message, fate } = *self;
            if world.crash_if(fate == Fate::Crash(Moment::Handing)) {
                std::future::pending::<()>().await;
            }
            match fate {
                Fate::Refused(kind) => return Err(error(kind)),
                Fate::LostSilently => return Err(error(SubmitErrorKind::InDoubt)),
                _ => world.with(|inside| inside.arrived.push(message)),
            }
            if world.crash_if(fate == Fate::Crash(Moment::Taken)) {
                std::future::pending::<()>().await;
            }
            if fate == Fate::TakenSilently { Err(error(SubmitErrorKind::InDoubt)) } else { Ok(()) }
        })
    }
}

/// A running server.
pub(in crate::eas) struct Server {
    world: World,
    pub(in crate::eas) mail: Mail,
    pub(in crate::eas) account: Arc<Account>,
    pub(in crate::eas) store: MemoryStore,
}

impl Server {
    pub(in crate::eas) async fn start(world: &World) -> Self {
        Self::with(world, MailConfig::default()).await
    }

    async fn with(world: &World, config: MailConfig) -> Self {
        let disk = world.with(|inside| inside.disk.clone());
        let state = crate::state::State::with_backend(move || disk.clone()).expect("opened");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let store = MemoryStore::open(journal).await.expect("a mailbox");
        let mail = Mail::builder(Hub::new(HubConfig::default()), state, config)
            .account("alice", ["alice"], Arc::new(store.clone()))
            .submission("alice", ["alice@example.org"], Some(Arc::new(world.clone())))
            .build()
            .expect("an account");
        let account = Arc::clone(mail.accounts.by_name("alice").expect("it is there"));
        Self { world: world.clone(), mail, account, store }
    }

    async fn send(&self, device: &str, request: Request) -> Result<(), Status> {
        let id = Arc::new(DeviceId { account: "alice".into(), user: None, device: device.into() });
        send(&self.mail, Arc::clone(&self.account), id, request).await
    }

    /// The folders with what is in them, as text and marks.
    pub(in crate::eas) async fn held(&self, path: &str) -> Vec<(String, Flags)> {
        let tree = self.store.hierarchy().await.expect("folders");
        let Some(folder) = tree.folders.iter().find(|folder| folder.path == path) else { return Vec::new() };
        let page = self.store.changes(folder.id, crate::store::Token::START, 100).await.expect("a page");
        let uids: Vec<Uid> = page.changes.iter().map(|change| change.uid).collect();
        let items = self.store.fetch(folder.id, &uids, Wanted::Whole).await.expect("items");
        let text = |raw: Option<Bytes>| String::from_utf8_lossy(&raw.expect("whole")).into_owned();
        items.into_iter().map(|item| (text(item.raw), item.flags)).collect()
    }

    async fn add(&self, raw: &'static str) -> ItemId {
        let folder = self.store.hierarchy().await.expect("folders").folders[0].id;
        let append = Command::Append { folder, raw: Bytes::from_static(raw.as_bytes()), flags: Flags::default() };
        let uid = self.store.apply(append).await.expect("added").uid.expect("a number");
        ItemId { folder, uid }
    }
}

fn request(client_id: &str, text: &str) -> Request {
    Request {
        client_id: Some(client_id.to_owned()),
        mime: format!("To: bob@example.org\nBcc: eve@example.org\nSubject: s\n\n{text}\n").into(),
        save_in_sent: true,
        source: None,
        forwardees: Vec::new(),
    }
}

#[tokio::test]
async fn a_message_is_sent_and_kept_and_its_repetition_hears_that_it_was() {
    let world = World::default();
    let server = Server::start(&world).await;
    assert_eq!(server.send("phone", request("1", "hi")).await, Ok(()));
    for _ in 0..2 {
        assert_eq!(server.send("phone", request("1", "hi")).await, Err(Status::ALREADY_SENT));
    }
    let arrived = world.arrived();
    assert_eq!(arrived.len(), 1);
    assert!(arrived[0].starts_with("From: <alice@example.org>\r\nDate: "), "{}", arrived[0]);
    assert!(arrived[0].ends_with("\r\nTo: bob@example.org\r\nSubject: s\r\n\r\nhi\r\n") && !arrived[0].contains("eve"));
    let kept = server.held(SENT).await;
    assert_eq!(kept.len(), 1);
    assert!(kept[0].0.contains("\r\nBcc: eve@example.org\r\n") && kept[0].1 == Flags::SEEN, "{kept:?}");
    let envelope = world.with(|inside| inside.arrived[0].recipients.clone());
    assert_eq!(envelope, ["bob@example.org", "eve@example.org"]);
    assert_eq!(server.send("phone", request("2", "hi")).await, Ok(()));
    assert_eq!(server.send("tablet", request("1", "hi")).await, Ok(()));
    assert_eq!(world.arrived().len(), 3, "another message, and another device's");
}

#[tokio::test]
async fn an_id_that_was_another_messages_is_told_to_be_so() {
    let world = World::default();
    let server = Server::start(&world).await;
    assert_eq!(server.send("phone", request("1", "hi")).await, Ok(()));
    // [MS-ASCMD] 2.2.3.28.1.
    assert_eq!(server.send("phone", request("1", "ho")).await, Err(Status::ALREADY_SENT));
    assert_eq!(world.arrived().len(), 1);
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again_and_says_why() {
    use SubmitErrorKind::{Recipients, Refused, Rejected, Temporary, TooLarge};
    let world = World::default();
    let server = Server::start(&world).await;
    for (kind, status) in [
        (Recipients, Status::RECIPIENT_UNRESOLVED),
        (Rejected, Status::SUBMISSION_FAILED),
        (Refused, Status::SUBMISSION_FAILED),
        (TooLarge, Status::ATTACHMENT_TOO_LARGE),
        (Temporary, Status::RETRY_LATER),
    ] {
        for fate in [Fate::Closed(kind), Fate::Refused(kind)] {
            world.with(|inside| inside.fates.push(fate));
            assert_eq!(server.send("phone", request("1", "hi")).await, Err(status), "{fate:?}");
        }
    }
    assert!(world.arrived().is_empty() && server.held(SENT).await.is_empty());
    assert_eq!(server.send("phone", request("1", "hi")).await, Ok(()));
    assert_eq!(world.arrived().len(), 1);
}

#[tokio::test]
async fn what_is_in_doubt_is_never_sent_again_and_its_writer_has_a_copy() {
    for fate in [Fate::TakenSilently, Fate::LostSilently] {
        let world = World::default();
        let server = Server::start(&world).await;
        world.with(|inside| inside.fates.push(fate));
        assert_eq!(server.send("phone", request("1", "hi")).await, Err(Status::SUBMISSION_FAILED));
        for _ in 0..2 {
            assert_eq!(server.send("phone", request("1", "hi")).await, Err(Status::ALREADY_SENT));
        }
        assert_eq!(world.arrived().len(), usize::from(fate == Fate::TakenSilently));
        assert_eq!(server.held(SENT).await.len(), 1);
    }
}

#[tokio::test]
async fn who_has_no_way_to_send_hears_so() {
    let state = crate::state::State::in_memory().expect("memory");
    let store = MemoryStore::open(Journal::open(&state, "alice").await.expect("a journal")).await.expect("a mailbox");
    let mail = Mail::builder(Hub::new(HubConfig::default()), state, MailConfig::default());
    let mail = mail.account("alice", ["alice"], Arc::new(store)).build().expect("an account");
    let account = Arc::clone(mail.accounts.by_name("alice").expect("it is there"));
    let id = Arc::new(DeviceId { account: "alice".into(), user: None, device: "phone".into() });
    assert_eq!(send(&mail, account, id, request("1", "hi")).await, Err(Status::SUBMISSION_FAILED));
}

#[tokio::test]
async fn an_original_is_marked_and_goes_along_unless_it_is_in_there_already() {
    let world = World::default();
    let server = Server::start(&world).await;
    let item = server.add("From: Bob <bob@example.org>\nMessage-ID: <x@y>\nSubject: plans\n\nthe plans\n").await;
    for (n, (verb, is_in_it, flag)) in [
        (Verb::Reply, false, Flags::ANSWERED),
        (Verb::Forward, false, Flags::FORWARDED),
        (Verb::Reply, true, Flags::ANSWERED),
    ]
    .into_iter()
    .enumerate()
    {
        let source = Some(Source { verb, item, is_in_it });
        assert_eq!(server.send("phone", Request { source, ..request(&n.to_string(), "mine") }).await, Ok(()));
        let arrived = world.arrived().pop().expect("it arrived");
        assert_eq!(arrived.contains("the plans"), !is_in_it, "{arrived}");
        assert_eq!(arrived.contains("In-Reply-To: <x@y>"), verb == Verb::Reply && !is_in_it);
        assert!(server.held("INBOX").await[0].1.contains(flag));
    }
    let gone = Source { verb: Verb::Reply, item: ItemId { uid: Uid(99), ..item }, is_in_it: false };
    let request = Request { source: Some(gone), ..request("gone", "mine") };
    assert_eq!(server.send("phone", request).await, Err(Status::ITEM_NOT_FOUND));
}

#[tokio::test]
async fn a_message_larger_than_may_be_sent_is_refused_with_its_original() {
    let world = World::default();
    let mut config = MailConfig::default();
    config.eas.max_body = 100;
    let server = Server::with(&world, config).await;
    let item = server.add("From: bob@example.org\n\nlong long long long\n").await;
    let source = Some(Source { verb: Verb::Forward, item, is_in_it: false });
    let refused = server.send("phone", Request { source, ..request("1", "hi") }).await;
    assert_eq!(refused, Err(Status::ATTACHMENT_TOO_LARGE));
    assert_eq!(server.send("phone", request("1", "hi")).await, Ok(()));
}

#[tokio::test]
async fn sending_goes_on_when_the_device_is_gone_and_its_repetition_waits_for_it() {
    let world = World::default();
    let server = Server::start(&world).await;
    let mut first = Box::pin(server.send("phone", request("1", "hi")));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    drop(first);
    assert_eq!(server.send("phone", request("1", "hi")).await, Err(Status::ALREADY_SENT));
    assert_eq!(world.arrived().len(), 1);
}

/// A device sends one of a few messages, perhaps again.
fn step() -> impl Strategy<Value = (u8, Fate, bool)> {
    use SubmitErrorKind::{Rejected, Temporary};
    let fate = prop_oneof![
        3 => Just(Fate::Taken),
        1 => prop_oneof![Just(Fate::Closed(Temporary)), Just(Fate::Refused(Rejected))],
        1 => prop_oneof![Just(Fate::TakenSilently), Just(Fate::LostSilently)],
        3 => prop_oneof![
            Just(Fate::Crash(Moment::Opening)),
            Just(Fate::Crash(Moment::Handing)),
            Just(Fate::Crash(Moment::Taken)),
            Just(Fate::Crash(Moment::Answered)),
        ],
    ];
    (0..4_u8, fate, any::<bool>())
}

/// Sends a message; `None` where the machine crashed before there was an answer.
async fn sent(server: &mut Server, message: u8, fate: Fate, keeps_all: bool) -> Option<Result<(), Status>> {
    let world = server.world.clone();
    world.with(|inside| (inside.fates, inside.crashed, inside.keeps_all) = (vec![fate], None, keeps_all));
    let crashed = async {
        while world.with(|inside| inside.crashed.is_none()) {
            tokio::task::yield_now().await;
        }
    };
    let request = request(&message.to_string(), &message.to_string());
    let mut answer = tokio::select! {
        answer = server.send("phone", request) => Some(answer),
        () = crashed => None,
    };
    if fate == Fate::Crash(Moment::Answered) {
        world.crash_if(true);
    }
    if let Some(disk) = world.with(|inside| inside.crashed.take()) {
        world.with(|inside| inside.disk = disk);
        *server = Server::start(&world).await;
        if fate != Fate::Crash(Moment::Answered) {
            answer = None;
        }
    }
    answer
}

fn arrived(world: &World, message: u8) -> usize {
    let end = format!("\r\n\r\n{message}\r\n");
    world.arrived().iter().filter(|raw| raw.ends_with(&end)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_message_arrives_twice_and_none_that_was_answered_is_missing(steps in prop::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::default();
            let mut server = Server::start(&world).await;
            let mut answered = [false; 4];
            let mut is_in_doubt = [false; 4];
            for (message, fate, keeps_all) in steps {
                let answer = sent(&mut server, message, fate, keeps_all).await;
                let place = usize::from(message);
                let count = arrived(&world, message);
                prop_assert!(count <= 1, "message {message} arrived {count} times");
                let is_met = world.with(|inside| inside.fates.is_empty());
                is_in_doubt[place] |= is_met && matches!(
                    fate,
                    Fate::TakenSilently | Fate::LostSilently | Fate::Crash(Moment::Handing | Moment::Taken)
                );
                match answer {
                    Some(Ok(())) => answered[place] = true,
                    Some(Err(Status::ALREADY_SENT)) => {
                        prop_assert!(is_in_doubt[place] || count == 1, "{message} was not sent");
                    }
                    _ => {}
                }
                prop_assert!(!answered[place] || count == 1, "{message} is missing");
            }
            // What was never in doubt can be sent in the end.
            for message in 0..4 {
                let place = usize::from(message);
                if !is_in_doubt[place] {
                    let answer = sent(&mut server, message, Fate::Taken, true).await;
                    prop_assert!(matches!(answer, Some(Ok(()) | Err(Status::ALREADY_SENT))), "{answer:?}");
                    let count = arrived(&world, message);
                    prop_assert_eq!(count, 1, "message {} arrived {} times", message, count);
                }
            }
            Ok(())
        })?;
    }
}
