//! Many pings at once: who is woken by a change, and nobody else.

use std::sync::Arc;

use push_core::{Hub, HubConfig, Open};
use push_mail::Mail;
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::memory::MemoryStore;
use push_mail::store::{Command, Flags, FolderId, MailStore as _};
use serde_json::{Value, json};
use testkit::http::{Connection, Request};

use crate::world::{app_of, config, listen};

const INBOX: FolderId = FolderId(1);

/// Many mailboxes, each with devices whose pings wait.
struct Crowd {
    mail: Mail,
    boxes: Vec<MemoryStore>,
    /// By account, then by device.
    connections: Vec<Vec<Connection>>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Crowd {
    async fn waiting(accounts: usize, devices: usize) -> Self {
        let (hub, state) = (Hub::new(HubConfig::default()), State::in_memory().expect("memory"));
        let mut builder = Mail::builder(hub.clone(), state.clone(), config());
        let mut boxes = Vec::new();
        for account in 0..accounts {
            let journal = Journal::open(&state, &account.to_string()).await.expect("a journal");
            let store = MemoryStore::open(journal).await.expect("a mailbox");
            builder = builder.account(account.to_string(), ["anyone"], Arc::new(store.clone()));
            boxes.push(store);
        }
        let mail = builder.build().expect("accounts");
        let (addr, stop) = listen(app_of(hub, &mail, Arc::new(Open)));
        let mut connections = Vec::new();
        for _ in 0..accounts {
            let mut of_account = Vec::new();
            for _ in 0..devices {
                of_account.push(Connection::open(addr).await.expect("connected"));
            }
            connections.push(of_account);
        }
        let mut crowd = Self { mail, boxes, connections, _stop: stop };
        for account in 0..accounts {
            for device in 0..devices {
                crowd.ask(account, device).await;
            }
        }
        crowd.parked(accounts * devices).await;
        crowd
    }

    async fn ask(&mut self, account: usize, device: usize) {
        let body = json!({
            "account": account.to_string(), "device": format!("device {device}"), "heartbeat_s": 3540,
            "folders": [{"id": INBOX.to_string(), "class": "Email"}],
        });
        self.send(account, device, "ping", &body).await;
    }

    async fn send(&mut self, account: usize, device: usize, call: &str, body: &Value) {
        let request = Request::post(&format!("/push/mail/{call}"), body.to_string());
        self.connections[account][device].send(&request).await.expect("sent");
    }

    async fn answer(&mut self, account: usize, device: usize) -> Value {
        let answer = self.connections[account][device].response().await.expect("answered");
        assert_eq!(answer.status(), 200);
        answer.json()
    }

    async fn parked(&self, pings: usize) {
        testkit::api::eventually("pings wait", || async { self.mail.stats().waiting == pings }).await;
    }

    async fn deliver(&self, account: usize) {
        let append = Command::Append { folder: INBOX, raw: "Subject: hi\r\n\r\n".into(), flags: Flags::default() };
        self.boxes[account].apply(append).await.expect("appended");
    }

    async fn sync(&mut self, account: usize, device: usize) {
        let body = json!({
            "account": account.to_string(), "device": format!("device {device}"), "folder": INBOX.to_string(),
            "sync_key": "0", "window": 500,
        });
        self.send(account, device, "sync", &body).await;
        assert_eq!(self.answer(account, device).await["status"], "ok");
    }
}

#[tokio::test]
async fn one_change_in_one_of_many_mailboxes_wakes_its_ping_and_no_other() {
    const ACCOUNTS: usize = 150;
    const CHANGES: usize = 60;
    let mut crowd = Crowd::waiting(ACCOUNTS, 1).await;
    for turn in 0..CHANGES {
        let account = turn * 37 % ACCOUNTS;
        crowd.deliver(account).await;
        assert_eq!(crowd.answer(account, 0).await, json!({"status": "changes", "folders": ["1"]}));
        let stats = crowd.mail.stats();
        assert_eq!((stats.waiting, stats.changed), (ACCOUNTS - 1, turn as u64 + 1), "nobody else was woken");
        crowd.sync(account, 0).await;
        crowd.ask(account, 0).await;
        crowd.parked(ACCOUNTS).await;
    }
    let stats = crowd.mail.stats();
    assert_eq!((stats.changed, stats.expired, stats.cut), (CHANGES as u64, 0, 0));
}

#[tokio::test]
async fn one_change_wakes_all_devices_of_its_account_and_of_no_other() {
    const DEVICES: usize = 200;
    let mut crowd = Crowd::waiting(2, DEVICES).await;
    for round in 1..=2 {
        crowd.deliver(0).await;
        for device in 0..DEVICES {
            assert_eq!(crowd.answer(0, device).await["status"], "changes", "round {round}");
        }
        let stats = crowd.mail.stats();
        assert_eq!((stats.waiting, stats.changed), (DEVICES, (round * DEVICES) as u64));
        for device in 0..DEVICES {
            crowd.sync(0, device).await;
            crowd.ask(0, device).await;
        }
        crowd.parked(2 * DEVICES).await;
    }
}
