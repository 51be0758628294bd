//! A mail server that delivers.

use std::net::SocketAddr;

use serde_json::json;
use testkit::PushServer;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::world::{Maildir, id, launch, parked, ping, ping_of, subjects, sync};

/// Where it takes mail in, as its log says.
fn address(server: &PushServer) -> SocketAddr {
    let said = server.stderr();
    let told = said.split("over LMTP at ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    told.unwrap_or_else(|| panic!("it does not say where: {said}"))
}

/// Says `lines` one after another, and returns the reply to each.
async fn converse(address: SocketAddr, lines: &[&str]) -> Vec<String> {
    let mut peer = BufReader::new(TcpStream::connect(address).await.expect("it listens"));
    let mut replies = Vec::new();
    for line in [""].iter().chain(lines) {
        if !line.is_empty() {
            peer.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.expect("sent");
        }
        loop {
            let mut reply = String::new();
            peer.read_line(&mut reply).await.expect("a reply");
            if reply.as_bytes().get(3) != Some(&b'-') {
                replies.push(reply.trim_end().to_owned());
                break;
            }
        }
    }
    replies
}

#[tokio::test]
async fn what_a_mail_server_brings_is_told_before_it_is_told_so() {
    let maildir = Maildir::new();
    let config = maildir.config().replace("[mail]\n", "[mail]\nlmtp_listen = \"127.0.0.1:0\"\n");
    let server = launch().config(&config).start().await;
    let inbox = id(server.addr(), "INBOX").await;
    let (key, _) = sync(server.addr(), "phone", &inbox, "0").await;
    let waits = ping(server.addr(), ping_of("phone", 600, &[&inbox]));
    parked(server.addr(), 1).await;
    let replies = converse(
        address(&server),
        &[
            "LHLO mx.example.org",
            "MAIL FROM:<bob@example.org>",
            "RCPT TO:<eve@example.org>",
            "RCPT TO:<Alice+list@example.org>",
            "DATA",
            "Subject: brought\r\n\r\ntext\r\n.",
        ],
    )
    .await;
    let codes: Vec<_> = replies.iter().map(|reply| &reply[..3]).collect();
    assert_eq!(codes, ["220", "250", "250", "550", "250", "354", "250"], "{replies:?}");
    let history = testkit::Request::get("/push/history?channel=mail/alice/INBOX").send(server.addr()).await;
    assert_eq!(history.json()["events"][0]["data"]["subject"], "brought", "published before the reply");
    assert_eq!(waits.await.expect("answered"), json!({"status": "changes", "folders": [inbox]}));
    let (_, changes) = sync(server.addr(), "phone", &inbox, &key).await;
    assert_eq!(subjects(&changes), ["brought"]);
}
