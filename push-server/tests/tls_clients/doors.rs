//! What an operator sets, and sees.

use std::path::Path;
use std::time::Duration;

use push_mail::device::{ClientSettings, DeviceEvent, DeviceState, DirectPushClient};
use testkit::tls::{Authority, Relay, connect};
use testkit::{Options, Request, Subscriber, Transport, api, publish};

use crate::world::{World, curl, launch, metric, second_door, text};

#[tokio::test]
async fn the_clear_and_tls_have_a_door_each_and_share_what_is_behind() {
    let world = World::new();
    let server = world.start("max_connections = 40", "listen = \"127.0.0.1:0\"").await;
    let secured = second_door(&server).await;
    let relay = Relay::start(secured, world.authority.client(rustls::ALL_VERSIONS)).await;
    for transport in Transport::ALL {
        let channel = format!("by/{transport:?}").to_lowercase();
        let mut subscriber = Subscriber::open(transport, relay.addr, &Options::channel(&channel)).await;
        publish::text(server.addr(), &channel, "hello").await;
        assert_eq!(subscriber.publication().await.text(), "hello", "{transport:?}");
    }
    let mut held = Vec::new();
    for _ in 0..50 {
        held.extend(connect(secured, &world.authority.client(rustls::ALL_VERSIONS)).await.ok());
    }
    assert!(held.len() < 40, "{}", held.len());
    assert_eq!(Request::get("/healthz").send(server.addr()).await.status(), 429, "the clear has no more room either");
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_sighup_and_a_wrong_one_is_told() {
    let world = World::new();
    let server = world.start("", "listen = \"127.0.0.1:0\"").await;
    let secured = second_door(&server).await;
    let client = world.authority.client(rustls::ALL_VERSIONS);
    let shown = async || {
        let stream = connect(secured, &client).await.expect("it gets in");
        stream.get_ref().1.peer_certificates().expect("there is one")[0].to_vec()
    };
    let first = shown().await;
    let until = metric(server.addr(), "push_tls_not_after_seconds").await;
    assert!(until > 1.7e9, "{until}");
    world.issue();
    server.hang_up();
    api::eventually("it is shown", async || shown().await != first).await;
    let second = shown().await;
    std::fs::write(world.certificate(), Authority::new().issue("127.0.0.1").certificate).expect("written");
    server.hang_up();
    api::eventually("it is counted", async || metric(server.addr(), "push_tls_reloads_failed_total").await == 1.0)
        .await;
    assert!(server.stderr().contains("does not belong to the certificate"), "{}", server.stderr());
    assert_eq!(shown().await, second);
}

#[tokio::test]
async fn a_self_signed_certificate_is_made_only_when_asked_for_and_kept() {
    let data = tempfile::tempdir().expect("a directory");
    let path = data.path().to_str().expect("a path of ours");
    let launch = || launch().arg("--data").arg(path).arg("--tls-self-signed").arg("127.0.0.1");
    let certificate = data.path().join("self-signed.crt");
    let mut shown = None;
    for _ in 0..2 {
        let server = launch().start().await;
        assert!(server.stderr().contains("phones refuse it"), "{}", server.stderr());
        let output = curl(&certificate, &[], &format!("https://{}/healthz", server.addr())).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        let kept = std::fs::read(&certificate).expect("it is made");
        assert_eq!(shown.get_or_insert(kept.clone()), &kept);
    }
}

#[tokio::test]
async fn what_cannot_be_used_at_the_start_ends_with_code_1_and_a_reason() {
    let world = World::new();
    let other = Authority::new().issue("127.0.0.1");
    std::fs::write(world.certificate(), other.certificate).expect("written");
    let dir = world.dir.path();
    let config = format!("[tls]\ncert = {:?}\nkey = {:?}\n", world.certificate(), dir.join("key.pem"));
    let ended = launch().config(&config).run().await;
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("does not belong to the certificate"), "{}", ended.stderr);
}

/// Puts a message into a Maildir as a mail server does.
fn deliver(maildir: &Path) {
    let raw = "From: Bob <bob@example.org>\r\nSubject: hello\r\n\r\nhello\r\n";
    std::fs::write(maildir.join("tmp/1795320476.M1P1.host"), raw).expect("written");
    std::fs::rename(maildir.join("tmp/1795320476.M1P1.host"), maildir.join("new/1795320476.M1P1.host")).expect("moved");
}

#[tokio::test]
async fn a_device_of_ours_waits_over_tls_and_is_woken() {
    let world = World::new();
    let maildir = world.dir.path().join("Maildir");
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(maildir.join(part)).expect("made");
    }
    let account = format!(
        "listen = \"127.0.0.1:0\"\n[[mail.account]]\nname = \"alice\"\nkind = \"maildir\"\npath = {maildir:?}\n"
    );
    let server = world.start("", &account).await;
    let mut settings = ClientSettings::new(format!("https://{}/push", second_door(&server).await), "phone");
    settings.ca_pem = Some(world.authority.pem().into_bytes());
    let mut device = DirectPushClient::new(settings, DeviceState::default()).expect("usable settings");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        let run = device.run(|event| {
            if let DeviceEvent::Item { item, .. } = event {
                let _ = tell.send(item.subject.clone());
            }
        });
        run.await
    });
    api::eventually("it waits", async || metric(server.addr(), "push_mail_pings_waiting").await == 1.0).await;
    deliver(&maildir);
    let subject = tokio::time::timeout(Duration::from_secs(60), told.recv()).await.expect("it is woken");
    assert_eq!(subject.flatten().as_deref(), Some("hello"));
    running.abort();
}
