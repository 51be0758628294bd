//! Phones that sync, change, ping, lose answers and meet crashes in any order, against what really lies in the mailbox:
//! nothing is missed, nothing is told twice or in vain, and no change of theirs is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use push_core::{Hub, HubConfig, Identity, ManualClock};
use push_transports::{Config, Push};

use super::{Answer, Call, Command, ItemId, Params, Version, dispatch, email};
use crate::direct::WaitingPing;
use crate::direct::devices::DeviceId;
use crate::direct::live::Watched;
use crate::direct::ping::PingAnswer;
use crate::direct::waiting::Outcome;
use crate::http::Site;
use crate::journal::Journal;
use crate::state::State;
use crate::store::{Flags, FolderId, Hint, Uid};
use crate::trial::{Disk, FOLDERS, Mailbox, NOW_MS, Scanned, Truth};
use crate::wbxml::tags::{air_sync as tag, email as email_tag, folder_hierarchy};
use crate::wbxml::{Element, Tag};
use crate::{Mail, MailConfig};

const DAY: Duration = Duration::from_secs(86_400);

/// What a phone does to an item: it has done it to its own copy already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read(u64, bool),
    Delete(u64),
}

/// What one phone has of one folder.
#[derive(Debug, Default)]
struct Copy {
    key: Option<String>,
    items: BTreeMap<u64, (u8, Flags)>,
    /// What the server has not said to have done.
    acts: Vec<Act>,
    /// It waits for an answer that does not come: it asks again before it does anything else.
    has_lost: bool,
}

impl Copy {
    fn begin_again(&mut self) {
        *self = Self::default();
    }

    fn as_truth(&self) -> BTreeMap<u8, Flags> {
        self.items.values().copied().collect()
    }
}

#[derive(Default)]
struct Phone {
    copies: [Copy; FOLDERS],
    ping: Option<WaitingPing>,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// It is written out, and lost on its way.
    Lost,
    /// It cannot be written out.
    Dropped,
}

struct Server {
    site: Site,
}

/// The filter of each phone: one has everything, the other what came within a day.
const FILTERS: [u8; 2] = [0, 1];

fn text(element: &Element, tag: Tag) -> String {
    element.child_text(tag).unwrap_or_else(|| panic!("no {tag:?} in {element:?}"))
}

/// How an item is marked by its `ApplicationData`, as far as that tells.
fn flags_of(data: &Element, mut flags: Flags) -> Flags {
    if let Some(read) = data.child_text(email_tag::READ) {
        flags = if read == "1" { flags.with(Flags::SEEN) } else { flags.without(Flags::SEEN) };
    }
    if let Some(flag) = data.child(email_tag::FLAG) {
        flags = if flag.is_empty() { flags.without(Flags::FLAGGED) } else { flags.with(Flags::FLAGGED) };
    }
    flags
}

impl Server {
    async fn start(disk: &Disk, mailbox: &Mailbox, clock: &Arc<ManualClock>) -> Self {
        let at = disk.clone();
        let state = State::with_backend(move || at.clone()).expect("opened");
        let store = Scanned::open(mailbox, Journal::open(&state, "alice").await.expect("a journal")).await;
        let mut config = MailConfig { linger: Duration::ZERO, fast_loop: u32::MAX, ..MailConfig::default() };
        // One or two messages.
        config.eas.max_sync_answer = 500;
        let clock: Arc<dyn push_core::Clock> = Arc::<ManualClock>::clone(clock);
        let hub = Hub::builder(HubConfig::default()).clock(clock).build().expect("a hub");
        let mail = Mail::builder(hub.clone(), state, config).account("alice", ["alice"], Arc::new(store));
        let mail = mail.build().expect("an account");
        Self { site: Site { mail, push: Push::new(hub, Config::default()).expect("no origins") } }
    }

    fn account(&self) -> &Arc<crate::account::Account> {
        self.site.mail.accounts.by_name("alice").expect("it is there")
    }

    async fn settle(&self) {
        for _ in 0..2 {
            assert!(self.account().look_and_publish(Hint::Folder(FolderId(99))).await);
        }
    }

    fn id(device: usize) -> Arc<DeviceId> {
        Arc::new(DeviceId::of_eas(&"alice".into(), None, &device.to_string()))
    }

    async fn ask(&self, device: usize, command: Command, document: Element) -> Answer {
        let call = Call {
            version: Version::V16_1,
            command,
            identity: Identity::default(),
            account: Arc::clone(self.account()),
            id: Self::id(device),
            device_type: "Test".into(),
            policy_key: None,
            accepts_multipart: false,
            params: Params::default(),
            document: Some(document),
            request: ::http::Request::new(Bytes::new()),
        };
        dispatch::dispatch(&self.site, call).await.expect("answered")
    }

    /// Every phone asks for the folders before anything else.
    async fn get_folders(&self, device: usize) {
        let ask = Element::new(folder_hierarchy::FOLDER_SYNC).with_text(folder_hierarchy::SYNC_KEY, "0");
        let Answer::Arriving(answer, on_their_way) = self.ask(device, Command::FolderSync, ask).await else {
            panic!("no folders");
        };
        assert_eq!(text(&answer, folder_hierarchy::STATUS), "1");
        on_their_way.into_iter().for_each(|on_its_way| on_its_way.arrived());
    }

    /// Syncs once. Whether it was told anything; `None` if the answer did not arrive, or the phone has to begin again.
    async fn sync_once(
        &self,
        device: usize,
        copy: &mut Copy,
        folder: usize,
        (window, fate): (usize, Fate),
    ) -> Option<bool> {
        let id = FolderId(folder as u32 + 1);
        let key = copy.key.clone().unwrap_or_else(|| "0".to_owned());
        let mut asked = Element::new(tag::COLLECTION).with_text(tag::SYNC_KEY, &key).with_text(tag::COLLECTION_ID, id);
        asked.push(Element::new(tag::OPTIONS).with_text(tag::FILTER_TYPE, FILTERS[device]));
        if key != "0" {
            asked.push(Element::text(tag::DELETES_AS_MOVES, 0));
            asked.push(Element::text(tag::WINDOW_SIZE, window));
            let acts: Vec<Element> = copy.acts.iter().map(|act| act_element(id, *act)).collect();
            if !acts.is_empty() {
                asked.push(Element::new(tag::COMMANDS).with_all(acts));
            }
        }
        let document = Element::new(tag::SYNC).with(Element::new(tag::COLLECTIONS).with(asked));
        let answer = self.ask(device, Command::Sync, document).await;
        let answer = match (answer, fate) {
            (Answer::Empty, Fate::Arrives) => {
                assert!(copy.acts.is_empty(), "what it did is answered");
                copy.has_lost = false;
                return Some(false);
            }
            (Answer::Arriving(answer, on_their_way), Fate::Arrives) => {
                on_their_way.into_iter().for_each(|on_its_way| on_its_way.arrived());
                answer
            }
            (Answer::Arriving(_, on_their_way), Fate::Lost) => {
                on_their_way.into_iter().for_each(|on_its_way| on_its_way.arrived());
                copy.has_lost = true;
                return None;
            }
            (_, Fate::Lost | Fate::Dropped) => {
                copy.has_lost |= !copy.acts.is_empty();
                return None;
            }
            (answer, Fate::Arrives) => panic!("{answer:?}"),
        };
        copy.has_lost = false;
        let collections = answer.child(tag::COLLECTIONS).expect("folders");
        self.apply(copy, collections.child(tag::COLLECTION).expect("the folder"), &key)
    }

    /// Takes what it is told.
    fn apply(&self, copy: &mut Copy, told: &Element, key: &str) -> Option<bool> {
        if text(told, tag::STATUS) == "3" {
            assert_ne!(key, "0", "the first key is always known");
            copy.begin_again();
            return None;
        }
        assert_eq!(text(told, tag::STATUS), "1", "{told:?}");
        copy.key = Some(text(told, tag::SYNC_KEY));
        copy.acts.clear();
        let commands = told.child(tag::COMMANDS);
        for command in commands.into_iter().flat_map(Element::elements) {
            let uid = text(command, tag::SERVER_ID).parse::<ItemId>().expect("a name").uid.0;
            match command.tag {
                tag::ADD => {
                    let data = command.child(tag::APPLICATION_DATA).expect("data");
                    let name = text(data, email_tag::SUBJECT).parse().expect("a name");
                    let before = copy.items.insert(uid, (name, flags_of(data, Flags::default())));
                    assert_eq!(before, None, "told twice");
                }
                tag::CHANGE => {
                    let data = command.child(tag::APPLICATION_DATA).expect("data");
                    let item = copy.items.get_mut(&uid).expect("what changes was told before");
                    let now = flags_of(data, item.1);
                    assert_ne!(item.1, now, "a change that changes nothing");
                    item.1 = now;
                }
                _ => assert!(copy.items.remove(&uid).is_some(), "what goes was told before: {command:?}"),
            }
        }
        Some(commands.is_some())
    }

    /// Syncs until it has nothing more to ask for.
    async fn sync_all(&self, device: usize, copy: &mut Copy, folder: usize) {
        // Twice: the answer to the first key tells nothing.
        let mut quiet = 0;
        while quiet < 2 {
            let told = self.sync_once(device, copy, folder, (2, Fate::Arrives)).await;
            quiet = if told == Some(false) { quiet + 1 } else { 0 };
        }
    }

    fn ping(&self, device: usize, phone: &mut Phone) {
        let arrival = self.site.mail.direct.arrival(self.account());
        let watched = (1..=FOLDERS as u32).map(|folder| Watched::by_eas(FolderId(folder))).collect();
        let ping = self.site.mail.direct.take_place(arrival, &Self::id(device), watched);
        ping.live().compare(&[], &mut Default::default());
        phone.ping = Some(ping);
    }

    /// A ping that waits has nothing to tell; one that is answered tells what a sync tells too.
    async fn check(&self, device: usize, phone: &mut Phone, truth: &Truth, today: u32) {
        let Some(ping) = &mut phone.ping else { return };
        let Poll::Ready(outcome) = ping.poll(&mut Context::from_waker(Waker::noop())) else {
            for (copy, there) in phone.copies.iter().zip(truth) {
                if copy.key.is_some() && copy.acts.is_empty() {
                    assert_has(copy, there, (device, today), "a ping waits though something has changed");
                }
            }
            return;
        };
        phone.ping = None;
        let Outcome::Answer(PingAnswer::Changes(folders)) = outcome else { panic!("{outcome:?}") };
        for folder in folders {
            let folder = folder.0 as usize - 1;
            let copy = &mut phone.copies[folder];
            let (was_first, had_acts) = (copy.key.is_none(), !copy.acts.is_empty());
            let told = self.sync_once(device, copy, folder, (2, Fate::Arrives)).await;
            assert!(told != Some(false) || was_first || had_acts, "a ping told of changes, and a sync told of none");
        }
    }
}

fn act_element(folder: FolderId, act: Act) -> Element {
    let named = |kind, uid| Element::new(kind).with_text(tag::SERVER_ID, ItemId { folder, uid: Uid(uid) });
    match act {
        Act::Read(uid, read) => {
            let data = Element::new(tag::APPLICATION_DATA).with_text(email_tag::READ, u8::from(read));
            named(tag::CHANGE, uid).with(data)
        }
        Act::Delete(uid) => named(tag::DELETE, uid),
    }
}

/// That a copy is what is there: of what is too old for the phone's filter it may have more.
fn assert_has(copy: &Copy, there: &BTreeMap<u8, Flags>, (device, today): (usize, u32), why: &str) {
    let shown = |flags: &Flags| Flags(flags.0 & email::SHOWN.0);
    let is_young = |name: u8| FILTERS[device] == 0 || day_of(name) + 1 >= today;
    let mut has = copy.as_truth();
    for (name, flags) in there.iter().filter(|(name, _)| is_young(**name)) {
        assert_eq!(has.remove(name).as_ref().map(shown), Some(shown(flags)), "{why}: {name} of {there:?} in {copy:?}");
    }
    for (name, flags) in has {
        assert!(!is_young(name), "{why}: {name} is not there");
        assert_eq!(there.get(&name).map(shown), Some(shown(&flags)), "{why}: {name}, which is old");
    }
}

/// The day that a message of that name came.
fn day_of(name: u8) -> u32 {
    super::sync::look::day_of(NOW_MS) - u32::from(name)
}

#[derive(Clone, Debug)]
enum Step {
    Deliver(usize, u8),
    Mark(usize, u8, u8),
    Remove(usize, u8),
    Reset(usize),
    Act { device: usize, folder: usize, place: usize, is_delete: bool },
    Sync { device: usize, folder: usize, window: usize, fate: Fate },
    Ping(usize),
    Leave(usize),
    Midnight,
    Crash { keeps_all: bool },
}

const DEVICES: usize = 2;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (folder, device, name) = (0..FOLDERS, 0..DEVICES, 0..4u8);
    let fate = prop_oneof![4 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Dropped)];
    let act = (device.clone(), folder.clone(), 0..4_usize, any::<bool>());
    let step = prop_oneof![
        4 => (folder.clone(), name.clone()).prop_map(|(folder, name)| Step::Deliver(folder, name)),
        // Seen, flagged, deleted: of the last no phone is told.
        3 => (folder.clone(), name.clone(), 0..16u8).prop_map(|(folder, name, flags)| Step::Mark(folder, name, flags & 13)),
        2 => (folder.clone(), name).prop_map(|(folder, name)| Step::Remove(folder, name)),
        1 => folder.clone().prop_map(Step::Reset),
        3 => act.prop_map(|(device, folder, place, is_delete)| Step::Act { device, folder, place, is_delete }),
        8 => (device.clone(), folder, 1..4_usize, fate)
            .prop_map(|(device, folder, window, fate)| Step::Sync { device, folder, window, fate }),
        4 => device.clone().prop_map(Step::Ping),
        1 => device.prop_map(Step::Leave),
        1 => Just(Step::Midnight),
        1 => any::<bool>().prop_map(|keeps_all| Step::Crash { keeps_all }),
    ];
    prop::collection::vec(step, 1..50)
}

/// A phone does something to one of its items.
fn act(copy: &mut Copy, place: usize, is_delete: bool) {
    let Some(uid) = copy.items.keys().nth(place).copied() else { return };
    if is_delete {
        copy.items.remove(&uid);
        copy.acts.push(Act::Delete(uid));
    } else if let Some(item) = copy.items.get_mut(&uid) {
        let read = !item.1.contains(Flags::SEEN);
        item.1 = if read { item.1.with(Flags::SEEN) } else { item.1.without(Flags::SEEN) };
        copy.acts.push(Act::Read(uid, read));
    }
}

fn change(mailbox: &Mailbox, step: &Step) {
    match *step {
        Step::Deliver(folder, name) => mailbox.change(folder, |there| {
            there.entry(name).or_default();
        }),
        Step::Mark(folder, name, flags) => mailbox.change(folder, |there| {
            if let Some(known) = there.get_mut(&name) {
                *known = Flags(flags);
            }
        }),
        Step::Remove(folder, name) => mailbox.change(folder, |there| {
            there.remove(&name);
        }),
        Step::Reset(folder) => mailbox.reset(folder),
        _ => {}
    }
}

async fn run(steps: Vec<Step>) {
    let (mut disk, mailbox, clock) = (Disk::default(), Mailbox::default(), Arc::new(ManualClock::new(NOW_MS)));
    let mut server = Server::start(&disk, &mailbox, &clock).await;
    let mut phones: [Phone; DEVICES] = Default::default();
    for device in 0..DEVICES {
        server.get_folders(device).await;
    }
    let mut today = day_of(0);
    let mut watching = server.account().interest();
    for step in steps {
        change(&mailbox, &step);
        match step {
            Step::Act { device, folder, place, is_delete } => {
                let copy = &mut phones[device].copies[folder];
                if !copy.has_lost {
                    act(copy, place, is_delete);
                }
            }
            Step::Sync { device, folder, window, fate } => {
                // A phone does one thing at a time.
                phones[device].ping = None;
                server.sync_once(device, &mut phones[device].copies[folder], folder, (window, fate)).await;
            }
            Step::Ping(device) if phones[device].copies.iter().all(|copy| !copy.has_lost) => {
                server.ping(device, &mut phones[device]);
            }
            Step::Leave(device) => phones[device].ping = None,
            Step::Midnight => {
                clock.advance(DAY);
                today += 1;
            }
            Step::Crash { keeps_all } => {
                for phone in &mut phones {
                    phone.ping = None;
                    // What the server knew of answers that it could not write out is gone: they ask again first.
                    phone.copies.iter_mut().for_each(|copy| copy.has_lost = true);
                }
                disk = disk.crashed(keeps_all);
                server = Server::start(&disk, &mailbox, &clock).await;
                watching = server.account().interest();
            }
            _ => {}
        }
        for (device, phone) in phones.iter_mut().enumerate() {
            // For each: what the one before has done since is news to this one.
            server.settle().await;
            server.check(device, phone, &mailbox.truth(), today).await;
        }
    }
    for (device, phone) in phones.iter_mut().enumerate() {
        phone.ping = None;
        for folder in 0..FOLDERS {
            server.sync_all(device, &mut phone.copies[folder], folder).await;
        }
        for (copy, there) in phone.copies.iter().zip(&mailbox.truth()) {
            assert_has(copy, there, (device, today), "what a phone has in the end");
            let is_old = |name: &u8| FILTERS[device] > 0 && day_of(*name) + 1 < today;
            assert!(!copy.as_truth().keys().any(is_old), "what is too old is gone: {copy:?}");
        }
    }
    drop(watching);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("PUSH_TEST_LONG").is_some() { 5000 } else { 150 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_missed_and_nothing_told_in_vain(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run(steps));
    }
}

/// Found by the model: the first answer told a part, and what was left of it went before the ping.
#[tokio::test]
async fn what_is_left_to_tell_may_be_gone_by_the_time_of_a_ping() {
    let sync = || Step::Sync { device: 1, folder: 0, window: 1, fate: Fate::Arrives };
    run(vec![Step::Deliver(0, 1), sync(), Step::Deliver(0, 0), sync(), Step::Remove(0, 1), Step::Ping(1)]).await;
}
