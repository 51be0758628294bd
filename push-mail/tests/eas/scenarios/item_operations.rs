//! MS-ASCMD S08: ItemOperations; MS-ASAIRS S02 and S03: bodies and attachments, as far as Fetch and Sync show them.

use push_mail::wbxml::tags::{air_sync as a, air_sync_base as b, email as e, item_operations as i};
use push_mail::wbxml::{Content, Element};

use super::in_every_world;
use crate::client::answer::{status, text};
use crate::client::items::{attachments, body, body_number, body_preference, body_text, fetch_file, fetch_item};
use crate::client::{Ask, Phone};
use crate::world::World;

in_every_world!(
    s08_tc02_an_option_that_is_none_is_no_request,
    s08_tc03_another_store_is_not_known,
    s08_tc04_an_item_that_is_not_there_is_6,
    s08_tc05_an_item_is_fetched_whole,
    s08_tc07_parts_come_behind_the_document_where_the_phone_takes_them,
    s08_tc08_a_message_is_fetched_as_it_is,
    s08_tc10_a_folder_is_emptied,
    s08_tc01_folders_below_stay_unless_they_are_named,
    s08_tc14_a_range_of_an_attachment_is_cut_and_a_wrong_one_is_8,
    s08_tc17_an_attachment_that_is_not_there_is_15,
    s08_tc18_two_attachments_in_one_fetch_are_no_request,
    several_operations_are_answered_in_their_order,
    asairs_s02_tc01_tc05_a_body_is_cut_where_the_phone_wants_it,
    asairs_s02_tc02_all_or_none_leaves_out_what_would_be_cut,
    asairs_s02_tc13_html_is_told_as_html_and_as_text,
    asairs_s03_tc01_an_empty_file_reference_is_no_request,
    asairs_s03_tc02_an_attachment_is_listed_and_fetched,
    a_body_is_never_cut_within_a_character,
);

/// A phone that holds one message, with the folder's id and the item's.
async fn holding(world: &World, raw: Vec<u8>) -> (Phone, String, String) {
    world.put(world.inbox().await, raw).await;
    let (phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].items.keys().next().expect("an item").clone();
    (phone, inbox, id)
}

/// 3,000 bytes of every value, attached to a short text.
fn attached() -> (Vec<u8>, Vec<u8>) {
    use base64::Engine as _;
    let bytes: Vec<u8> = (0..3000_u32).map(|number| (number * 7 % 256) as u8).collect();
    let text = "Content-Type: text/plain\r\n\r\nSee the file.\r\n";
    let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    let file = format!(
        "Content-Type: application/pdf; name=\"a file.pdf\"\r\n\
         Content-Disposition: attachment; filename=\"a file.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    );
    let head = "From: ann@example.org\r\nTo: bob@example.org\r\nSubject: attached\r\n\
                Date: Sat, 21 Nov 2026 13:14:15 +0130\r\nMIME-Version: 1.0\r\n";
    let raw = format!("{head}{}", testkit::mail::multipart("mixed", "mix", &[text, &file]));
    (raw.into_bytes(), bytes)
}

/// The bytes of a file that was fetched: base64 where they are text.
fn file_of(properties: &Element) -> Vec<u8> {
    use base64::Engine as _;
    let data = properties.child(i::DATA).unwrap_or_else(|| panic!("no data: {properties:?}"));
    match data.content.as_slice() {
        [Content::Text(text)] => {
            base64::engine::general_purpose::STANDARD.decode(text.trim()).expect("MS-ASCMD §2.2.3.39.3: base64")
        }
        other => panic!("no text: {other:?}"),
    }
}

async fn s08_tc02_an_option_that_is_none_is_no_request(world: World) {
    let (mut phone, inbox, _) = holding(&world, testkit::mail::plain("there", "Hello.")).await;
    let fetch = fetch_item(&inbox, "", vec![Element::text(i::RANGE, "")]);
    let answer = phone.item_operations(vec![fetch]).await;
    let document = answer.document();
    let within = document.child(i::RESPONSE).and_then(|response| response.child(i::FETCH));
    let status = within.map_or_else(|| status(document, i::STATUS), |fetch| status(fetch, i::STATUS));
    assert!(matches!(status, 2 | 6), "{document:?}");
}

async fn s08_tc03_another_store_is_not_known(world: World) {
    let (mut phone, inbox, id) = holding(&world, testkit::mail::plain("there", "Hello.")).await;
    let fetch = Element::new(i::FETCH)
        .with_text(i::STORE, "Invalid")
        .with_text(a::COLLECTION_ID, &inbox)
        .with_text(a::SERVER_ID, &id);
    assert_eq!(phone.fetch(fetch).await.status, 9);
}

async fn s08_tc04_an_item_that_is_not_there_is_6(world: World) {
    let (mut phone, inbox, _) = holding(&world, testkit::mail::plain("there", "Hello.")).await;
    for id in [format!("{inbox}:99999"), "nonsense".to_owned()] {
        assert_eq!(phone.fetch(fetch_item(&inbox, &id, Vec::new())).await.status, 6, "{id}");
    }
}

async fn s08_tc05_an_item_is_fetched_whole(world: World) {
    let long = "A line of some length.\r\n".repeat(500);
    let (mut phone, inbox, id) = holding(&world, testkit::mail::plain("long", &long)).await;
    for version in ["14.1", "16.1"] {
        phone.version = version;
        let properties = phone.fetch_properties(fetch_item(&inbox, &id, vec![body_preference(1, None)])).await;
        assert_eq!(text(&properties, e::SUBJECT), "long");
        assert_eq!(body_text(&properties).trim_end(), long.trim_end());
        assert_eq!(text(body(&properties), b::TYPE), "1");
    }
}

async fn s08_tc07_parts_come_behind_the_document_where_the_phone_takes_them(world: World) {
    let (raw, bytes) = attached();
    let (mut phone, inbox, id) = holding(&world, raw).await;
    let reference = text(&attachments(phone.held[&inbox].item(&id))[0], b::FILE_REFERENCE);
    phone.accepts_multipart = true;
    for packed in [false, true] {
        phone.packed = packed;
        let fetches = vec![fetch_item(&inbox, &id, vec![body_preference(1, None)]), fetch_file(&reference)];
        let answer = phone.item_operations(fetches).await;
        assert_eq!(answer.response.header("content-type"), Some("application/vnd.ms-sync.multipart"));
        let response = answer.document().child(i::RESPONSE).expect("a response");
        let fetched: Vec<_> = response.children(i::FETCH).collect();
        let part = |element: &Element| text(element, i::PART).parse::<usize>().expect("a number");
        let properties = |place: usize| fetched[place].child(i::PROPERTIES).expect("properties");
        assert!(body(properties(0)).child(b::DATA).is_none(), "the data is behind: {:?}", fetched[0]);
        let text = &answer.parts[part(body(properties(0))) - 1];
        assert_eq!(String::from_utf8_lossy(text).trim_end(), "See the file.");
        assert!(properties(1).child(i::DATA).is_none());
        assert_eq!(answer.parts[part(properties(1)) - 1], bytes, "as it is, and not in base64");
        assert_eq!(answer.parts.len(), 2);
    }
}

async fn s08_tc08_a_message_is_fetched_as_it_is(world: World) {
    let raw = testkit::mail::plain("as it is", "Grüße.\r\n.\r\nA dot.");
    let (mut phone, inbox, id) = holding(&world, raw.clone()).await;
    let options = vec![Element::text(a::MIME_SUPPORT, 2), body_preference(4, None)];
    let properties = phone.fetch_properties(fetch_item(&inbox, &id, options)).await;
    let mime = body(&properties);
    assert_eq!(text(mime, b::TYPE), "4");
    assert_eq!(mime.child(b::DATA).expect("data").to_bytes(), raw);
    assert_eq!(body_number(&properties, b::ESTIMATED_DATA_SIZE), raw.len());
}

async fn s08_tc10_a_folder_is_emptied(world: World) {
    world.deliver_many(5).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let empty = Element::new(i::EMPTY_FOLDER_CONTENTS).with_text(a::COLLECTION_ID, &inbox);
    let answer = phone.item_operations(vec![empty]).await;
    let document = answer.document();
    assert_eq!(status(document, i::STATUS), 1, "{document:?}");
    let response = document.child(i::RESPONSE).and_then(|response| response.child(i::EMPTY_FOLDER_CONTENTS));
    assert_eq!(status(response.expect("a response"), i::STATUS), 1, "{document:?}");
    phone.sync_all(&inbox).await;
    assert!(phone.subjects(&inbox).is_empty());
}

async fn s08_tc01_folders_below_stay_unless_they_are_named(world: World) {
    let parent = world.make_folder("Parent").await;
    world.make_folder("Parent/Child").await;
    world.deliver(parent, "rubbish").await;
    let mut phone = world.phone().await;
    let id = phone.folder("Parent");
    phone.sync_all(&id).await;
    let empty = || Element::new(i::EMPTY_FOLDER_CONTENTS).with_text(a::COLLECTION_ID, &id);
    phone.item_operations(vec![empty()]).await;
    phone.sync_all(&id).await;
    assert!(phone.subjects(&id).is_empty());
    phone.folder_sync().await;
    phone.folder("Child");
    let options = Element::new(i::OPTIONS).with(Element::new(i::DELETE_SUB_FOLDERS));
    phone.item_operations(vec![empty().with(options)]).await;
    phone.folder_sync().await;
    assert!(phone.tree.values().all(|row| row.name != "Child"), "{:?}", phone.tree);
}

async fn s08_tc14_a_range_of_an_attachment_is_cut_and_a_wrong_one_is_8(world: World) {
    let (raw, bytes) = attached();
    let (mut phone, inbox, id) = holding(&world, raw).await;
    let reference = text(&attachments(phone.held[&inbox].item(&id))[0], b::FILE_REFERENCE);
    let ranged = |range: &str| fetch_file(&reference).with(Element::new(i::OPTIONS).with_text(i::RANGE, range));
    let properties = phone.fetch_properties(ranged("10-19")).await;
    assert_eq!(file_of(&properties), &bytes[10..20]);
    assert_eq!(text(&properties, i::RANGE), "10-19");
    assert_eq!(text(&properties, i::TOTAL), "3000");
    assert_eq!(phone.fetch(ranged("5000-6000")).await.status, 8);
}

async fn s08_tc17_an_attachment_that_is_not_there_is_15(world: World) {
    let (raw, _) = attached();
    let (mut phone, inbox, id) = holding(&world, raw).await;
    let reference = text(&attachments(phone.held[&inbox].item(&id))[0], b::FILE_REFERENCE);
    for wrong in ["nonsense".to_owned(), format!("{reference}9"), format!("{inbox}:99999:1")] {
        assert_eq!(phone.fetch(fetch_file(&wrong)).await.status, 15, "{wrong}");
    }
}

async fn s08_tc18_two_attachments_in_one_fetch_are_no_request(world: World) {
    let (raw, _) = attached();
    let (mut phone, inbox, id) = holding(&world, raw).await;
    let reference = text(&attachments(phone.held[&inbox].item(&id))[0], b::FILE_REFERENCE);
    let fetch = fetch_file(&reference).with_text(b::FILE_REFERENCE, &reference);
    let answer = phone.item_operations(vec![fetch]).await;
    let document = answer.document();
    let within = document.child(i::RESPONSE).and_then(|response| response.child(i::FETCH));
    let status = within.map_or_else(|| status(document, i::STATUS), |fetch| status(fetch, i::STATUS));
    assert_eq!(status, 2, "{document:?}");
}

async fn several_operations_are_answered_in_their_order(world: World) {
    world.deliver_many(3).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let mut ids: Vec<String> = phone.held[&inbox].items.keys().rev().cloned().collect();
    ids.insert(1, format!("{inbox}:99999"));
    let fetches = ids.iter().map(|id| fetch_item(&inbox, id, Vec::new())).collect();
    let answer = phone.item_operations(fetches).await;
    let response = answer.document().child(i::RESPONSE).expect("a response");
    let told: Vec<_> =
        response.children(i::FETCH).map(|fetch| (fetch.child_text(a::SERVER_ID), status(fetch, i::STATUS))).collect();
    let statuses: Vec<u16> = told.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [1, 6, 1, 1]);
    for ((told, status), id) in told.iter().zip(&ids) {
        assert!(*status != 1 || told.as_ref() == Some(id), "{told:?} {id}");
    }
}

async fn asairs_s02_tc01_tc05_a_body_is_cut_where_the_phone_wants_it(world: World) {
    let long = "0123456789".repeat(100);
    let (mut phone, inbox, id) = holding(&world, testkit::mail::plain("long", &long)).await;
    let cut = phone.fetch_properties(fetch_item(&inbox, &id, vec![body_preference(1, Some(50))])).await;
    assert_eq!(body_text(&cut), long[..50]);
    assert_eq!(text(body(&cut), b::TRUNCATED), "1");
    assert!((1000..=1002).contains(&body_number(&cut, b::ESTIMATED_DATA_SIZE)), "{cut:?}");
    let whole = phone.fetch_properties(fetch_item(&inbox, &id, vec![body_preference(1, Some(5000))])).await;
    assert_eq!(body_text(&whole).trim_end(), long);
    assert_ne!(body(&whole).child_text(b::TRUNCATED).as_deref(), Some("1"));
    // The same by Sync.
    let mut ask = Ask::of(&inbox);
    ask.options = Some(vec![body_preference(1, Some(50))]);
    let mut other = world.phone().await;
    other.sync_all_of(&ask).await;
    assert_eq!(body_text(other.held[&inbox].item(&id)), long[..50]);
}

async fn asairs_s02_tc02_all_or_none_leaves_out_what_would_be_cut(world: World) {
    let long = "0123456789".repeat(100);
    let (mut phone, inbox, id) = holding(&world, testkit::mail::plain("long", &long)).await;
    let preference = body_preference(1, Some(50)).with_text(b::ALL_OR_NONE, 1);
    let properties = phone.fetch_properties(fetch_item(&inbox, &id, vec![preference])).await;
    let data = properties.child(b::BODY).and_then(|body| body.child_text(b::DATA));
    assert!(data.is_none_or(|data| data.is_empty()), "{properties:?}");
    let preference = body_preference(1, Some(5000)).with_text(b::ALL_OR_NONE, 1);
    let properties = phone.fetch_properties(fetch_item(&inbox, &id, vec![preference])).await;
    assert_eq!(body_text(&properties).trim_end(), long);
}

async fn asairs_s02_tc13_html_is_told_as_html_and_as_text(world: World) {
    let html = "<html><body><p>Good <b>morning</b>.</p></body></html>";
    let raw = format!(
        "From: ann@example.org\r\nTo: bob@example.org\r\nSubject: html\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
    );
    let (mut phone, inbox, id) = holding(&world, raw.into_bytes()).await;
    let as_html = phone.fetch_properties(fetch_item(&inbox, &id, vec![body_preference(2, None)])).await;
    assert_eq!(text(body(&as_html), b::TYPE), "2");
    assert_eq!(body_text(&as_html).trim_end(), html);
    assert_eq!(text(&as_html, b::NATIVE_BODY_TYPE), "2");
    let as_text = phone.fetch_properties(fetch_item(&inbox, &id, vec![body_preference(1, None)])).await;
    assert_eq!(text(body(&as_text), b::TYPE), "1");
    assert_eq!(body_text(&as_text).trim(), "Good morning.");
}

async fn asairs_s03_tc01_an_empty_file_reference_is_no_request(world: World) {
    let (mut phone, ..) = holding(&world, testkit::mail::plain("there", "Hello.")).await;
    let answer = phone.item_operations(vec![fetch_file("")]).await;
    let document = answer.document();
    let within = document.child(i::RESPONSE).and_then(|response| response.child(i::FETCH));
    let status = within.map_or_else(|| status(document, i::STATUS), |fetch| status(fetch, i::STATUS));
    assert!(matches!(status, 2 | 15), "{document:?}");
}

async fn asairs_s03_tc02_an_attachment_is_listed_and_fetched(world: World) {
    let (raw, bytes) = attached();
    let (mut phone, inbox, id) = holding(&world, raw).await;
    let all = attachments(phone.held[&inbox].item(&id));
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(text(&all[0], b::DISPLAY_NAME), "a file.pdf");
    assert_eq!(text(&all[0], b::METHOD), "1");
    let size: usize = text(&all[0], b::ESTIMATED_DATA_SIZE).parse().expect("a number");
    assert!((2900..=4200).contains(&size), "{size}");
    let properties = phone.fetch_properties(fetch_file(&text(&all[0], b::FILE_REFERENCE))).await;
    assert_eq!(file_of(&properties), bytes);
    assert_eq!(text(&properties, b::CONTENT_TYPE), "application/pdf");
}

async fn a_body_is_never_cut_within_a_character(world: World) {
    let long = "ä€🚀".repeat(50);
    let (mut phone, inbox, id) = holding(&world, testkit::mail::plain("long", &long)).await;
    for bytes in 0..20 {
        let fetch = fetch_item(&inbox, &id, vec![body_preference(1, Some(bytes))]);
        let properties = phone.fetch_properties(fetch).await;
        let data = body(&properties).child_text(b::DATA).unwrap_or_default();
        assert!(long.starts_with(&data) && data.len() <= bytes as usize, "{bytes}: {data:?}");
        assert!(data.len() + 3 >= bytes as usize, "{bytes}: {data:?}");
    }
}
