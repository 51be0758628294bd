//! Search and Find over a mailbox in memory; with the scenarios of Microsoft's own suite (S14, S23) that a mailbox without
//! a directory and document libraries can show.

use testkit::mail;

use super::query::{Place, Word, words};
use super::*;
use crate::eas::world::World;
use crate::eas::{Command, ItemId, Version};
use crate::store::{Class, Command as Change, Flags, MailStore};
use crate::wbxml::Tag;
use crate::wbxml::tags::{air_sync_base as base, email as message, email2, find as find_tags, gal, item_operations};

fn store(name: &str, query: Element, options: Vec<Element>) -> Element {
    let store = Element::new(tags::STORE).with_text(tags::NAME, name).with(query);
    Element::new(tags::SEARCH).with(store.with(Element::new(tags::OPTIONS).with_all(options)))
}

fn and(conditions: Vec<Element>) -> Element {
    Element::new(tags::QUERY).with(Element::new(tags::AND).with_all(conditions))
}

fn text(words: &str) -> Element {
    Element::text(tags::FREE_TEXT, words)
}

fn folder(id: impl std::fmt::Display) -> Element {
    Element::text(air_sync::COLLECTION_ID, id)
}

fn range(range: &str) -> Element {
    Element::text(tags::RANGE, range)
}

fn compared(tag: Tag, value: &str) -> Element {
    Element::new(tag).with(Element::new(message::DATE_RECEIVED)).with_text(tags::VALUE, value)
}

/// What a store answered.
struct Answered {
    status: u16,
    /// Of messages, their subjects.
    subjects: Vec<String>,
    range: Option<String>,
    total: Option<String>,
    store: Element,
}

impl World {
    async fn search(&self, request: Element) -> Answered {
        let root = self.answer(Command::Search, request).await;
        assert_eq!(root.child_text(tags::STATUS).as_deref(), Some("1"));
        let store =
            root.child(tags::RESPONSE).and_then(|response| response.child(tags::STORE)).expect("a store").clone();
        let subject = |result: &Element| result.child(tags::PROPERTIES)?.child_text(message::SUBJECT);
        Answered {
            status: store.child_text(tags::STATUS).expect("a status").parse().expect("a number"),
            subjects: store.children(tags::RESULT).filter_map(subject).collect(),
            range: store.child_text(tags::RANGE),
            total: store.child_text(tags::TOTAL),
            store,
        }
    }

    async fn subjects(&self, conditions: Vec<Element>, options: Vec<Element>) -> Vec<String> {
        let answered = self.search(store("Mailbox", and(conditions), options)).await;
        assert_eq!(answered.status, 1, "{:?}", answered.store);
        answered.subjects
    }

    async fn put_at(&self, subject: &str, words: &str, received_ms: u64) -> ItemId {
        let raw = mail::plain(subject, words).into();
        let put = self.store.append_received(self.inbox, raw, Flags::default(), received_ms).await;
        ItemId { folder: self.inbox, uid: put.expect("put there").uid.expect("a number") }
    }
}

#[test]
fn words_are_read_as_people_write_them() {
    let word = |place, text: &str| Word { place, text: text.to_owned() };
    use Place::{Anywhere, Body, From, Subject};
    for (text, expected) in [
        ("", vec![]),
        ("  Grüße ", vec![word(Anywhere, "grüße")]),
        ("one AND two*", vec![word(Anywhere, "one"), word(Anywhere, "two")]),
        ("from:Ann subject:\"a  b\" body: c", vec![word(From, "ann"), word(Subject, "a b"), word(Body, "c")]),
        ("\"never ended", vec![word(Anywhere, "never ended")]),
        ("\"\" to:x", vec![word(Anywhere, "to:x")]),
    ] {
        assert_eq!(words(text), expected, "{text}");
    }
    assert_eq!(words(&"x ".repeat(10_000)).len(), 32);
}

/// S14_TC01, TC13, TC28.
#[tokio::test]
async fn messages_are_found_by_their_words_the_newest_first() {
    let world = World::new().await;
    world.put_at("Old news", "about a KEYWORD", 1_000).await;
    let newest = world.put_at("keyword in the subject", "x", 3_000).await;
    world.put_at("nothing", "x", 2_500).await;
    world.put_at("quoted", "ein Keyword in Grüßen", 2_000).await;
    let conditions = vec![Element::text(air_sync::CLASS, "Email"), folder(world.inbox), text("KeyWord")];
    let answered = world.search(store("Mailbox", and(conditions), vec![Element::new(tags::DEEP_TRAVERSAL)])).await;
    assert_eq!(answered.subjects, ["keyword in the subject", "quoted", "Old news"]);
    assert_eq!((answered.status, answered.range.as_deref(), answered.total.as_deref()), (1, Some("0-2"), Some("3")));
    let first = answered.store.child(tags::RESULT).expect("a result");
    let names: Vec<_> = first.elements().map(|element| element.tag).collect();
    assert_eq!(names, [air_sync::CLASS, tags::LONG_ID, air_sync::COLLECTION_ID, tags::PROPERTIES]);
    assert_eq!(first.child_text(tags::LONG_ID), Some(newest.to_string()));
    for (words, expected) in [
        ("grüßen", vec!["quoted"]),
        ("keyword grüßen", vec!["quoted"]),
        ("subject:keyword", vec!["keyword in the subject"]),
        ("\"a keyword\"", vec!["Old news"]),
        ("from:ann subject:old", vec!["Old news"]),
        ("from:bob", vec![]),
    ] {
        assert_eq!(world.subjects(vec![text(words)], vec![]).await, expected, "{words}");
    }
    // The device fetches it by its long id ([MS-ASCMD] 2.2.3.100.2).
    let fetch = Element::new(item_operations::FETCH).with_text(item_operations::STORE, "Mailbox");
    let request = Element::new(item_operations::ITEM_OPERATIONS).with(fetch.with_text(tags::LONG_ID, newest));
    let fetched = world.answer(Command::ItemOperations, request).await;
    let fetched = fetched.child(item_operations::RESPONSE).and_then(|response| response.elements().next()).expect("it");
    assert_eq!(fetched.child_text(item_operations::STATUS).as_deref(), Some("1"));
}

/// S14_TC12.
#[tokio::test]
async fn where_nothing_is_found_there_is_an_empty_result() {
    let world = World::new().await;
    world.put_at("x", "y", 1).await;
    let answered = world.search(store("Mailbox", and(vec![text("nowhere")]), vec![])).await;
    let results: Vec<_> = answered.store.children(tags::RESULT).collect();
    assert_eq!((answered.status, results.len(), results[0].is_empty()), (1, 1, true));
    assert_eq!((answered.range, answered.total.as_deref()), (None, Some("0")));
}

/// S14_TC22, TC23, and [MS-ASCMD] 2.2.3.30.5.
#[tokio::test]
async fn folders_are_looked_through_and_those_below_them_where_that_is_said() {
    let world = World::new().await;
    let above = world.folder("Above").await;
    let below = world.folder("Above/Below").await;
    for (folder, subject) in [(world.inbox, "inbox"), (above, "above"), (below, "below")] {
        world.put(folder, mail::plain(subject, "word")).await;
    }
    let sorted = async |conditions, options| {
        let mut subjects = world.subjects(conditions, options).await;
        subjects.sort();
        subjects
    };
    let deep = || vec![Element::new(tags::DEEP_TRAVERSAL)];
    assert_eq!(sorted(vec![text("word")], vec![]).await, ["above", "below", "inbox"]);
    assert_eq!(sorted(vec![folder(above), text("word")], vec![]).await, ["above"]);
    assert_eq!(sorted(vec![folder(above), text("word")], deep()).await, ["above", "below"]);
    assert_eq!(sorted(vec![folder(above), folder(world.inbox), text("word")], vec![]).await, ["above", "inbox"]);
    let calendars = vec![Element::text(air_sync::CLASS, "Calendar"), text("word")];
    assert!(sorted(calendars, vec![]).await.is_empty());
}

#[tokio::test]
async fn messages_are_found_by_time_and_conversation() {
    let world = World::new().await;
    // 2026-11-22T07:00:00Z, and an hour later.
    world.put_at("first", "word", 1_795_330_800_000).await;
    world.put_at("second", "word", 1_795_334_400_000).await;
    let after = compared(tags::GREATER_THAN, "2026-11-22T07:00:00.000Z");
    let before = compared(tags::LESS_THAN, "2026-11-22T08:00:00.000Z");
    assert_eq!(world.subjects(vec![text("word"), after.clone()], vec![]).await, ["second"]);
    assert_eq!(world.subjects(vec![text("word"), before.clone()], vec![]).await, ["first"]);
    assert!(world.subjects(vec![text("word"), after, before], vec![]).await.is_empty());
    let answer = "Subject: Re: third\r\nMessage-ID: <b@x>\r\nReferences: <a@x>\r\n\r\nx";
    world.put(world.inbox, answer).await;
    let at = world.put(world.inbox, "Subject: third\r\nMessage-ID: <a@x>\r\n\r\nx").await;
    let raw = world.store.fetch(at.folder, &[at.uid], crate::store::Wanted::Whole).await.expect("it").remove(0).raw;
    let id = email::conversation_id(&raw.expect("whole"));
    let mut found = world.subjects(vec![Element::opaque(tags::CONVERSATION_ID, id)], vec![]).await;
    found.sort();
    assert_eq!(found, ["Re: third", "third"]);
}

/// S14_TC28, and [MS-ASCMD] 2.2.3.143.3.
#[tokio::test]
async fn a_range_further_on_is_of_the_same_list() {
    let world = World::new().await;
    for number in 0..120 {
        world.put_at(&format!("{number:03}"), "word", 1 + number).await;
    }
    let search = async |given: &str| world.search(store("Mailbox", and(vec![text("word")]), vec![range(given)])).await;
    let first = search("0-0").await;
    assert_eq!((first.status, first.subjects, first.total.as_deref()), (1, vec!["119".to_owned()], Some("120")));
    world.put_at("new", "word", 1000).await;
    let next = search("1-2").await;
    assert_eq!((next.subjects, next.range.as_deref()), (vec!["118".to_owned(), "117".to_owned()], Some("1-2")));
    let anew = vec![range("1-1"), Element::new(tags::REBUILD_RESULTS)];
    assert_eq!(world.subjects(vec![text("word")], anew).await, ["119"]);
    // What is gone by now is left out.
    let gone = search("0-0").await.store.child(tags::RESULT).and_then(|one| one.child_text(tags::LONG_ID));
    let gone: ItemId = gone.expect("an id").parse().expect("one of ours");
    world.store.apply(Change::Delete { folder: gone.folder, uid: gone.uid }).await.expect("deleted");
    assert!(search("0-999").await.subjects.first().is_some_and(|subject| subject == "119"));
    for (given, status, count) in
        [("0-99", 1, 100), ("0-100", 12, 100), ("100-150", 1, 20), ("120-130", 12, 0), ("999-999", 12, 0)]
    {
        let answered = search(given).await;
        assert_eq!((answered.status, answered.subjects.len()), (status, count), "{given}");
    }
}

/// S14_TC02 to TC05, TC07 to TC11, TC24, TC27 and TC29 to TC32.
#[tokio::test]
async fn queries_that_are_wrong_or_too_complex_are_refused() {
    let world = World::new().await;
    let query = |conditions: Vec<Element>| Element::new(tags::QUERY).with_all(conditions);
    let one = || Element::new(tags::AND).with(text("x"));
    let conversation = || Element::opaque(tags::CONVERSATION_ID, vec![1]);
    let mailbox = |query: Element| store("Mailbox", query, vec![]);
    for (request, expected) in [
        (mailbox(query(vec![one(), one()])), 8),
        (mailbox(query(vec![one(), text("x")])), 8),
        (mailbox(query(vec![Element::text(air_sync::CLASS, "Email"), one()])), 8),
        (mailbox(query(vec![folder(1), one()])), 8),
        (mailbox(query(vec![conversation(), one()])), 8),
        (mailbox(query(vec![compared(tags::GREATER_THAN, "2026-11-22T07:00:00.000Z"), one()])), 8),
        (mailbox(query(vec![compared(tags::LESS_THAN, "2026-11-22T07:00:00.000Z"), one()])), 8),
        (mailbox(query(vec![Element::new(tags::OR).with(text("x"))])), 8),
        (mailbox(and(vec![one()])), 8),
        (mailbox(and(vec![])), 2),
        (mailbox(and(vec![text(" ")])), 2),
        (mailbox(query(vec![])), 2),
        (mailbox(and(vec![text("x"), Element::text(message::TO, "a@b")])), 2),
        (mailbox(and(vec![text("x"), Element::text(air_sync::CLASS, "Faxes")])), 2),
        (mailbox(and(vec![text("x"), conversation(), conversation()])), 2),
        (mailbox(and(vec![text("x"), compared(tags::LESS_THAN, "yesterday")])), 2),
        (mailbox(and(vec![text("x"), folder(999)])), 11),
        (mailbox(and(vec![text("x"), folder("never given")])), 11),
        (store("Mailbox", and(vec![text("x")]), vec![range("5-1")]), 2),
        (store("Mailbox", and(vec![text("x")]), vec![range("0-1000")]), 2),
        (store("Nowhere", and(vec![text("x")]), vec![]), 2),
        (store("DocumentLibrary", and(vec![text("x")]), vec![]), 5),
        (Element::new(tags::SEARCH), 2),
        (store("Mailbox", and(vec![text("x")]), vec![range("0-9"), range("0-9")]), 1),
        (
            store(
                "Mailbox",
                and(vec![text("x")]),
                vec![Element::text(air_sync::MIME_SUPPORT, 2), Element::text(air_sync::MIME_SUPPORT, 2)],
            ),
            1,
        ),
    ] {
        assert_eq!(world.search(request.clone()).await.status, expected, "{request:?}");
    }
}

/// S14_TC33.
#[tokio::test]
async fn found_messages_have_the_body_that_is_wanted() {
    let world = World::new().await;
    world.put(world.inbox, mail::plain("x", "word")).await;
    let preference = Element::new(base::BODY_PREFERENCE).with_text(base::TYPE, 4).with_text(base::TRUNCATION_SIZE, 100);
    let options = vec![Element::text(air_sync::MIME_SUPPORT, 2), preference];
    let answered = world.search(store("Mailbox", and(vec![text("word")]), options)).await;
    let properties =
        answered.store.child(tags::RESULT).and_then(|one| one.child(tags::PROPERTIES)).expect("properties");
    let body = properties.child(base::BODY).expect("a body");
    assert_eq!(body.child_text(base::TYPE).as_deref(), Some("4"));
    assert_eq!(body.child(base::DATA).expect("data").to_bytes().len(), 100);
}

fn find_request(id: &str, conditions: Vec<Element>, range: &str) -> Element {
    let criterion = Element::new(find_tags::MAILBOX_SEARCH_CRITERION)
        .with(Element::new(find_tags::QUERY).with_all(conditions))
        .with(Element::new(find_tags::OPTIONS).with_text(find_tags::RANGE, range));
    Element::new(find_tags::FIND)
        .with_text(find_tags::SEARCH_ID, id)
        .with(Element::new(find_tags::EXECUTE_SEARCH).with(criterion))
}

fn statuses(root: &Element) -> (Option<String>, Option<String>) {
    let response = root.child(find_tags::RESPONSE);
    (root.child_text(find_tags::STATUS), response.and_then(|response| response.child_text(find_tags::STATUS)))
}

/// S23_TC01, TC02, TC03, TC05, TC06, TC08.
#[tokio::test]
async fn messages_are_found_as_a_list_shows_them() {
    let mut world = World::new().await;
    let at = world.put(world.inbox, mail::plain("Hello", "a word, and more of it")).await;
    world.put(world.inbox, mail::plain("Other", "nothing")).await;
    let of_mail = || Element::text(air_sync::CLASS, "Email");
    let words = |text: &str| Element::text(find_tags::FREE_TEXT, text);
    let request = find_request("1", vec![words("word"), of_mail(), folder(world.inbox)], "0-5");
    let root = world.answer(Command::Find, request).await;
    let response = root.child(find_tags::RESPONSE).expect("a response");
    let names: Vec<_> = response.elements().map(|element| element.tag).collect();
    let expected = [item_operations::STORE, find_tags::STATUS, find_tags::RESULT, find_tags::RANGE, find_tags::TOTAL];
    assert_eq!(names, expected);
    let result = response.child(find_tags::RESULT).expect("a result");
    assert_eq!(result.child_text(air_sync::SERVER_ID), Some(at.to_string()));
    let properties = result.child(find_tags::PROPERTIES).expect("properties");
    let text = |tag| properties.child_text(tag);
    assert_eq!(text(message::SUBJECT).as_deref(), Some("Hello"));
    assert_eq!(text(find_tags::PREVIEW).as_deref(), Some("a word, and more of it"));
    assert_eq!(text(find_tags::HAS_ATTACHMENTS).as_deref(), Some("0"));
    assert_eq!(text(email2::IS_DRAFT).as_deref(), Some("0"));
    assert!(properties.child(base::BODY).is_none());
    let told = |first: &str, second: &str| (Some(first.to_owned()), Some(second.to_owned()));
    for (request, expected) in [
        (find_request("1", vec![words("word"), of_mail(), folder(world.inbox)], "1-5"), told("1", "1")),
        (find_request("2", vec![words("nowhere"), of_mail()], "2-5"), told("1", "4")),
        (find_request("2", vec![words("nowhere"), of_mail()], "0-5"), told("1", "1")),
        (find_request("", vec![words("word"), of_mail()], "0-5"), told("2", "2")),
        (find_request("3", vec![words("word"), of_mail(), folder("-1")], "0-5"), told("3", "3")),
        (find_request("3", vec![words("word"), Element::text(air_sync::CLASS, "Calendar")], "0-5"), told("2", "2")),
        (find_request("3", vec![of_mail()], "0-5"), told("2", "2")),
        (find_request("3", vec![words("word"), of_mail()], "x"), told("2", "2")),
    ] {
        assert_eq!(statuses(&world.answer(Command::Find, request.clone()).await), expected, "{request:?}");
    }
    let nothing = world.answer(Command::Find, find_request("2", vec![words("nowhere")], "0-5")).await;
    assert!(nothing.child(find_tags::RESPONSE).expect("a response").child(find_tags::RESULT).is_none());
    world.version = Version::V14_1;
    let old = world.call(Command::Find, find_request("1", vec![words("word")], "0-5")).await;
    assert_eq!(old.err(), Some(Status::COMMAND_NOT_SUPPORTED));
}

#[tokio::test]
async fn two_thousand_of_the_newest_messages_are_looked_into() {
    let world = World::new().await;
    world.put_at("oldest", "word", 1).await;
    for number in 0..2_000 {
        world.put_at("x", "y", 2 + number).await;
    }
    assert!(world.subjects(vec![text("word")], vec![]).await.is_empty());
    assert_eq!(world.subjects(vec![text("y")], vec![range("0-5")]).await.len(), 6);
}

fn card(name: &str, lines: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\nFN:{name}\r\nN:{}\r\n{lines}END:VCARD\r\n",
        name.replace(' ', ";")
    )
}

/// What a list of people has: names, in its order.
fn names(store: &Element) -> Vec<String> {
    let name = |result: &Element| result.child(tags::PROPERTIES)?.child_text(gal::DISPLAY_NAME);
    store.children(tags::RESULT).filter_map(name).collect()
}

/// S14_TC14, TC20, TC21, TC26 and S23_TC04.
#[tokio::test]
async fn people_are_found_by_the_beginning_of_what_they_are_called() {
    let world = World::new().await;
    let made = world.store.apply(Change::CreateFolderOf { class: Class::Contacts, path: "People".into() }).await;
    let book = made.expect("made").folder.expect("a number");
    let photo = "PHOTO;ENCODING=b;TYPE=JPEG:aGVsbG8=\r\n";
    for card in [
        card(
            "Miller Bob",
            &format!("EMAIL:bob@example.org\r\nTEL;TYPE=CELL:+49 1\r\nORG:Acme Ltd\r\nTITLE:Boss\r\n{photo}"),
        ),
        card("Abel Bobby", "EMAIL:abel@example.org\r\n"),
        card("Cole Ann", &format!("EMAIL:ann@example.org\r\n{photo}")),
    ] {
        world.put(book, card).await;
    }
    let people = |text: &str, options| store("GAL", Element::text(tags::QUERY, text), options);
    for (text, expected) in [
        ("bob", vec!["Abel Bobby", "Miller Bob"]),
        ("ACME", vec!["Miller Bob"]),
        ("ann@", vec!["Cole Ann"]),
        ("miller b", vec!["Miller Bob"]),
        ("iller", vec![]),
    ] {
        let answered = world.search(people(text, vec![])).await;
        assert_eq!(
            (answered.status, names(&answered.store)),
            (1, expected.iter().map(|&one| one.to_owned()).collect()),
            "{text}"
        );
    }
    let answered = world.search(people("bob", vec![range("1-1")])).await;
    assert_eq!((answered.range.as_deref(), answered.total.as_deref()), (Some("1-1"), Some("2")));
    let properties =
        answered.store.child(tags::RESULT).and_then(|one| one.child(tags::PROPERTIES)).expect("properties");
    let text = |tag| properties.child_text(tag).unwrap_or_default();
    assert_eq!((text(gal::ALIAS), text(gal::EMAIL_ADDRESS)), ("bob".into(), "bob@example.org".into()));
    assert_eq!((text(gal::FIRST_NAME), text(gal::LAST_NAME)), ("Bob".into(), "Miller".into()));
    assert_eq!(
        (text(gal::MOBILE_PHONE), text(gal::COMPANY), text(gal::TITLE)),
        ("+49 1".into(), "Acme Ltd".into(), "Boss".into())
    );
    assert!(properties.child(gal::PICTURE).is_none());
    for (limits, expected) in [
        (vec![], ["173", "1", "1"]),
        (vec![Element::text(tags::MAX_SIZE, 4)], ["173", "174", "174"]),
        (vec![Element::text(tags::MAX_PICTURES, 1)], ["173", "1", "175"]),
    ] {
        let options = vec![Element::new(tags::PICTURE).with_all(limits.clone())];
        let answered = world.search(people("example", options.clone())).await;
        assert!(names(&answered.store).is_empty(), "of addresses the beginning counts");
        let mut statuses = Vec::new();
        // Each of whom a word begins so: Abel, Cole, Miller.
        for text in ["abel", "cole", "miller"] {
            let answered = world.search(people(text, options.clone())).await;
            let one =
                answered.store.child(tags::RESULT).and_then(|one| one.child(tags::PROPERTIES)).expect("one").clone();
            statuses
                .push(one.child(gal::PICTURE).and_then(|picture| picture.child_text(gal::STATUS)).expect("a status"));
        }
        // Each request has a count of its own.
        let alone = expected.map(|status| if status == "175" { "1" } else { status });
        assert_eq!(statuses, alone, "{limits:?}");
    }
    let wrong = world.search(people(" ", vec![])).await;
    assert_eq!(wrong.status, 2);
    let criterion = Element::new(find_tags::GAL_SEARCH_CRITERION).with_text(find_tags::QUERY, "bob");
    let request = Element::new(find_tags::FIND)
        .with_text(find_tags::SEARCH_ID, "1")
        .with(Element::new(find_tags::EXECUTE_SEARCH).with(criterion));
    let root = world.answer(Command::Find, request).await;
    let response = root.child(find_tags::RESPONSE).expect("a response");
    assert_eq!(response.child_text(item_operations::STORE).as_deref(), Some("GAL"));
    assert_eq!(response.children(find_tags::RESULT).count(), 2);
    // Pictures beyond those that one answer may have are told as such.
    world.put(book, card("Abel Zoe", photo)).await;
    world.put(book, card("Abel Yan", photo)).await;
    let options = vec![Element::new(tags::PICTURE).with_text(tags::MAX_PICTURES, 1)];
    let answered = world.search(people("abel", options)).await;
    let of_one = |result: &Element| result.child(tags::PROPERTIES)?.child(gal::PICTURE)?.child_text(gal::STATUS);
    let statuses: Vec<_> = answered.store.children(tags::RESULT).filter_map(of_one).collect();
    assert_eq!(statuses, ["173", "1", "175"]);
}
