//! nginx, whose `proxy_read_timeout` is 60 s unless it is told otherwise.

use std::net::SocketAddr;

use testkit::{PushServer, Request};
use tokio::process::Command;

use crate::world::{Proxy, ended, no_changes, ping, replace, server, snippet};

/// nginx with the page's file in front of `server`, after `change`.
async fn start(server: &PushServer, change: impl Fn(&str) -> String) -> Proxy {
    let upstream = server.addr();
    Proxy::start(|dir, addr: SocketAddr| {
        let page = replace(snippet("nginx"), "server 127.0.0.1:8080;", &format!("server {upstream};"));
        let page = change(&replace(&page, "listen 443 ssl;", &format!("listen {addr};")));
        let paths =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {name};\n"));
        // One process, which is ours to kill, and which may read what is ours.
        let file = format!(
            "daemon off;\nmaster_process off;\npid pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{}{page}}}\n",
            paths.concat()
        );
        std::fs::write(dir.join("nginx.conf"), file).expect("written");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(dir).args(["-c", "nginx.conf", "-e", "stderr"]);
        command
    })
    .await
}

#[tokio::test]
async fn a_ping_longer_than_the_read_timeout_is_cut_with_504_and_counted() {
    let server = server().await;
    let nginx = start(&server, |page| replace(page, "proxy_read_timeout 3600s;", "proxy_read_timeout 2s;")).await;
    assert_eq!(ping(nginx.addr, 5).await.status(), 504);
    ended(&server, "cut", 1).await;
}

#[tokio::test]
async fn with_the_pages_file_it_is_answered() {
    let server = server().await;
    let nginx = start(&server, str::to_owned).await;
    let answer = ping(nginx.addr, 5).await;
    assert_eq!((answer.status(), answer.json()), (200, no_changes()));
    ended(&server, "no_changes", 1).await;
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_through_it() {
    let server = server().await;
    let nginx = start(&server, str::to_owned).await;
    let addr = nginx.addr;
    let waits = tokio::spawn(async move { ping(addr, 600).await });
    let is_parked = async || {
        let metrics = Request::get("/metrics").send(server.addr()).await.text();
        metrics.contains("\npush_mail_pings_waiting 1\n")
    };
    testkit::api::eventually("the ping waits", is_parked).await;
    waits.abort();
    ended(&server, "cut", 1).await;
}
