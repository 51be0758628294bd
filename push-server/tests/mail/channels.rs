//! Folders as channels.

use serde_json::{Value, json};
use testkit::publication::Publication;
use testkit::{Options, Publish, Request, Subscriber, Transport};

use crate::world::{folder, folders, id, open, subscribe};

fn data(publication: &Publication) -> Value {
    assert_eq!(publication.media_type.as_deref(), Some("application/json"));
    serde_json::from_slice(&publication.data).expect("JSON")
}

#[tokio::test]
async fn new_mail_is_published_on_every_transport_with_what_is_known_of_it() {
    let (maildir, server) = open().await;
    let inbox = id(server.addr(), "INBOX").await;
    let mut subscribers = Vec::new();
    for transport in [Transport::WsJson, Transport::SseJson, Transport::Poll, Transport::Ndjson] {
        subscribers.push(subscribe(server.addr(), transport, "mail/alice/INBOX").await);
    }
    maildir.deliver("INBOX", "Lunch", "At noon?");
    for subscriber in &mut subscribers {
        let heard = subscriber.publication().await;
        assert_eq!((heard.event.as_str(), heard.channel.as_deref()), ("mail.new", Some("mail/alice/INBOX")));
        let data = data(&heard);
        for (member, expected) in [("folder", &*inbox), ("class", "Email"), ("subject", "Lunch")] {
            assert_eq!(data[member], expected, "{data}");
        }
        assert!(data["uid"].is_u64() && data["modseq"].is_u64(), "{data}");
        assert!(data["from"].as_str().is_some_and(|from| from.contains("bob@example.org")), "{data}");
        assert!(data["date"].is_string() || data["date"].is_u64(), "{data}");
        assert_eq!(data["preview"].as_str().map(str::trim), Some("At noon?"), "{data}");
    }
}

#[tokio::test]
async fn what_happens_to_a_message_is_told_in_its_folder() {
    let (maildir, server) = open().await;
    maildir.make("Done");
    let channels = Options::channels(["mail/alice/INBOX", "mail/alice/Done"]);
    let mut told = Subscriber::open(Transport::SseJson, server.addr(), &channels).await;
    let name = maildir.deliver("INBOX", "One", "text");
    let new = told.publication().await;
    assert_eq!(new.event, "mail.new");
    let uid = data(&new)["uid"].clone();

    maildir.mark("INBOX", &name, "S");
    let changed = told.publication().await;
    assert_eq!((changed.event.as_str(), &data(&changed)["uid"]), ("mail.changed", &uid));
    assert!(data(&changed)["modseq"].as_u64() > data(&new)["modseq"].as_u64());

    maildir.move_to("INBOX", &name, "Done");
    let (mut from, mut to) = (false, false);
    while !(from && to) {
        let moved = told.publication().await;
        assert_eq!(moved.event, "mail.moved", "{:?}", moved.text());
        from |= moved.channel.as_deref() == Some("mail/alice/INBOX");
        to |= moved.channel.as_deref() == Some("mail/alice/Done");
    }

    maildir.delete("Done", &name);
    let deleted = told.publication().await;
    assert_eq!((deleted.event.as_str(), deleted.channel.as_deref()), ("mail.deleted", Some("mail/alice/Done")));
}

#[tokio::test]
async fn the_tree_tells_of_folders_that_come_go_and_are_renamed_and_ids_stay() {
    let (maildir, server) = open().await;
    let mut tree = subscribe(server.addr(), Transport::SseJson, "mail/alice/$tree").await;
    maildir.make("Lists/rust");
    let added = tree.publication().await;
    assert_eq!(added.event, "mail.folder.added");
    let known = folder(server.addr(), "Lists/rust").await;
    assert_eq!((&data(&added)["id"], &data(&added)["to"]), (&known["id"], &json!("Lists/rust")));
    assert_eq!(known["channel"], "mail/alice/Lists%2Frust");

    maildir.rename("Lists/rust", "Lists/new & old");
    let renamed = tree.publication().await;
    assert_eq!(renamed.event, "mail.folder.renamed");
    let expected = json!({"id": known["id"], "from": "Lists/rust", "to": "Lists/new & old"});
    assert_eq!(data(&renamed), expected);
    let moved = folder(server.addr(), "Lists/new & old").await;
    assert_eq!((&moved["id"], &moved["channel"]), (&known["id"], &json!("mail/alice/Lists%2Fnew%20&%20old")));

    let channel = Options::channel(moved["channel"].as_str().expect("a channel"));
    let mut renewed = Subscriber::open(Transport::SseJson, server.addr(), &channel).await;
    maildir.deliver("Lists/new & old", "There", "text");
    assert_eq!(data(&renewed.publication().await)["subject"], "There");

    std::fs::remove_dir_all(maildir.folder("Lists/new & old")).expect("removed");
    let removed = tree.publication().await;
    assert_eq!((removed.event.as_str(), &data(&removed)["id"]), ("mail.folder.removed", &known["id"]));
    assert_eq!(data(&removed)["from"], "Lists/new & old");
    assert!(folders(server.addr()).await.iter().all(|folder| folder["id"] != known["id"]));
}

#[tokio::test]
async fn patterns_reach_mail_only_by_its_name() {
    let (maildir, server) = open().await;
    let mut everything = subscribe(server.addr(), Transport::SseJson, "**").await;
    let mut star = subscribe(server.addr(), Transport::SseJson, "*/alice/INBOX").await;
    let mut mail = subscribe(server.addr(), Transport::SseJson, "mail/**").await;
    maildir.deliver("INBOX", "One", "text");
    assert_eq!(mail.publication().await.channel.as_deref(), Some("mail/alice/INBOX"));
    for channel in ["told/alice/INBOX", "told"] {
        Publish::new(channel, "x").send(server.addr()).await;
    }
    assert_eq!(everything.publication().await.channel.as_deref(), Some("told/alice/INBOX"));
    assert_eq!(star.publication().await.channel.as_deref(), Some("told/alice/INBOX"));
}

#[tokio::test]
async fn nobody_publishes_to_mail() {
    let (_maildir, server) = open().await;
    for channel in ["mail/alice/INBOX", "mail/alice/$tree", "mail/nobody/INBOX", "mail/x"] {
        let refused = Publish::new(channel, "x").response(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "forbidden"), "{channel}");
    }
}

#[tokio::test]
async fn what_was_missed_comes_by_its_cursor_and_by_history() {
    let (maildir, server) = open().await;
    let mut first = subscribe(server.addr(), Transport::SseJson, "mail/alice/INBOX").await;
    maildir.deliver("INBOX", "One", "text");
    let one = first.publication().await;
    maildir.deliver("INBOX", "Two", "text");
    let two = first.publication().await;
    let since = Options::channel("mail/alice/**").since(one.id.expect("a cursor"));
    for transport in Transport::RESUMABLE.into_iter().filter(|transport| transport.has_envelope()) {
        let mut again = Subscriber::open(transport, server.addr(), &since).await;
        assert_eq!(again.publication().await.id, two.id, "{transport:?}");
    }
    let history = Request::get("/push/history?channel=mail/alice/INBOX").send(server.addr()).await;
    assert_eq!(history.json()["events"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_preview_is_as_long_as_configured() {
    let maildir = crate::world::Maildir::new();
    let config = maildir.config().replace("[mail]\n", "[mail]\npreview_bytes = 10\n");
    let server = crate::world::launch().config(&config).start().await;
    let mut told = subscribe(server.addr(), Transport::SseJson, "mail/alice/INBOX").await;
    maildir.deliver("INBOX", "Long", &"0123456789".repeat(20));
    assert_eq!(data(&told.publication().await)["preview"].as_str().map(str::len), Some(10));
}
