//! `content`: sent until it is acknowledged.

use serde_json::{Value, json};

use crate::world::World;

fn subjects(page: &Value) -> Vec<&str> {
    page["events"].as_array().expect("events").iter().filter_map(|event| event["data"]["subject"].as_str()).collect()
}

#[tokio::test]
async fn what_was_pushed_is_sent_again_until_its_cursor_is_shown() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    world.mail.publish("alice", None).await;
    let ask = |ack: Option<&Value>| json!({"device": "d", "timeout_s": 0, "ack": ack});
    assert!(subjects(&world.call("content", &ask(None)).await).is_empty());
    world.deliver(inbox, "one").await;
    world.mail.publish("alice", None).await;
    // Its answer is lost, again and again.
    for _ in 0..3 {
        assert_eq!(subjects(&world.call("content", &ask(None)).await), ["one"]);
    }
    world.deliver(inbox, "two").await;
    world.mail.publish("alice", None).await;
    let both = world.call("content", &ask(None)).await;
    assert_eq!((subjects(&both), &both["outcome"]), (vec!["one", "two"], &json!("complete")));
    let first = &both["events"][0]["id"];
    assert_eq!(subjects(&world.call("content", &ask(Some(first))).await), ["two"]);
    let last = &both["cursor"];
    assert!(subjects(&world.call("content", &ask(Some(last))).await).is_empty());
    // An acknowledgement that comes late takes nothing back.
    assert!(subjects(&world.call("content", &ask(Some(first))).await).is_empty());
    let wrong = world.respond(None, "content", &json!({"device": "d", "ack": "x"})).await;
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn a_device_that_waits_is_sent_what_comes() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    world.mail.publish("alice", None).await;
    world.call("content", &json!({"device": "d", "timeout_s": 0})).await;
    let addr = world.addr;
    let waits = tokio::spawn(async move {
        let body = json!({"device": "d", "timeout_s": 60}).to_string();
        testkit::http::Request::post("/push/mail/content", body).send(addr).await
    });
    testkit::api::eventually("it waits", || async {
        testkit::api::stats(addr, None).await["connections"]["total"] == 1
    })
    .await;
    world.deliver(inbox, "now").await;
    let page: Value = waits.await.expect("answered").json();
    assert_eq!(subjects(&page), ["now"]);
}
