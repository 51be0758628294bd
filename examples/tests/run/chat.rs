//! Rooms, who is there, and what was said before one came.

use serde_json::{Value, json};
use testkit::publication::Publication;
use testkit::{Options, Publish, PushServer, Request, Subscriber, Transport, api};

const BINARY: &str = env!("CARGO_BIN_EXE_chat");

/// Joins a room as the page does: with its joins and leaves, and the newest 50.
async fn join(server: &PushServer, transport: Transport, room: &str, name: &str) -> Subscriber {
    let (channel, joins) = (format!("chat/{room}"), format!("$sys/presence/chat/{room}"));
    let info = json!(name).to_string();
    let options = Options::channels([channel.as_str(), &joins]).last(50).param("info", &info);
    Subscriber::open(transport, server.addr(), &options).await
}

async fn say(server: &PushServer, room: &str, name: &str, text: &str) {
    let body = json!({"from": name, "text": text}).to_string();
    Publish::new(&format!("chat/{room}"), body).media_type("application/json").send(server.addr()).await;
}

fn data(publication: &Publication) -> Value {
    serde_json::from_slice(&publication.data).expect("JSON")
}

/// Waits for the words of somebody, whatever comes before.
async fn hear(subscriber: &mut Subscriber, from: &str, text: &str) -> Publication {
    loop {
        let heard = subscriber.publication().await;
        if data(&heard) == json!({"from": from, "text": text}) {
            return heard;
        }
    }
}

/// Waits for a join or leave.
async fn hear_of(subscriber: &mut Subscriber, event: &str, name: &str) {
    loop {
        let heard = subscriber.publication().await;
        if heard.event == event && data(&heard)["info"] == name {
            return;
        }
    }
}

async fn members(server: &PushServer, room: &str) -> Vec<String> {
    let answer = api::presence(server.addr(), &format!("chat/{room}"), None).await;
    let listed = answer["members"].as_array().expect("a list").iter();
    listed.map(|member| member["info"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_room_greets_who_comes_lists_who_is_there_and_tells_who_went() {
    let server = super::start(BINARY, &[]).await;
    let mut ada = join(&server, Transport::WsJson, "lobby", "ada").await;
    hear(&mut ada, "moderator", "welcome, ada").await;
    assert_eq!(members(&server, "lobby").await, ["ada"]);

    let mut bob = join(&server, Transport::SseJson, "lobby", "bob").await;
    hear_of(&mut ada, "join", "bob").await;
    hear(&mut bob, "moderator", "welcome, bob").await;
    assert_eq!(members(&server, "lobby").await, ["ada", "bob"]);

    drop(bob);
    hear_of(&mut ada, "leave", "bob").await;
    assert_eq!(members(&server, "lobby").await, ["ada"]);
}

#[tokio::test]
async fn who_comes_later_reads_what_was_said_and_no_word_from_another_room() {
    let server = super::start(BINARY, &[]).await;
    let mut ada = join(&server, Transport::WsJson, "den", "ada").await;
    hear(&mut ada, "moderator", "welcome, ada").await;
    say(&server, "attic", "eve", "elsewhere").await;
    for text in ["one", "two"] {
        say(&server, "den", "ada", text).await;
    }
    hear(&mut ada, "ada", "two").await;

    let mut bob = join(&server, Transport::SseJson, "den", "bob").await;
    let mut words = Vec::new();
    loop {
        let heard = bob.publication().await;
        assert!(heard.channel.as_deref().is_some_and(|channel| channel.ends_with("chat/den")), "{heard:?}");
        match data(&heard)["text"].as_str() {
            Some("welcome, bob") => break,
            Some(text) => words.push(text.to_owned()),
            None => {} // a join
        }
    }
    assert_eq!(words, ["welcome, ada", "one", "two"]);
}

#[tokio::test]
async fn the_moderator_takes_words_back_and_goes_on_after_an_operator_ended_it() {
    let server = super::start(BINARY, &[]).await;
    let mut ada = join(&server, Transport::WsJson, "lobby", "ada").await;
    hear(&mut ada, "moderator", "welcome, ada").await;

    say(&server, "lobby", "ada", "Darn it").await;
    let said = hear(&mut ada, "ada", "Darn it").await;
    let redact = ada.publication().await;
    assert_eq!((redact.event.as_str(), data(&redact)), ("redact", json!({"offset": said.offset})));

    let ended = api::disconnect(server.addr(), &json!({"user": "moderator", "reconnect": true}), None).await;
    assert_eq!(ended.json(), json!({"disconnected": 1}));
    say(&server, "lobby", "ada", "/dice").await;
    hear(&mut ada, "ada", "/dice").await;
    let rolled = data(&ada.publication().await);
    let number = rolled["text"].as_str().and_then(|text| text.strip_prefix("ada rolls a ")).expect("a roll");
    assert!((1..=6).contains(&number.parse::<u32>().expect("a number")), "{rolled}");
}

#[tokio::test]
async fn the_page_is_one_file_and_asks_for_what_these_tests_ask_for() {
    let server = super::start(BINARY, &[]).await;
    let page = Request::get("/").send(server.addr()).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    for part in ["push/ws?", "push/sse?", "$sys/presence/", "['last', 50]", "['since', id]"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("http://") && !text.contains("https://"), "nothing from elsewhere: {text}");
}
