//! Mail over LMTP is published before the mail server is told that it was taken.
#![cfg(unix)]

use std::sync::Arc;

use push_core::Budget;
use push_core::{Delivery, Hub, HubConfig, Since, SubscribeRequest};
use push_mail::journal::Journal;
use push_mail::lmtp::{Lmtp, LmtpConfig, Mailboxes};
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::{Mail, MailConfig, folder_channel};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Sends a command and reads to the last line of its reply.
async fn say(peer: &mut BufReader<TcpStream>, command: &str) -> String {
    peer.get_mut().write_all(command.as_bytes()).await.expect("written");
    loop {
        let mut line = String::new();
        assert!(peer.read_line(&mut line).await.expect("read") > 0, "it has closed");
        if line.as_bytes()[3] == b' ' {
            return line;
        }
    }
}

#[tokio::test]
async fn what_is_answered_was_published_and_recipients_are_accounts() {
    let dir = tempfile::tempdir().expect("a folder");
    let (hub, state) = (Hub::new(HubConfig::default()), State::in_memory().expect("memory"));
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    let mut config = MaildirConfig::default();
    config.create = true;
    let store = MaildirStore::open(dir.path().join("alice"), journal, config).await.expect("a Maildir");
    let mail = Mail::builder(hub.clone(), state, MailConfig::default());
    let mail = mail.account("alice", ["alice"], Arc::new(store.clone())).build().expect("an account");
    assert!(mail.publish("alice", None).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let lmtp = Lmtp::new(Mailboxes::new(mail).with("alice", store), LmtpConfig::default());
    tokio::spawn(async move { lmtp.serve(listener, std::future::pending()).await });
    let mut peer = BufReader::new(TcpStream::connect(address).await.expect("connected"));
    say(&mut peer, "").await;
    say(&mut peer, "LHLO test\r\n").await;
    let channel = folder_channel("alice", "INBOX");
    for (count, recipient) in ["alice@example.org", "ALICE@Example.ORG", "alice+lists@example.org"].iter().enumerate() {
        say(&mut peer, "MAIL FROM:<bob@example.org>\r\n").await;
        assert!(say(&mut peer, &format!("RCPT TO:<{recipient}>\r\n")).await.starts_with("250"), "{recipient}");
        assert!(say(&mut peer, "DATA\r\n").await.starts_with("354"));
        let taken = say(&mut peer, &format!("Subject: to {recipient}\r\n\r\nHello\r\n.\r\n")).await;
        assert!(taken.starts_with("250"), "{taken}");
        // Without waiting: it was there before the answer.
        let page = hub.history(&channel, Since::Start, Budget { publications: 10, bytes: usize::MAX });
        assert_eq!(page.publications.len(), count + 1);
        let last = String::from_utf8_lossy(page.publications[count].payload()).into_owned();
        assert!(last.contains(&format!("to {recipient}")), "{last}");
    }
    say(&mut peer, "MAIL FROM:<bob@example.org>\r\n").await;
    assert!(say(&mut peer, "RCPT TO:<nobody@example.org>\r\n").await.starts_with("550"));
    let mut all =
        hub.subscribe(SubscribeRequest::to("mail/alice/*").expect("a pattern").since(Since::Start)).expect("in");
    let first = futures_util::StreamExt::next(&mut all).await;
    assert!(matches!(first, Some(Delivery::Publication(_))), "{first:?}");
}
