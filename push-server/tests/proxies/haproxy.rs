//! HAProxy, whose `timeout server` cuts what is silent.

use testkit::PushServer;
use tokio::process::Command;

use crate::world::{Proxy, ended, no_changes, ping, replace, server, snippet};

/// HAProxy with the page's file in front of `server`, after `change`.
async fn start(server: &PushServer, change: impl Fn(&str) -> String) -> Proxy {
    let upstream = server.addr();
    Proxy::start(|dir, addr| {
        let page = replace(snippet("haproxy"), "bind :443 ssl crt /etc/haproxy/push.pem", &format!("bind {addr}"));
        let page = replace(&page, "server push 127.0.0.1:8080", &format!("server push {upstream}"));
        let file = dir.join("haproxy.cfg");
        std::fs::write(&file, change(&page)).expect("written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(file);
        command
    })
    .await
}

#[tokio::test]
async fn a_ping_longer_than_the_servers_time_out_is_cut_with_504_and_counted() {
    let server = server().await;
    let haproxy = start(&server, |page| replace(page, "timeout server 3600s", "timeout server 2s")).await;
    assert_eq!(ping(haproxy.addr, 5).await.status(), 504);
    ended(&server, "cut", 1).await;
}

#[tokio::test]
async fn with_the_pages_file_it_is_answered() {
    let server = server().await;
    let haproxy = start(&server, str::to_owned).await;
    let answer = ping(haproxy.addr, 5).await;
    assert_eq!((answer.status(), answer.json()), (200, no_changes()));
    ended(&server, "no_changes", 1).await;
}
