//! Mail programs of phones, as the whole server answers them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::Request;

use crate::world::{Maildir, account, launch};

fn login(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn options(authorization: &str) -> Request {
    Request::new("OPTIONS", "/microsoft-server-activesync").header("Authorization", authorization)
}

#[tokio::test]
async fn a_user_logs_in_with_its_password_and_nobody_gets_in_without() {
    let maildir = Maildir::new();
    let user = "[[mail.user]]\nname = \"alice\"\npassword = \"a-password\"\n";
    let config = format!("{user}{}", account("alice", &maildir.path(), &["alice"]));
    let server = launch().config(&config).start().await;
    let answer = options(&login("alice", "a-password")).send(server.addr()).await;
    assert_eq!((answer.status(), answer.header("ms-asprotocolversions")), (200, Some("14.1,16.1")));
    assert_eq!(options(&login("alice", "wrong")).send(server.addr()).await.status(), 401);
    let others = Request::get("/push/mail/folders").send(server.addr()).await;
    assert_eq!(others.status(), 401, "a password closes the other routes too");
    let json = Request::get("/autodiscover/autodiscover.json?Protocol=ActiveSync").send(server.addr()).await.json();
    let url = format!("http://{}/Microsoft-Server-ActiveSync", server.addr());
    assert_eq!(json["Url"], url);
}

#[tokio::test]
async fn the_secret_of_a_token_is_a_password_of_its_user() {
    let maildir = Maildir::new();
    let token = "[[token]]\nsecret = \"a-long-random-text\"\nuser = \"alice\"\n";
    let config = format!("{token}{}", account("alice", &maildir.path(), &["alice"]));
    let server = launch().config(&config).start().await;
    assert_eq!(options(&login("alice", "a-long-random-text")).send(server.addr()).await.status(), 200);
    assert_eq!(options("Bearer a-long-random-text").send(server.addr()).await.status(), 200);
}

#[tokio::test]
async fn phones_are_not_answered_where_that_is_switched_off_or_there_is_no_mailbox() {
    let maildir = Maildir::new();
    let switched_off = format!("[mail.eas]\nserve = false\n{}", account("alice", &maildir.path(), &["alice"]));
    for config in [switched_off.as_str(), ""] {
        let server = launch().config(config).start().await;
        assert_eq!(options(&login("alice", "x")).send(server.addr()).await.status(), 404, "{config}");
    }
}
