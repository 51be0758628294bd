//! ItemOperations over a mailbox in memory; with the scenarios of Microsoft's own suite (S08) that a mailbox without
//! document libraries can show.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::mail;

use super::*;
use crate::MailConfig;
use crate::eas::world::World;
use crate::eas::{Command, ItemId};
use crate::store::{Class, Command as Change, MailStore};
use crate::wbxml::tags::{air_sync, air_sync_base as base, contacts, document_library, email, search};

fn request(operations: impl IntoIterator<Item = Element>) -> Element {
    Element::new(tags::ITEM_OPERATIONS).with_all(operations)
}

fn fetch_of(store: &str) -> Element {
    Element::new(tags::FETCH).with_text(tags::STORE, store)
}

fn item(at: ItemId) -> Element {
    fetch_of("Mailbox").with_text(air_sync::COLLECTION_ID, at.folder).with_text(air_sync::SERVER_ID, at)
}

fn file(reference: &str) -> Element {
    fetch_of("Mailbox").with_text(base::FILE_REFERENCE, reference)
}

fn with_options(fetch: Element, options: impl IntoIterator<Item = Element>) -> Element {
    fetch.with(Element::new(tags::OPTIONS).with_all(options))
}

fn with_range(fetch: Element, range: &str) -> Element {
    with_options(fetch, [Element::text(tags::RANGE, range)])
}

fn body_preference(form: u8) -> Element {
    Element::new(base::BODY_PREFERENCE).with_text(base::TYPE, form)
}

impl World {
    /// What each operation is answered with.
    async fn operate(&self, operations: impl IntoIterator<Item = Element>) -> Vec<Element> {
        let root = self.answer(Command::ItemOperations, request(operations)).await;
        assert_eq!(root.child_text(tags::STATUS).as_deref(), Some("1"));
        root.child(tags::RESPONSE).expect("a response").elements().cloned().collect()
    }

    async fn fetch(&self, fetch: Element) -> Element {
        self.operate([fetch]).await.remove(0)
    }

    /// The status of a fetch that has no properties.
    async fn refused(&self, fetch: Element) -> u16 {
        let fetched = self.fetch(fetch).await;
        assert!(fetched.child(tags::PROPERTIES).is_none(), "{fetched:?}");
        status_of(&fetched)
    }

    async fn wrong(&self, operations: impl IntoIterator<Item = Element>) -> Option<Status> {
        self.call(Command::ItemOperations, request(operations)).await.err()
    }
}

fn status_of(element: &Element) -> u16 {
    element.child_text(tags::STATUS).expect("a status").parse().expect("a number")
}

fn property(fetched: &Element, tag: crate::wbxml::Tag) -> Option<String> {
    fetched.child(tags::PROPERTIES).expect("properties").child_text(tag)
}

fn with_attachment(bytes: &[u8]) -> Vec<u8> {
    let mut raw =
        String::from("Subject: files\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\ntext\r\n--m\r\n");
    let _ = write!(
        raw,
        "Content-Type: image/png; name=a.png\r\nContent-Disposition: attachment\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--m--\r\n",
        STANDARD.encode(bytes)
    );
    raw.into_bytes()
}

/// S08_TC05.
#[tokio::test]
async fn an_item_is_fetched_by_its_id_and_by_its_long_id() {
    let world = World::new().await;
    let at = world.put(world.inbox, mail::plain("Hello", "How are you?")).await;
    let fetched = world.fetch(item(at)).await;
    let names: Vec<_> = fetched.elements().map(|element| element.tag).collect();
    let expected = [tags::STATUS, air_sync::COLLECTION_ID, air_sync::SERVER_ID, air_sync::CLASS, tags::PROPERTIES];
    assert_eq!(names, expected);
    assert_eq!((status_of(&fetched), property(&fetched, email::SUBJECT).as_deref()), (1, Some("Hello")));
    assert_eq!(fetched.child_text(air_sync::CLASS).as_deref(), Some("Email"));
    let by_long_id = world.fetch(fetch_of("Mailbox").with_text(search::LONG_ID, at)).await;
    assert_eq!(by_long_id.child(tags::PROPERTIES), fetched.child(tags::PROPERTIES));
    let schema = Element::new(tags::SCHEMA).with(Element::new(email::SUBJECT));
    let some = world.fetch(with_options(item(at), [schema])).await;
    assert_eq!(some.child(tags::PROPERTIES).expect("properties").elements().count(), 1);
}

/// S08_TC02, TC03, TC04, TC17, TC18 and [MS-ASCMD] 2.2.3.177.8.
#[tokio::test]
async fn what_cannot_be_fetched_is_told_with_its_reason() {
    let world = World::new().await;
    let at = world.put(world.inbox, mail::plain("Hello", "How are you?")).await;
    let other = world.folder("Other").await;
    let elsewhere = fetch_of("Mailbox").with_text(air_sync::COLLECTION_ID, other).with_text(air_sync::SERVER_ID, at);
    let gone = ItemId { uid: crate::store::Uid(at.uid.0 + 1), ..at };
    let nowhere = ItemId { folder: crate::store::FolderId(999), ..at };
    let link = fetch_of("DocumentLibrary").with_text(document_library::LINK_ID, "\\\\host\\share");
    let no_store = fetch_of("InvalidStore").with_text(air_sync::SERVER_ID, at);
    let never = fetch_of("Mailbox").with_text(air_sync::SERVER_ID, "InvalidServerID");
    for (fetch, expected) in [
        (elsewhere, 6),
        (item(gone), 6),
        (item(nowhere), 6),
        (never, 6),
        (fetch_of("Mailbox").with_text(search::LONG_ID, "x"), 6),
        (link, 9),
        (no_store, 9),
        (file(""), 15),
        (file("InvalidAttachmentID"), 15),
        (file(&format!("{at}:7")), 15),
        (file(&format!("{gone}:0")), 15),
        (with_range(item(at), "0-9"), 2),
        (with_options(file(&format!("{at}:0")), [body_preference(1)]), 2),
    ] {
        assert_eq!(world.refused(fetch.clone()).await, expected, "{fetch:?}");
    }
    for wrong in [
        vec![],
        vec![Element::new(tags::FETCH)],
        vec![fetch_of("Mailbox")],
        vec![with_range(item(at), "")],
        vec![with_range(item(at), "1")],
        vec![with_range(item(at), "a-b")],
        vec![file("1:1:1").with_text(base::FILE_REFERENCE, "1:1:2")],
        vec![with_options(item(at), [body_preference(1), body_preference(1)])],
        vec![Element::new(tags::EMPTY_FOLDER_CONTENTS)],
        vec![item(at), Element::new(tags::MOVE)],
    ] {
        assert_eq!(world.wrong(wrong.clone()).await, Some(Status(2)), "{wrong:?}");
    }
    let part = Element::new(base::BODY_PART_PREFERENCE).with_text(base::TYPE, 1);
    assert_eq!(world.wrong([with_options(item(at), [part])]).await, Some(Status(164)));
}

/// S08_TC08.
#[tokio::test]
async fn a_message_is_given_as_it_came_only_where_it_may_be() {
    let world = World::new().await;
    let raw = mail::plain("Hello", "How are you?");
    let at = world.put(world.inbox, raw.clone()).await;
    for (support, is_given) in [(0, false), (1, false), (2, true)] {
        let options = [Element::text(air_sync::MIME_SUPPORT, support), body_preference(4)];
        let fetched = world.fetch(with_options(item(at), options)).await;
        let body = fetched.child(tags::PROPERTIES).and_then(|all| all.child(base::BODY)).expect("a body");
        assert_eq!(
            body.child(base::DATA).map(Element::to_bytes),
            is_given.then(|| Bytes::from(raw.clone())),
            "{support}"
        );
    }
}

/// S08_TC14 for attachments, and [MS-ASCMD] 2.2.3.143.2.
#[tokio::test]
async fn an_attachment_is_fetched_whole_or_in_ranges() {
    let world = World::new().await;
    let bytes: Vec<u8> = (0..=255).collect();
    let at = world.put(world.inbox, with_attachment(&bytes)).await;
    let listed = world.fetch(item(at)).await;
    let attachments = listed.child(tags::PROPERTIES).and_then(|all| all.child(base::ATTACHMENTS)).expect("some");
    let reference = attachments.elements().next().and_then(|one| one.child_text(base::FILE_REFERENCE)).expect("a name");
    let whole = world.fetch(file(&reference)).await;
    assert_eq!(whole.child_text(base::FILE_REFERENCE), Some(reference.clone()));
    assert_eq!(property(&whole, base::CONTENT_TYPE).as_deref(), Some("image/png"));
    assert_eq!(property(&whole, tags::DATA), Some(STANDARD.encode(&bytes)));
    assert_eq!(property(&whole, tags::RANGE), None);
    for (asked, given, first, last) in
        [("0-0", "0-0", 0, 0), ("10-19", "10-19", 10, 19), ("250-999", "250-255", 250, 255)]
    {
        let part = world.fetch(with_range(file(&reference), asked)).await;
        assert_eq!(property(&part, tags::RANGE).as_deref(), Some(given));
        assert_eq!(property(&part, tags::TOTAL).as_deref(), Some("256"));
        assert_eq!(property(&part, tags::DATA), Some(STANDARD.encode(&bytes[first..=last])));
    }
    for wrong in ["256-256", "9-8", "999999999-999999999"] {
        assert_eq!(world.refused(with_range(file(&reference), wrong)).await, 8, "{wrong}");
    }
}

/// S08_TC07 and [MS-ASCMD] 2.2.1.10.1.
#[tokio::test]
async fn what_is_fetched_comes_as_parts_behind_the_document_where_that_is_wanted() {
    let mut world = World::new().await;
    world.accepts_multipart = true;
    let at = world.put(world.inbox, with_attachment(b"the bytes")).await;
    let operations = request([item(at), file(&format!("{at}:2")), file("x")]);
    let answer = world.call(Command::ItemOperations, operations).await;
    let Ok(Answer::Multipart(root, parts)) = answer else { panic!("{answer:?}") };
    assert_eq!(parts, [Bytes::from_static(b"text"), Bytes::from_static(b"the bytes")]);
    let fetched: Vec<_> = root.child(tags::RESPONSE).expect("a response").elements().collect();
    let body = fetched[0].child(tags::PROPERTIES).and_then(|all| all.child(base::BODY)).expect("a body");
    assert_eq!((body.child_text(tags::PART).as_deref(), body.child(base::DATA)), (Some("1"), None));
    assert_eq!(property(fetched[1], tags::PART).as_deref(), Some("2"));
    assert_eq!(property(fetched[1], tags::DATA), None);
    assert_eq!(status_of(fetched[2]), 15);
}

#[tokio::test]
async fn an_answer_holds_so_much_and_says_what_did_not_fit() {
    let mut config = MailConfig::default();
    config.eas.max_answer = 3000;
    let world = World::with(config).await;
    let at = world.put(world.inbox, with_attachment(&[7; 1000])).await;
    let reference = format!("{at}:2");
    let fetched = world.operate((0..4).map(|_| file(&reference))).await;
    assert_eq!(fetched.iter().map(status_of).collect::<Vec<_>>(), [1, 1, 1, 11]);
    // What is smaller still fits.
    let ranges = world
        .operate([
            file(&reference),
            file(&reference),
            with_range(file(&reference), "0-900"),
            file(&reference),
            with_range(file(&reference), "0-9"),
        ])
        .await;
    assert_eq!(ranges.iter().map(status_of).collect::<Vec<_>>(), [1, 1, 1, 11, 1]);
}

fn empty(collection: impl std::fmt::Display, sub_folders: bool) -> Element {
    let empty = Element::new(tags::EMPTY_FOLDER_CONTENTS).with_text(air_sync::COLLECTION_ID, collection);
    if !sub_folders {
        return empty;
    }
    empty.with(Element::new(tags::OPTIONS).with(Element::new(tags::DELETE_SUB_FOLDERS)))
}

/// S08_TC01, TC10 and TC20.
#[tokio::test]
async fn a_folder_is_emptied_and_those_below_it_go_where_that_is_said() {
    let world = World::new().await;
    let above = world.folder("Above").await;
    let below = world.folder("Above/Below").await;
    world.folder("Above/Below/Deep").await;
    for folder in [above, below, world.inbox] {
        for _ in 0..600 {
            world.put(folder, mail::plain("x", "y")).await;
        }
    }
    let emptied = world.operate([empty(above, false)]).await.remove(0);
    let names: Vec<_> = emptied.elements().map(|element| element.tag).collect();
    assert_eq!((names, status_of(&emptied)), (vec![tags::STATUS, air_sync::COLLECTION_ID], 1));
    assert_eq!([world.count(above).await, world.count(below).await, world.count(world.inbox).await], [0, 600, 600]);
    assert_eq!(status_of(&world.operate([empty(above, true)]).await[0]), 1);
    let paths: Vec<_> =
        world.store.hierarchy().await.expect("a tree").folders.into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["INBOX", "Above"]);
    assert_eq!(world.count(world.inbox).await, 600);
    for (wrong, expected) in [("999", 6), ("x", 6), ("01", 6), ("RI", 16)] {
        assert_eq!(status_of(&world.operate([empty(wrong, false)]).await[0]), expected, "{wrong}");
    }
}

/// S08_TC19, and [MS-ASCMD] 2.2.3.118.
#[tokio::test]
async fn a_conversation_is_not_moved_and_that_is_told() {
    let world = World::new().await;
    let moving = |is_always: bool| {
        let element = Element::new(tags::MOVE)
            .with(Element::opaque(tags::CONVERSATION_ID, vec![1, 0, 2]))
            .with_text(tags::DST_FLD_ID, world.inbox);
        if is_always {
            element.with(Element::new(tags::OPTIONS).with(Element::new(tags::MOVE_ALWAYS)))
        } else {
            element
        }
    };
    let answered = world.operate([moving(true), moving(false)]).await;
    assert_eq!(answered.iter().map(status_of).collect::<Vec<_>>(), [156, 155]);
    assert_eq!(answered[0].child(tags::CONVERSATION_ID).expect("it").to_bytes().as_ref(), [1, 0, 2]);
}

#[tokio::test]
async fn operations_are_done_in_their_order_and_told_in_that_of_the_schema() {
    let world = World::new().await;
    let at = world.put(world.inbox, mail::plain("x", "y")).await;
    let answered = world.operate([item(at), empty(world.inbox, false), item(at)]).await;
    let told: Vec<_> = answered.iter().map(|one| (one.tag, status_of(one))).collect();
    assert_eq!(told, [(tags::EMPTY_FOLDER_CONTENTS, 1), (tags::FETCH, 1), (tags::FETCH, 6)]);
    let gone = world.store.apply(Change::Delete { folder: at.folder, uid: at.uid }).await;
    assert!(gone.is_err(), "it was deleted");
}

#[tokio::test]
async fn what_is_no_mail_is_fetched_as_what_it_is() {
    let world = World::new().await;
    let made = world.store.apply(Change::CreateFolderOf { class: Class::Contacts, path: "People".into() }).await;
    let book = made.expect("made").folder.expect("a number");
    let at = world
        .put(book, "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ann\r\nEMAIL:ann@example.org\r\nEND:VCARD\r\n")
        .await;
    let fetched = world.fetch(item(at)).await;
    assert_eq!(fetched.child_text(air_sync::CLASS).as_deref(), Some("Contacts"));
    assert_eq!(property(&fetched, contacts::EMAIL1_ADDRESS).as_deref(), Some("ann@example.org"));
    assert_eq!(status_of(&world.operate([empty(book, false)]).await[0]), 1);
    assert_eq!(world.count(book).await, 0);
}
