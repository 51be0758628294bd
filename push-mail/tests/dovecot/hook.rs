//! Dovecot posts to a listener, which reads what [`push_mail::hook`] makes of it.

use push_mail::hook::{HookEvent, HookKind, parse};
use testkit::{Dovecot, DovecotConfig, GUARD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A request that was posted.
struct Posted {
    head: String,
    event: HookEvent,
}

/// Answers every request, until it is dropped.
struct Hook {
    url: String,
    posted: mpsc::UnboundedReceiver<Posted>,
    task: JoinHandle<()>,
}

impl Hook {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/mail/hook/dovecot", listener.local_addr().expect("bound"));
        let (sender, posted) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("it connects");
                let (head, body) = request(&mut stream).await;
                let event = parse(&body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
                // One request a connection: whoever posts more comes again.
                stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.expect("it reads");
                let _ = sender.send(Posted { head, event });
            }
        });
        Self { url, posted, task }
    }

    /// Waits for this to be told; more may be told before.
    async fn expect(&mut self, folder: &str, kind: HookKind) -> Posted {
        let event = HookEvent { user: "alice".to_owned(), folder_path: Some(folder.to_owned()), kind };
        let mut others = Vec::new();
        loop {
            let posted = timeout(GUARD, self.posted.recv()).await;
            match posted.unwrap_or_else(|_| panic!("not {event:?} but {others:?}")) {
                Some(posted) if posted.event == event => return posted,
                Some(posted) => others.push(posted.event),
                None => panic!("what was posted last is no hint"),
            }
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut is_told = false;
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            // RFC 9110 §10.1.1, as every server of HTTP does.
            if head.contains("Expect: 100-continue") && !std::mem::replace(&mut is_told, true) {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.expect("it reads");
            }
            let end = at + 4 + length.unwrap_or(0);
            if bytes.len() >= end {
                return (head, bytes[at + 4..end].to_vec());
            }
        }
        let read = stream.read_buf(&mut bytes).await.expect("it writes");
        assert_ne!(read, 0, "the request ended early: {}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn the_lua_driver_tells_of_messages_flags_and_folders() {
    let mut hook = Hook::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dovecot/push.lua");
    let config = format!(
        "mail_plugins = mail_lua notify push_notification push_notification_lua\nplugin {{\n\
         push_notification_driver = lua:file={{dir}}/push.lua\npush_hook_url = {}\npush_hook_token = a-long-secret\n}}",
        hook.url
    );
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    std::fs::copy(script, dovecot.dir().join("push.lua")).expect("copied");
    dovecot.reconfigure(DovecotConfig::new().extra(&config)).await;

    dovecot.deliver("alice", b"From: bob@example.org\r\nSubject: one\r\n\r\nbody").await;
    let posted = hook.expect("INBOX", HookKind::New).await;
    assert!(posted.head.starts_with("POST /mail/hook/dovecot HTTP/1.1"), "{}", posted.head);
    assert!(posted.head.contains("Authorization: Bearer a-long-secret"), "{}", posted.head);

    let mut client = dovecot.client("alice").await;
    client.ok("SELECT INBOX").await;
    for (command, folder, kind) in [
        ("STORE 1 +FLAGS (\\Seen)", "INBOX", HookKind::Changed),
        ("STORE 1 -FLAGS (\\Seen)", "INBOX", HookKind::Changed),
        ("CREATE \"Gr&APwA3w-e 50%/Old\"", "Grüße 50%/Old", HookKind::Tree),
        ("APPEND \"Gr&APwA3w-e 50%/Old\" {3+}\r\nx\r\n", "Grüße 50%/Old", HookKind::New),
        ("DELETE \"Gr&APwA3w-e 50%/Old\"", "Grüße 50%/Old", HookKind::Tree),
        ("STORE 1 +FLAGS (\\Deleted)", "INBOX", HookKind::Changed),
        ("EXPUNGE", "INBOX", HookKind::Deleted),
    ] {
        client.ok(command).await;
        hook.expect(folder, kind).await;
    }
}

#[tokio::test]
async fn mail_is_delivered_though_nobody_hears_the_lua_driver() {
    let hook = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mail/hook/dovecot", hook.local_addr().expect("bound"));
    let config = format!(
        "mail_plugins = mail_lua notify push_notification push_notification_lua\nplugin {{\n\
         push_notification_driver = lua:file={{dir}}/push.lua\npush_hook_url = {}\n}}",
        url
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dovecot/push.lua");
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    std::fs::copy(script, dovecot.dir().join("push.lua")).expect("copied");
    dovecot.reconfigure(DovecotConfig::new().extra(&config)).await;
    // The connection is accepted by the system and never read; then there is nobody at all.
    dovecot.deliver("alice", b"Subject: one\r\n\r\nbody").await;
    drop(hook);
    dovecot.deliver("alice", b"Subject: two\r\n\r\nbody").await;
    let status = dovecot.client("alice").await.ok("STATUS INBOX (MESSAGES)").await;
    assert!(status[0].contains("MESSAGES 2"), "{status:?}");
    assert!(dovecot.log().contains("push: "), "{}", dovecot.log());
}

#[tokio::test]
async fn the_ox_driver_tells_of_new_messages() {
    let mut hook = Hook::start().await;
    let config = format!(
        "mail_plugins = notify push_notification\nmail_attribute_dict = file:{{dir}}/home/%u.attributes\nplugin {{\n\
         push_notification_driver = ox:url={}\n}}",
        hook.url
    );
    let dovecot = Dovecot::start(DovecotConfig::new().extra(&config)).await;
    let key = "/private/vendor/vendor.dovecot/http-notify";
    dovecot.doveadm(&["mailbox", "metadata", "set", "-u", "alice", "-s", "", key, "user=alice"], b"").await;
    dovecot.deliver("alice", b"From: bob@example.org\r\nSubject: one\r\n\r\nbody").await;
    let posted = hook.expect("INBOX", HookKind::New).await;
    assert!(posted.head.starts_with("PUT /mail/hook/dovecot HTTP/1.1"), "{}", posted.head);
}
