//! Who is there.

use serde_json::{Value, json};
use testkit::{Item, Options, Publish, Subscriber, Transport, api, publish};

use crate::support::{ALICE, ROOT, guarded_server, launch};

const OPEN: &str = "[[namespace]]\npattern = \"room/**\"\npresence = true\n";

fn with_info(channel: &str, info: &str) -> Options {
    Options::channel(channel).param("info", info)
}

#[tokio::test]
async fn a_join_is_told_at_once_and_a_leave_after_the_last_connection_is_long_gone() {
    let server = guarded_server().await;
    let system = Options::channel("$sys/presence/chat/a").token("root-secret");
    let mut system = Subscriber::open(Transport::Ndjson, server.addr(), &system).await;
    let alice = Options::channel("chat/a").token("alice-secret");
    let one = Subscriber::open(Transport::SseJson, server.addr(), &alice).await;
    let join = system.publication().await;
    assert_eq!((join.event.as_str(), join.channel.as_deref()), ("join", Some("$sys/presence/chat/a")));
    assert!(join.text().contains("alice"), "{}", join.text());
    let two = Subscriber::open(Transport::WsJson, server.addr(), &alice).await;
    let listed = api::presence(server.addr(), "chat/a", ALICE).await;
    assert_eq!(listed["count"], 2, "{listed}");
    for member in listed["members"].as_array().expect("a list") {
        assert_eq!(member["user"], "alice", "{listed}");
        assert!(member["connection"].is_string(), "{listed}");
        assert!(!member["since"].is_null(), "{listed}");
    }
    drop(one);
    let _root =
        Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("chat/a").token("root-secret")).await;
    let next = system.publication().await;
    assert!(next.event == "join" && next.text().contains("root"), "alice has another: {}", next.text());
    drop(two);
    let leave = system.publication().await;
    assert_eq!(leave.event, "leave");
    assert!(leave.text().contains("alice"), "{}", leave.text());
    let listed = api::presence(server.addr(), "chat/a", ROOT).await;
    assert_eq!(listed["members"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[tokio::test]
async fn a_user_that_polls_does_not_flicker() {
    let server = guarded_server().await;
    let system = Options::channel("$sys/presence/chat/a").token("root-secret");
    let mut system = Subscriber::open(Transport::Ndjson, server.addr(), &system).await;
    let alice = Options::channel("chat/a").token("alice-secret");
    let mut polling = Subscriber::open(Transport::Poll, server.addr(), &alice).await;
    for number in 0..20 {
        Publish::new("chat/a", number.to_string()).token("alice-secret").send(server.addr()).await;
        assert_eq!(polling.publication().await.text(), number.to_string());
        let listed = api::presence(server.addr(), "chat/a", ALICE).await;
        assert_eq!(listed["members"][0]["user"], "alice", "between polls too: {listed}");
    }
    let _root =
        Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("chat/a").token("root-secret")).await;
    let (first, second) = (system.publication().await, system.publication().await);
    assert!(first.event == "join" && first.text().contains("alice"), "{}", first.text());
    assert!(second.event == "join" && second.text().contains("root"), "no leave between: {}", second.text());
}

#[tokio::test]
async fn where_anyone_may_come_a_member_is_who_says_something_about_itself() {
    let server = launch().config(OPEN).start().await;
    let _said = Subscriber::open(Transport::SseJson, server.addr(), &with_info("room/a", r#"{"nick": "ann"}"#)).await;
    let _text = Subscriber::open(Transport::WsJson, server.addr(), &with_info("room/a", "not json")).await;
    let _quiet = Subscriber::open(Transport::Ndjson, server.addr(), &Options::channel("room/a")).await;
    let _pattern = Subscriber::open(Transport::Ndjson, server.addr(), &with_info("room/*", "\"pattern\"")).await;
    let listed = api::presence(server.addr(), "room/a", None).await;
    let members = listed["members"].as_array().expect("a list");
    let infos: Vec<&Value> = members.iter().map(|member| &member["info"]).collect();
    assert_eq!(infos.len(), 2, "pattern subscribers are no members: {listed}");
    assert!(infos.contains(&&json!({"nick": "ann"})) && infos.contains(&&json!("not json")), "{listed}");
    assert_eq!(listed["count"], 3, "others are counted while open: {listed}");
    let too_long = with_info("room/a", &format!("\"{}\"", "x".repeat(1023)));
    let refusal = Subscriber::try_open(Transport::SseJson, server.addr(), &too_long).await.expect_err("refused");
    assert_eq!((refusal.status, refusal.code.as_deref()), (400, Some("bad_parameter")));
}

#[tokio::test]
async fn without_presence_in_its_namespace_a_channel_tells_nothing() {
    let server = launch().config(OPEN).start().await;
    let mut system = Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("$sys/presence/**")).await;
    let _quiet = Subscriber::open(Transport::SseJson, server.addr(), &with_info("other/a", "\"ann\"")).await;
    let _told = Subscriber::open(Transport::SseJson, server.addr(), &with_info("room/a", "\"bob\"")).await;
    let first = match system.next().await {
        Item::Publication(publication) => publication,
        other => panic!("{other:?}"),
    };
    assert_eq!((first.channel.as_deref(), first.event.as_str()), (Some("$sys/presence/room/a"), "join"));
    publish::text(server.addr(), "room/a", "x").await;
    let listed = api::presence_response(server.addr(), "other/a", None).await;
    if listed.status() == 200 {
        assert_eq!(listed.json()["members"].as_array().map_or(0, Vec::len), 0, "{}", listed.text());
    }
}

#[tokio::test]
async fn where_presence_is_off_nobody_is_there_and_the_answer_says_why() {
    let server = launch().start().await;
    let quiet = with_info("quiet/room", "ann");
    let _there = Subscriber::open(Transport::SseJson, server.addr(), &quiet).await;
    let listed = api::presence(server.addr(), "quiet/room", None).await;
    assert_eq!((&listed["count"], &listed["members"]), (&json!(0), &json!([])));
    assert!(listed["detail"].as_str().is_some_and(|why| why.contains("presence")), "{listed}");
}
