//! Who members are: names, tokens and tellers of presence hold while connections are served together.

#![cfg(target_os = "linux")]

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::sync::Arc;
use std::time::Duration;

use push_core::{
    Action, Authorizer, BoxFuture, ChannelName, Clock as _, Credentials, Ending, Hub, HubConfig, Identity, Namespace,
    Pattern, Selector, SystemClock, Target, Unauthorized,
};
use push_transports::Push;
use serving::{Path, Server, UPGRADE, answer, get, head, masked, read_until, soon, until};
use testkit::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_paths! {
    every:
    tokens_expire_while_connections_are_parked,
    an_operator_ends_the_connections_of_one_user_and_no_others,
    presence_does_not_flicker_while_members_go_on_alone_and_come_back,
    channels_in_any_order_are_served_alike_and_policies_apart,
    two_hubs_behind_one_server_do_not_mix,
}

/// A token is a user, for so many ms if it says so (`alice:300`).
#[derive(Debug)]
struct Users;

impl Authorizer for Users {
    fn authenticate<'a>(&'a self, shown: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        let Credentials::Bearer(token) = shown else { return Box::pin(std::future::ready(Ok(Identity::default()))) };
        let (user, ms) = token.split_once(':').unwrap_or((token, ""));
        let mut identity = Identity { user: Some(user.into()), ..Identity::default() };
        identity.expires_ms = ms.parse::<u64>().ok().map(|ms| SystemClock.unix_ms() + ms);
        Box::pin(std::future::ready(Ok(identity)))
    }

    fn authorize<'a>(&'a self, _: &'a Identity, _: Action, _: Option<&'a Selector>) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

fn start(path: Path) -> Server {
    let mut plan = path.plan();
    plan.push.authorizer = Arc::new(Users);
    let mut namespace = Namespace::new(Pattern::parse("c").expect("a pattern"));
    namespace.presence = true;
    plan.hub.namespaces = vec![namespace];
    plan.start()
}

async fn open(server: &Server, target: &str, token: &str) -> Connection {
    let more = if target.starts_with("ws") { UPGRADE } else { "" };
    let more = format!("{more}Authorization: Bearer {token}\r\n");
    server.sent(get(&format!("/push/{target}"), &more)).await
}

async fn tokens_expire_while_connections_are_parked(path: Path) {
    let server = start(path);
    let mut poll = open(&server, "poll?channel=c&timeout=30", "alice:1500").await;
    let mut sse = open(&server, "sse?channel=c", "bob:1500").await;
    let mut stays = open(&server, "sse?channel=c", "dora").await;
    let mut socket = open(&server, "ws?channel=c", "carl:1500").await;
    server.heard_by("c", 4).await;
    assert_eq!(answer(&mut poll).await.json()["close"]["code"], 3005);
    assert_eq!(head(&mut sse).await.status, 200);
    assert!(read_until(&mut sse, "\"code\":3005").await.contains("event: push.close"));
    assert_eq!(head(&mut socket).await.status, 101);
    let (mut socket, early) = socket.into_parts();
    let mut seen = early.to_vec();
    while testkit::http::find(&seen, b"\"code\":3005").is_none() {
        assert_ne!(
            soon("a close frame", socket.read_buf(&mut seen)).await.expect("in order"),
            0,
            "it ended without a word"
        );
    }
    drop(socket);
    assert_eq!(head(&mut stays).await.status, 200);
    until("only one is left", || server.audience("c") == 1).await;
    server.publish("c", "news").await;
    read_until(&mut stays, "data: news").await;
}

async fn an_operator_ends_the_connections_of_one_user_and_no_others(path: Path) {
    let server = start(path);
    let mut ended = Vec::new();
    let mut others = Vec::new();
    for n in 0..10 {
        for route in ["sse", "stream", "poll"] {
            let target = format!("{route}?channel=c");
            let (user, list) = if n % 2 == 0 { ("alice", &mut ended) } else { ("bob", &mut others) };
            list.push(open(&server, &target, user).await);
        }
    }
    server.heard_by("c", 30).await;
    assert_eq!(server.hub.disconnect(&Target::User("alice".to_owned()), &Ending::disconnected()), 15);
    for mut connection in ended {
        let seen = soon("an end", connection.response()).await.expect("a whole answer");
        assert!(seen.text().contains("3003"), "{}", seen.text());
    }
    server.heard_by("c", 15).await;
    assert_eq!(server.hub.presence(&ChannelName::parse("c").expect("a name")).members.len(), 15 + 1, "alice lingers");
    server.publish("c", "news").await;
    for connection in &mut others {
        head(connection).await;
        read_until(connection, "news").await;
    }
}

async fn presence_does_not_flicker_while_members_go_on_alone_and_come_back(path: Path) {
    let server = start(path);
    let mut sockets = Vec::new();
    for n in 0..6 {
        let mut connection = open(&server, "ws?channel=c", &format!("user{n}")).await;
        assert_eq!(head(&mut connection).await.status, 101);
        sockets.push(connection.into_parts().0);
    }
    server.heard_by("c", 6).await;
    let channel = ChannelName::parse("c").expect("a name");
    let before = server.hub.presence(&channel);
    assert_eq!((before.count, before.members.len()), (6, 6));
    let changes = server.hub.channels("$sys/presence", "", 10).first().map_or(0, |info| info.offset);
    for round in 0..20 {
        // Operations take them out of their group; what comes goes to those who are in it and those who are not.
        for socket in &mut sockets {
            socket.write_all(&masked(1, br#"{"op":"ping"}"#)).await.expect("it reads");
        }
        server.publish("c", format!("round {round}")).await;
        let now = server.hub.presence(&channel);
        assert_eq!((now.count, &now.members), (6, &before.members), "round {round}");
    }
    assert_eq!(server.hub.channels("$sys/presence", "", 10).first().map_or(0, |info| info.offset), changes);
    drop(sockets);
    server.heard_by("c", 0).await;
}

async fn channels_in_any_order_are_served_alike_and_policies_apart(path: Path) {
    let server = path.start();
    let mut streams = Vec::new();
    for query in ["channel=a&channel=b/*", "channel=b/*&channel=a", "channel=a&channel=b/*&overflow=latest"] {
        for _ in 0..3 {
            streams.push(server.sent(get(&format!("/push/stream?{query}"), "")).await);
        }
    }
    // Mixed policies, where the order of subscriptions counts.
    for order in [["a", "b/*"], ["b/*", "a"]] {
        let mut connection = server.sent(get("/push/ws", UPGRADE)).await;
        assert_eq!(head(&mut connection).await.status, 101);
        let (mut socket, _) = connection.into_parts();
        for (channel, policy) in order.into_iter().zip(["gap", "latest"]) {
            let text = format!(r#"{{"op":"subscribe","channel":"{channel}","overflow":"{policy}"}}"#);
            socket.write_all(&masked(1, text.as_bytes())).await.expect("it reads");
        }
        tokio::spawn(async move {
            let mut sink = Vec::new();
            drop(socket.read_to_end(&mut sink).await);
        });
    }
    server.heard_by("a", 11).await;
    for round in 0..50 {
        server.publish(if round % 2 == 0 { "a" } else { "b/x" }, format!("text {round}.")).await;
    }
    for stream in &mut streams {
        head(stream).await;
        let seen = read_until(stream, "text 49.").await;
        let at: Vec<usize> = (0..50).map(|n| seen.find(&format!("text {n}.")).expect("every one")).collect();
        assert!(at.is_sorted(), "in order");
    }
}

async fn two_hubs_behind_one_server_do_not_mix(path: Path) {
    let other = Push::new(Hub::new(HubConfig::default()), path.plan().push).expect("valid settings");
    let hub = other.hub().clone();
    let server = path.plan().start_with(|app| app.nest("/other", other.router()));
    let mut one = server.sent(get("/push/sse?channel=c", "")).await;
    let mut two = server.sent(get("/other/sse?channel=c", "")).await;
    server.heard_by("c", 1).await;
    until("both are there", || hub.connections() == 1).await;
    for n in 0..20 {
        server.publish("c", format!("one {n}.")).await;
        hub.publish("c", push_core::Draft::text(format!("two {n}."))).await.expect("published");
    }
    for (connection, own, others) in [(&mut one, "one", "two"), (&mut two, "two", "one")] {
        head(connection).await;
        let seen = read_until(connection, &format!("{own} 19.")).await;
        assert!(!seen.contains(others), "{seen}");
    }
    assert!(server.push.drain(Duration::ZERO) == 1 && hub.connections() == 1);
    read_until(&mut one, "push.close").await;
}
