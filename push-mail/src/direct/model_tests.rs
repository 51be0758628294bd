//! Devices that sync, ping, lose answers and meet crashes in any order, against what really lies in the mailbox: nothing
//! is missed, and nothing is told in vain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::devices::DeviceId;
use super::ping::{PingAnswer, PingFolder, PingRequest};
use super::waiting::Outcome;
use super::{SyncAnswer, SyncRequest, WaitingPing};
use crate::account::Account;
use crate::journal::Journal;
use crate::state::State;
use crate::store::{ChangeKind, Class, Flags, FolderId, Hint, Uid};
use crate::trial::{Disk, FOLDERS, Mailbox, Scanned, Truth};
use crate::{Mail, MailConfig};
use proptest::prelude::*;
use push_core::{Hub, HubConfig};

/// What one device knows of one folder.
#[derive(Debug, Default)]
struct Copy {
    key: Option<String>,
    items: BTreeMap<Uid, (u8, Flags)>,
    /// Whether an answer was lost, and the server may not know: then it says which key it holds.
    has_lost: bool,
    /// An answer that the server has given up, and nobody has noticed yet.
    stuck: Option<super::OnItsWay>,
}

impl Copy {
    /// What it holds is void.
    fn begin_again(&mut self) {
        self.key = None;
        self.items.clear();
    }

    fn as_truth(&self) -> BTreeMap<u8, Flags> {
        self.items.values().copied().collect()
    }
}

#[derive(Debug, Default)]
struct Phone {
    copies: [Copy; FOLDERS],
    ping: Option<WaitingPing>,
    /// Whether the server has been told what it waits for.
    has_pinged: bool,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// It is written out, and lost on its way.
    Lost,
    /// It cannot be written out.
    Dropped,
    /// Nor can this one, but that turns out only after a later one has arrived.
    Stuck,
}

/// A running server.
struct Server {
    mail: Mail,
    account: Arc<Account>,
}

impl Server {
    async fn start(disk: &Disk, mailbox: &Mailbox) -> Self {
        let at = disk.clone();
        let state = State::with_backend(move || at.clone()).expect("opened");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let store = Scanned::open(mailbox, journal).await;
        let config = MailConfig { linger: std::time::Duration::ZERO, fast_loop: u32::MAX, ..MailConfig::default() };
        let hub = Hub::new(HubConfig::default());
        let mail = Mail::builder(hub, state, config).account("alice", ["alice"], Arc::new(store));
        let mail = mail.build().expect("an account");
        let account = Arc::clone(mail.accounts.by_name("alice").expect("it is there"));
        Self { mail, account }
    }

    /// Until everything that was hinted at is looked at, and the pings that differ are answered.
    async fn settle(&self) {
        for _ in 0..2 {
            assert!(self.account.look_and_publish(Hint::Folder(FolderId(99))).await);
        }
    }

    fn id(device: usize) -> Arc<DeviceId> {
        Arc::new(DeviceId { account: "alice".into(), user: None, device: device.to_string().into() })
    }

    /// One sync of a device, with the answer that it gets in the end: a key that is void is followed by the first.
    async fn sync(&self, device: usize, phone: &mut Phone, folder: usize, window: usize, fate: Fate) -> SyncAnswer {
        let answer = self.sync_once(device, phone, folder, window, fate).await;
        if answer != SyncAnswer::BadSyncKey {
            return answer;
        }
        phone.copies[folder].begin_again();
        self.sync_once(device, phone, folder, window, fate).await
    }

    async fn sync_once(
        &self,
        device: usize,
        phone: &mut Phone,
        folder: usize,
        window: usize,
        fate: Fate,
    ) -> SyncAnswer {
        let copy = &mut phone.copies[folder];
        let sync_key = copy.key.clone().unwrap_or_else(|| "0".to_owned());
        let was_first = sync_key == "0";
        let request = SyncRequest { folder: FolderId(folder as u32 + 1), sync_key, window: Some(window) };
        let (answer, on_its_way) = self.mail.direct.sync(&self.account, &Self::id(device), request, 0).await;
        if answer == SyncAnswer::BadSyncKey {
            assert!(!was_first, "the first key is always known");
            if fate != Fate::Arrives {
                // The server has forgotten the folder, and the device does not know.
                copy.has_lost = true;
            }
            return answer;
        }
        match fate {
            Fate::Arrives => on_its_way.into_iter().for_each(super::OnItsWay::arrived),
            Fate::Lost => {
                on_its_way.into_iter().for_each(super::OnItsWay::arrived);
                copy.has_lost = true;
                return answer;
            }
            Fate::Dropped => return answer,
            Fate::Stuck => {
                copy.has_lost |= on_its_way.is_some();
                copy.stuck = on_its_way.or(copy.stuck.take());
                return answer;
            }
        }
        copy.stuck = None;
        copy.has_lost = false;
        match &answer {
            SyncAnswer::Ok { sync_key, changes, .. } => {
                copy.key = Some(sync_key.clone());
                if was_first {
                    copy.items.clear();
                }
                for item in changes {
                    let change = &item.change;
                    match change.kind {
                        ChangeKind::Deleted => drop(copy.items.remove(&change.uid)),
                        ChangeKind::Changed => {
                            let known = copy.items.get_mut(&change.uid).expect("what changes was told before");
                            known.1 = change.flags;
                        }
                        ChangeKind::New => {
                            let subject = item.summary.as_ref().and_then(|summary| summary.subject.as_deref());
                            // One that went before it could be fetched is told to be deleted next.
                            let name = subject.and_then(|text| text.parse().ok()).unwrap_or(u8::MAX);
                            copy.items.insert(change.uid, (name, change.flags));
                        }
                    }
                }
            }
            other => panic!("{other:?}"),
        }
        answer
    }

    async fn ping(&self, device: usize, phone: &mut Phone, is_empty: bool) {
        let folders = phone.copies.iter().enumerate().map(|(folder, copy)| PingFolder {
            id: FolderId(folder as u32 + 1),
            class: Class::Email,
            sync_key: copy.has_lost.then(|| copy.key.clone().unwrap_or_else(|| "0".to_owned())),
        });
        let has_lost = phone.copies.iter().any(|copy| copy.has_lost);
        let request = if is_empty && phone.has_pinged && !has_lost {
            PingRequest::default()
        } else {
            PingRequest { heartbeat_s: Some(3540), folders: Some(folders.collect()) }
        };
        let pinged = self.mail.direct.ping(&self.account, &Self::id(device), request).await;
        phone.ping = Some(pinged.unwrap_or_else(|answer| panic!("it waits: {answer:?}")).0);
        phone.has_pinged = true;
    }

    /// A ping that waits has nothing to tell; one that is answered tells what a sync tells too.
    async fn check(&self, device: usize, phone: &mut Phone, truth: &Truth) {
        let Some(ping) = &mut phone.ping else { return };
        let polled = ping.poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(outcome) = polled else {
            for (copy, there) in phone.copies.iter().zip(truth) {
                assert_eq!(&copy.as_truth(), there, "a ping waits though something has changed");
            }
            return;
        };
        phone.ping = None;
        let Outcome::Answer(PingAnswer::Changes(folders)) = outcome else { panic!("{outcome:?}") };
        for folder in folders {
            let answer = self.sync_once(device, phone, folder.0 as usize - 1, 2, Fate::Arrives).await;
            if answer == SyncAnswer::BadSyncKey {
                // It begins again, whatever is there.
                phone.copies[folder.0 as usize - 1].begin_again();
                self.sync_once(device, phone, folder.0 as usize - 1, 2, Fate::Arrives).await;
                continue;
            }
            let SyncAnswer::Ok { changes, .. } = answer else { panic!("{answer:?}") };
            assert!(!changes.is_empty(), "a ping told of changes, and a sync told of none");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Deliver(usize, u8),
    Mark(usize, u8, u8),
    Remove(usize, u8),
    Reset(usize),
    Sync { device: usize, folder: usize, window: usize, fate: Fate },
    Ping { device: usize, is_empty: bool },
    Leave(usize),
    Crash { keeps_all: bool },
}

const DEVICES: usize = 2;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (folder, device, name) = (0..FOLDERS, 0..DEVICES, 0..5u8);
    let fate = prop_oneof![
        4 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Dropped),
        1 => Just(Fate::Stuck),
    ];
    let step = prop_oneof![
        3 => (folder.clone(), name.clone()).prop_map(|(folder, name)| Step::Deliver(folder, name)),
        2 => (folder.clone(), name.clone(), 0..3u8).prop_map(|(folder, name, flags)| Step::Mark(folder, name, flags)),
        2 => (folder.clone(), name).prop_map(|(folder, name)| Step::Remove(folder, name)),
        1 => folder.clone().prop_map(Step::Reset),
        5 => (device.clone(), folder, 1..4_usize, fate)
            .prop_map(|(device, folder, window, fate)| Step::Sync { device, folder, window, fate }),
        4 => (device.clone(), any::<bool>()).prop_map(|(device, is_empty)| Step::Ping { device, is_empty }),
        1 => device.prop_map(Step::Leave),
        1 => any::<bool>().prop_map(|keeps_all| Step::Crash { keeps_all }),
    ];
    prop::collection::vec(step, 1..40)
}

async fn run(steps: Vec<Step>) {
    let (mut disk, mailbox) = (Disk::default(), Mailbox::default());
    let mut server = Server::start(&disk, &mailbox).await;
    let mut phones: [Phone; DEVICES] = Default::default();
    // Somebody always waits, so that the mailbox is always watched.
    let mut watching = server.account.interest();
    for step in steps {
        match step {
            Step::Deliver(folder, name) => {
                mailbox.change(folder, |there| {
                    there.entry(name).or_default();
                });
            }
            Step::Mark(folder, name, flags) => mailbox.change(folder, |there| {
                if let Some(known) = there.get_mut(&name) {
                    *known = Flags(flags);
                }
            }),
            Step::Remove(folder, name) => mailbox.change(folder, |there| {
                there.remove(&name);
            }),
            Step::Reset(folder) => mailbox.reset(folder),
            Step::Sync { device, folder, window, fate } => {
                // A device does one thing at a time.
                phones[device].ping = None;
                server.sync(device, &mut phones[device], folder, window, fate).await;
            }
            Step::Ping { device, is_empty } => server.ping(device, &mut phones[device], is_empty).await,
            Step::Leave(device) => phones[device].ping = None,
            Step::Crash { keeps_all } => {
                for phone in &mut phones {
                    phone.ping = None;
                    // What the server knew of answers that it could not write out is gone.
                    for copy in &mut phone.copies {
                        (copy.has_lost, copy.stuck) = (true, None);
                    }
                }
                disk = disk.crashed(keeps_all);
                server = Server::start(&disk, &mailbox).await;
                watching = server.account.interest();
            }
        }
        server.settle().await;
        for (device, phone) in phones.iter_mut().enumerate() {
            server.check(device, phone, &mailbox.truth()).await;
        }
    }
    for (device, phone) in phones.iter_mut().enumerate() {
        for folder in 0..FOLDERS {
            while let SyncAnswer::Ok { more: true, .. } = server.sync(device, phone, folder, 2, Fate::Arrives).await {}
        }
        let copies: Vec<_> = phone.copies.iter().map(Copy::as_truth).collect();
        assert_eq!(copies, mailbox.truth(), "what a device has in the end is what is there");
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
