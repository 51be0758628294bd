//! What somebody does with a phone.

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{air_sync as a, air_sync_base as b, item_operations as i};
use testkit::Random;

use super::client::answer::text;
use super::client::items::{attachments, body, body_preference, fetch_file, fetch_item};
use super::client::{Act, Ask, Phone};
use super::{World, folders, held, shown};

/// A few hundred messages of every kind, each with a subject of its own where it has one.
async fn fill(world: &World) -> usize {
    let mut random = Random::new(7);
    let mut client = world.dovecot.client("alice").await;
    let mut count = 0;
    for _ in 0..12 {
        for mail in testkit::mail::every_kind(&mut random) {
            count += 1;
            let subject = format!("Subject: kind {count:04}\r\n");
            let raw = match String::from_utf8(mail.raw) {
                Ok(raw) => raw,
                Err(_) if count < 30 => {
                    world.dovecot.save("alice", "INBOX", &random.bytes(2000)).await;
                    continue;
                }
                Err(_) => {
                    count -= 1;
                    continue;
                }
            };
            let named = renamed(&raw, &subject);
            if named.contains('\0') || named.is_empty() {
                world.dovecot.save("alice", "INBOX", named.as_bytes()).await;
            } else {
                client.append("INBOX", &named).await;
            }
        }
    }
    count
}

/// With another subject, if it has one.
fn renamed(raw: &str, subject: &str) -> String {
    let Some(at) = raw.find("Subject: ") else { return raw.to_owned() };
    let end = raw[at..].find("\r\n").map_or(raw.len(), |end| at + end + 2);
    format!("{}{subject}{}", &raw[..at], &raw[end..])
}

async fn agrees(phone: &mut Phone, world: &World) {
    let mut client = world.dovecot.client("alice").await;
    for (name, id) in folders(phone) {
        phone.sync_all(&id).await;
        let known = |row: &(String, bool, bool)| row.0.starts_with("kind ") || row.0.starts_with("mail ");
        let mut there = shown(&mut client, if name.eq_ignore_ascii_case("inbox") { "INBOX" } else { &name }).await;
        let mut holds = held(phone, &id);
        assert_eq!(holds.len(), there.len(), "{name}");
        there.retain(known);
        holds.retain(known);
        assert_eq!(holds, there, "{name}");
    }
}

#[tokio::test]
async fn a_phone_adds_an_account_at_a_dovecot_and_does_what_phones_do() {
    let world = World::new().await;
    let count = fill(&world).await;
    let mut client = world.dovecot.client("alice").await;
    for folder in ["Archive", "Gone"] {
        client.ok(&format!("CREATE {folder}")).await;
    }

    // Provision, folder tree, first sync in windows of 50.
    let mut phone = world.phone("D1");
    phone.set_up().await;
    let inbox = phone.inbox();
    let archive = phone.folder("Archive");
    let trash = phone.folder_of_kind(4);
    let ask = Ask::of(&inbox).window(50);
    phone.sync_one(ask.clone()).await;
    let mut windows = Vec::new();
    loop {
        let told = phone.sync_one(ask.clone()).await;
        windows.push(told.added.len());
        if !told.more {
            break;
        }
    }
    assert_eq!(windows.iter().sum::<usize>(), count, "{windows:?}");
    assert!(windows.iter().all(|items| (1..=50).contains(items)), "{windows:?}");
    for id in [&archive, &trash] {
        phone.sync_all(id).await;
    }
    agrees(&mut phone, &world).await;

    // Flags, from here to there and back.
    let id = phone.held[&inbox].find("kind 0001");
    let told = phone.sync_one(Ask::of(&inbox).act(Act::read(&id, true)).act(Act::flag(&id))).await;
    assert!(told.is_nothing(), "{told:?}");
    agrees(&mut phone, &world).await;
    client.ok("SELECT INBOX").await;
    client.ok("STORE 2 +FLAGS (\\Flagged)").await;
    client.ok("STORE 3 +FLAGS (\\Seen)").await;
    assert_eq!(phone.sync_all(&inbox).await.changed.len(), 2);
    agrees(&mut phone, &world).await;

    // Delete, into the trash; move; both seen by IMAP.
    let doomed = phone.held[&inbox].find("kind 0004");
    phone.sync_one(Ask::of(&inbox).act(Act::delete(&doomed))).await;
    let moved = phone.held[&inbox].find("kind 0005");
    let moved = phone.move_items(&[(&moved, &inbox, &archive)]).await;
    assert_eq!(moved[0].status, 3);
    agrees(&mut phone, &world).await;
    assert_eq!(phone.subjects(&trash), ["kind 0004"]);
    assert_eq!(phone.subjects(&archive), ["kind 0005"]);

    attachment(&mut phone, &inbox, &world).await;
    send(&mut phone, &world).await;
    assert_eq!(phone.restarts, 0);
}

/// A file that is attached is fetched as it is, and so is the whole message.
async fn attachment(phone: &mut Phone, inbox: &str, world: &World) {
    use base64::Engine as _;
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number * 31 % 251) as u8).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|it| std::str::from_utf8(it).expect("ASCII")).collect();
    let raw = format!(
        "From: ann@example.org\r\nTo: alice@example.org\r\nSubject: mail with a file\r\nMIME-Version: 1.0\r\n{}",
        testkit::mail::multipart(
            "mixed",
            "mix",
            &[
                "Content-Type: text/plain\r\n\r\nSee the file.",
                &format!(
                    "Content-Type: image/png\r\nContent-Disposition: attachment; filename=\"p.png\"\r\n\
                     Content-Transfer-Encoding: base64\r\n\r\n{}",
                    lines.join("\r\n")
                ),
            ]
        )
    );
    world.dovecot.client("alice").await.append("INBOX", &raw).await;
    phone.sync_all(inbox).await;
    let id = phone.held[inbox].find("mail with a file");
    let all = attachments(phone.held[inbox].item(&id));
    let properties = phone.fetch_properties(fetch_file(&text(&all[0], b::FILE_REFERENCE))).await;
    let data = base64::engine::general_purpose::STANDARD.decode(text(&properties, i::DATA)).expect("base64");
    assert!(data == bytes, "{} bytes and not {}", data.len(), bytes.len());
    let options = vec![Element::text(a::MIME_SUPPORT, 2), body_preference(4, None)];
    let properties = phone.fetch_properties(fetch_item(inbox, &id, options)).await;
    assert!(body(&properties).child(b::DATA).expect("data").to_bytes() == raw, "the message as it is");
}

/// A message is sent, and lies where sent ones do.
async fn send(phone: &mut Phone, world: &World) {
    let id = phone.client_id();
    let mime = super::client::compose::message("bob@example.org", "mail to Bob", "Hello Bob.");
    assert_eq!(phone.send_mail(&id, mime, true).await, None);
    let taken = world.smtp.wait_for(1).await;
    assert!(taken[0].is_secret && taken[0].text().contains("Hello Bob."), "{taken:?}");
    phone.folder_sync().await;
    let sent = phone.folder_of_kind(5);
    phone.sync_all(&sent).await;
    assert_eq!(phone.subjects(&sent), ["mail to Bob"]);
    let name = phone.tree[&sent].name.clone();
    let mut client = world.dovecot.client("alice").await;
    assert_eq!(shown(&mut client, &name).await, [("mail to Bob".to_owned(), true, false)]);
}
