//! `DirectPushClient` against a server that answers as it is told to.

mod command;
mod server;

use std::{sync::Arc, time::Duration};

use push_mail::device::{
    ClientError, ClientErrorKind, ClientSettings, Credentials, DeviceEvent, DeviceState, DirectPushClient, End, Preset,
};
use serde_json::{Value, json};
use server::{Reply, Server};

/// For tests that would else wait for ever.
const GUARD: Duration = Duration::from_secs(60);

fn folders() -> Reply {
    Reply::Json(json!({"folders": [
        {"id": "2", "path": "Lists/rust", "type": "mail", "class": "Email", "channel": "mail/a/x"},
        {"id": "1", "path": "INBOX", "type": "inbox", "class": "Email", "channel": "mail/a/INBOX"},
    ]}))
}

fn page(key: &str, more: bool, subjects: &[&str]) -> Reply {
    let new = |(uid, subject): (usize, &&str)| json!({"kind": "new", "uid": uid, "subject": subject, "from": "bob"});
    let changes: Vec<Value> = subjects.iter().enumerate().map(new).collect();
    Reply::Json(json!({"status": "ok", "sync_key": key, "more": more, "changes": changes}))
}

fn status(status: &str) -> Reply {
    Reply::Json(json!({"status": status}))
}

fn changes(ids: &[&str]) -> Reply {
    Reply::Json(json!({"status": "changes", "folders": ids}))
}

/// A device and what it told.
struct Device {
    client: DirectPushClient,
    told: Vec<String>,
}

impl Device {
    fn new(settings: ClientSettings) -> Self {
        Self::restored(settings, DeviceState::default())
    }

    fn restored(settings: ClientSettings, state: DeviceState) -> Self {
        Self { client: DirectPushClient::new(settings, state).expect("usable settings"), told: Vec::new() }
    }

    /// Runs until the server was asked so often, or the client ends.
    async fn until(&mut self, server: &Server, call: &str, times: usize) -> Option<ClientError> {
        let told = &mut self.told;
        let run = self.client.run(|event| told.extend(line(&event)));
        let both = async {
            tokio::select! {
                biased;
                error = run => Some(error),
                _ = server.until_asked(call, times) => None,
            }
        };
        tokio::time::timeout(GUARD, both).await.expect("the server is asked in time")
    }
}

fn line(event: &DeviceEvent<'_>) -> Option<String> {
    match event {
        DeviceEvent::Folders(folders) => Some(format!("{} folders", folders.len())),
        DeviceEvent::Item { folder, item } => {
            Some(format!("{} {:?} {}", folder.path, item.kind, item.subject.as_deref().unwrap_or("-")))
        }
        DeviceEvent::Restarted(folder) => Some(format!("{} begins anew", folder.path)),
        DeviceEvent::Ping(entry) => Some(match &entry.end {
            End::Changed { folders } => format!("changes in {}", folders.join(", ")),
            End::Trouble { what } => format!("trouble: {what}"),
            end => format!("{end:?}"),
        }),
        DeviceEvent::Trouble { what, .. } => Some(format!("waits: {what}")),
        _ => None,
    }
}

fn settings(server: &Server) -> ClientSettings {
    ClientSettings::new(server.url(), "phone")
}

#[tokio::test]
async fn it_lists_syncs_to_the_end_pings_and_syncs_what_changed() {
    let server = Server::start(&[
        ("folders", folders()),
        ("sync", page("1a", true, &["one"])),
        ("sync", page("1b", false, &["two"])),
        ("sync", page("2a", false, &[])),
        ("ping", changes(&["1"])),
        ("sync", page("1c", false, &["three"])),
    ])
    .await;
    let mut device = Device::new(settings(&server));
    assert!(device.until(&server, "ping", 2).await.is_none());
    let told = ["2 folders", "INBOX New one", "INBOX New two", "changes in INBOX", "INBOX New three"];
    assert_eq!(device.told, told);
    let syncs = server.asked("sync");
    let asked: Vec<_> = syncs.iter().map(|asked| (&asked.body["folder"], &asked.body["sync_key"])).collect();
    assert_eq!(
        asked.iter().map(|(folder, key)| format!("{folder}{key}")).collect::<Vec<_>>().join(" "),
        r#""1""0" "1""1a" "2""0" "1""1b""#
    );
    assert_eq!(syncs[0].body["device"], "phone");
    assert_eq!(syncs[0].body["window"], 100);
    let ping = &server.asked("ping")[1];
    assert_eq!(
        ping.body,
        json!({"device": "phone", "heartbeat_s": 480, "folders": [
            {"id": "1", "class": "Email", "sync_key": "1c"},
            {"id": "2", "class": "Email", "sync_key": "2a"},
        ]})
    );
    assert_eq!(ping.connection, 0, "one connection carries all of it");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let one = Reply::Json(json!({"folders": [{"id": 1, "path": "INBOX"}]}));
    for lost in [Reply::Close, Reply::Reset, Reply::Status(503, "retry-after: 0\r\n"), Reply::Json(json!([1]))] {
        let server = Server::start(&[
            ("folders", one.clone()),
            ("sync", page("1a", false, &["one"])),
            ("ping", changes(&["1"])),
            ("sync", lost.clone()),
            // The connection that was cut had been used before, so the first repetition comes at once.
            ("sync", lost.clone()),
            ("sync", page("1b", false, &["two"])),
        ])
        .await;
        let mut device = Device::new(settings(&server));
        assert!(device.until(&server, "ping", 2).await.is_none());
        let keys: Vec<_> = server.asked("sync").iter().map(|asked| asked.body["sync_key"].clone()).collect();
        assert_eq!(keys, ["0", "1a", "1a", "1a"], "{lost:?}");
        assert_eq!(device.told.last().map(String::as_str), Some("INBOX New two"), "{lost:?}");
        assert!(device.told.iter().any(|line| line.starts_with("waits:")), "{:?}", device.told);
    }
}

#[tokio::test]
async fn a_state_that_was_stored_goes_on_with_its_keys() {
    let script = [("folders", folders()), ("sync", page("1a", false, &["one"])), ("sync", page("2a", false, &[]))];
    let server = Server::start(&script).await;
    let mut device = Device::new(settings(&server));
    device.client.network_changed("home");
    device.until(&server, "ping", 1).await;
    let stored = serde_json::to_string(device.client.state()).expect("a state is JSON");
    let state: DeviceState = serde_json::from_str(&stored).expect("what was written is read");
    assert_eq!(&state, device.client.state());

    let server =
        Server::start(&[("folders", folders()), ("sync", page("1b", false, &[])), ("sync", page("2b", false, &[]))])
            .await;
    let mut device = Device::restored(settings(&server), state);
    device.until(&server, "ping", 1).await;
    let keys: Vec<_> = server.asked("sync").iter().map(|asked| asked.body["sync_key"].clone()).collect();
    assert_eq!(keys, ["1a", "2a"]);
}

#[tokio::test]
async fn a_run_that_was_dropped_in_a_ping_goes_on_with_a_ping_in_another_network() {
    let script = [("folders", folders()), ("sync", page("1a", false, &["one"])), ("sync", page("2a", false, &[]))];
    let server = Server::start(&script).await;
    let mut device = Device::new(settings(&server));
    device.until(&server, "ping", 1).await;
    device.client.network_changed("train");
    device.until(&server, "ping", 2).await;
    let pings = server.asked("ping");
    assert_eq!(pings[0].body, pings[1].body);
    assert_ne!(pings[0].connection, pings[1].connection);
    assert_eq!((server.asked("folders").len(), server.asked("sync").len()), (1, 2), "nothing is asked twice");
    assert_eq!(device.told, ["2 folders", "INBOX New one"]);
}

#[tokio::test]
async fn a_stale_key_begins_its_folder_anew() {
    let server = Server::start(&[
        ("folders", folders()),
        ("sync", page("1a", false, &["one"])),
        ("sync", page("2a", false, &[])),
        ("ping", changes(&["1"])),
        ("sync", status("bad_sync_key")),
        ("sync", page("1z", false, &["one"])),
    ])
    .await;
    let mut device = Device::new(settings(&server));
    device.until(&server, "ping", 2).await;
    assert_eq!(device.told[2..], ["changes in INBOX", "INBOX begins anew", "INBOX New one"]);
    assert_eq!(server.asked("sync")[3].body["sync_key"], "0");
}

#[tokio::test]
async fn the_servers_bounds_on_interval_and_folders_are_obeyed() {
    let server = Server::start(&[
        ("folders", folders()),
        ("sync", page("1a", false, &[])),
        ("sync", page("2a", false, &[])),
        ("ping", Reply::Json(json!({"status": "heartbeat_out_of_range", "min_s": 600, "max_s": 3540}))),
        ("ping", Reply::Json(json!({"status": "too_many_folders", "max": 1}))),
        // What is not watched is looked at in between.
        ("sync", page("2b", false, &[])),
    ])
    .await;
    let mut device = Device::new(settings(&server));
    device.until(&server, "ping", 3).await;
    let pings = server.asked("ping");
    assert_eq!(pings[0].body["heartbeat_s"], 480);
    assert_eq!(pings[1].body["heartbeat_s"], 600);
    assert_eq!(pings[2].body["folders"], json!([{"id": "1", "class": "Email", "sync_key": "1a"}]));
}

#[tokio::test]
async fn folders_are_listed_again_when_the_server_says_so_or_names_an_unknown_one() {
    let one = Reply::Json(json!({"folders": [{"id": "1", "path": "INBOX", "type": "inbox", "class": "Email"}]}));
    for stale in [status("folders_stale"), changes(&["2"])] {
        let server = Server::start(&[
            ("folders", one.clone()),
            ("sync", page("1a", false, &[])),
            ("ping", stale),
            ("folders", folders()),
            ("sync", page("2a", false, &["new there"])),
        ])
        .await;
        let mut device = Device::new(settings(&server));
        device.until(&server, "ping", 2).await;
        assert_eq!(device.told.last().map(String::as_str), Some("Lists/rust New new there"));
        assert_eq!(server.asked("sync").len(), 2, "only the new one had to be synced");
    }
}

#[tokio::test]
async fn changes_that_are_announced_and_not_found_make_it_wait() {
    let mut script = vec![("folders", folders()), ("sync", page("1a", false, &[])), ("sync", page("2a", false, &[]))];
    for key in ["1b", "1c"] {
        script.extend([("ping", changes(&["1"])), ("sync", page(key, false, &[]))]);
    }
    let server = Server::start(&script).await;
    let mut device = Device::new(settings(&server));
    device.until(&server, "ping", 3).await;
    let waits = "waits: changes were announced and none was found";
    assert_eq!(device.told, ["2 folders", "changes in INBOX", "changes in INBOX", waits]);
}

#[tokio::test]
async fn what_happens_to_the_connection_teaches_the_heartbeat() {
    let server = Server::start(&[
        ("folders", folders()),
        ("sync", page("1a", false, &[])),
        ("sync", page("2a", false, &[])),
        ("ping", status("no_changes")),
        ("ping", status("no_changes")),
    ])
    .await;
    let mut settings = settings(&server);
    settings.heartbeat = Preset::Walk.settings();
    let ms = Duration::from_millis;
    let heartbeat = &mut settings.heartbeat;
    (heartbeat.minimum, heartbeat.initial, heartbeat.step, heartbeat.slack) = (ms(300), ms(300), ms(100), ms(200));
    let mut device = Device::new(settings);
    device.until(&server, "ping", 4).await;
    // An answer long before its time says nothing of the network; then silence, at the minimum.
    let early = "trouble: answered early, without changes";
    assert_eq!(device.told, ["2 folders", early, early, "TimedOut"]);
    let pings = server.asked("ping");
    assert_eq!(pings[3].body["heartbeat_s"], 0.3);
    assert_ne!(pings[2].connection, pings[3].connection, "a silent connection is given up");
}

#[tokio::test]
async fn what_waiting_does_not_mend_ends_it_and_credentials_are_sent() {
    for (code, kind) in
        [(401, ClientErrorKind::Unauthorized), (403, ClientErrorKind::Forbidden), (404, ClientErrorKind::NotFound)]
    {
        let server = Server::start(&[("folders", Reply::Status(code, ""))]).await;
        let mut settings = settings(&server);
        settings.account = Some("a/b c".to_owned());
        settings.credentials = Credentials::Basic { user: "Aladdin".to_owned(), password: "open sesame".to_owned() };
        let error = Device::new(settings).until(&server, "ping", 1).await.expect("it ends");
        assert_eq!(error.kind(), kind);
        let asked = &server.asked("folders")[0];
        // RFC 7617 §2
        assert!(asked.head.contains("authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "{}", asked.head);
        assert_eq!(asked.path, "/push/mail/folders?account=a%2fb%20c");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    for url in ["mail.example", "ftp://mail.example/push", "http://a:b@mail.example/push", "http://mail.example/?a=b"] {
        let error = DirectPushClient::new(ClientSettings::new(url, "phone"), DeviceState::default()).expect_err(url);
        assert_eq!(error.kind(), ClientErrorKind::Settings, "{url}");
    }
    let mut settings = ClientSettings::new("https://mail.example/push", "phone");
    settings.ca_pem = Some(b"nothing of the kind".to_vec());
    assert!(DirectPushClient::new(settings, DeviceState::default()).is_err());
}

#[tokio::test]
async fn it_speaks_tls_to_whom_it_was_told_to_believe() {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], own.signing_key.serialize_der().try_into().expect("a key"))
        .expect("a server's configuration");
    let script = [("folders", folders()), ("sync", page("1a", false, &[])), ("sync", page("2a", false, &[]))];
    let server = Server::start_with(&script, Some(Arc::new(config).into())).await;
    let mut settings = settings(&server);
    settings.url = settings.url.replace("http", "https");

    let mut stranger = Device::new(settings.clone());
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let run = stranger.client.run(|event| {
        if let (DeviceEvent::Trouble { what, .. }, Some(tell)) = (event, tell.take()) {
            tell.send(what.to_owned()).expect("somebody listens");
        }
    });
    tokio::select! {
        error = run => panic!("it gave up: {error}"),
        what = told => assert!(what.as_ref().is_ok_and(|what| what.contains("certificate")), "{what:?}"),
    }
    assert!(server.asked("").is_empty());

    settings.ca_pem = Some(own.cert.pem().into_bytes());
    let mut device = Device::new(settings);
    assert!(device.until(&server, "ping", 1).await.is_none());
}
