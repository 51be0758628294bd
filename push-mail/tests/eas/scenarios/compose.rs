//! MS-ASCMD S15 SendMail, S17 SmartForward, S18 SmartReply, and what S21 checks of them.

use push_mail::store::{Flags, Token, Wanted};
use push_mail::wbxml::Element;
use push_mail::wbxml::tags::compose_mail as c;
use testkit::smtp::{Ending, SmtpOptions};

use super::in_every_world;
use crate::client::Phone;
use crate::client::compose::message;
use crate::world::World;

in_every_world!(by sending:
    s15_tc01_a_message_is_sent_and_kept_where_the_phone_wants_it,
    s15_tc02_another_account_is_not_known,
    s21_tc06_a_message_that_was_sent_is_not_sent_again,
    s21_tc08_a_request_without_a_message_is_no_request,
    s21_tc09_a_message_without_recipients_is_refused,
    s21_tc13_the_original_must_be_there,
    s17_tc01_a_forwarded_message_has_the_original_in_it,
    s17_tc07_a_phone_may_send_the_whole_itself,
    s18_tc01_an_answer_has_the_original_in_it,
    a_message_that_is_refused_is_not_kept_and_may_be_sent_again,
    blind_copies_are_nobodys_business,
);

impl World {
    fn taken(&self) -> Vec<testkit::smtp::Taken> {
        self.smtp.as_ref().expect("phones can send").taken()
    }

    /// The marks of the only message in the inbox.
    async fn marks(&self) -> Flags {
        let folder = self.inbox().await;
        let page = self.store.changes(folder, Token::START, 10).await.expect("changes");
        let items = self.store.fetch(folder, &[page.changes[0].uid], Wanted::Flags).await.expect("fetched");
        items[0].flags
    }
}

async fn with_sent(world: &World) -> (Phone, String) {
    world.make_folder("Sent").await;
    let mut phone = world.phone().await;
    let sent = phone.folder_of_kind(5);
    phone.sync_all(&sent).await;
    (phone, sent)
}

async fn s15_tc01_a_message_is_sent_and_kept_where_the_phone_wants_it(world: World) {
    let (mut phone, sent) = with_sent(&world).await;
    for (save, version) in [(false, "14.1"), (true, "16.1")] {
        phone.version = version;
        let id = phone.client_id();
        let mime = message("bob@example.org", version, "Hello Bob.");
        assert_eq!(phone.send_mail(&id, mime, save).await, None, "{version}");
    }
    let taken = world.taken();
    assert_eq!(taken.len(), 2);
    for (taken, version) in taken.iter().zip(["14.1", "16.1"]) {
        assert_eq!(taken.recipients, ["<bob@example.org>"]);
        assert!(taken.from.starts_with("<alice@example.org>"), "{taken:?}");
        assert!(taken.text().contains(&format!("Subject: {version}\r\n")) && taken.text().contains("Hello Bob."));
    }
    phone.sync_all(&sent).await;
    assert_eq!(phone.subjects(&sent), ["16.1"]);
    let held = &phone.held[&sent];
    assert!(held.is_read(&held.find("16.1")), "one knows what one wrote");
}

async fn s15_tc02_another_account_is_not_known(world: World) {
    let (mut phone, _) = with_sent(&world).await;
    let request = Element::new(c::SEND_MAIL)
        .with_text(c::CLIENT_ID, "1")
        .with_text(c::ACCOUNT_ID, "invalid")
        .with(Element::opaque(c::MIME, message("bob@example.org", "s", "t")));
    assert_eq!(phone.compose("SendMail", &request).await, Some(166));
    assert!(world.taken().is_empty());
}

async fn s21_tc06_a_message_that_was_sent_is_not_sent_again(world: World) {
    let (mut phone, sent) = with_sent(&world).await;
    let mime = || message("bob@example.org", "once", "Hello Bob.");
    assert_eq!(phone.send_mail("same", mime(), true).await, None);
    // R4848.
    for _ in 0..3 {
        assert_eq!(phone.send_mail("same", mime(), true).await, Some(118));
    }
    let another = message("bob@example.org", "another", "Hello again.");
    assert_eq!(phone.send_mail("same", another, true).await, Some(118));
    assert_eq!(world.taken().len(), 1);
    phone.sync_all(&sent).await;
    assert_eq!(phone.subjects(&sent), ["once"]);
    // Another phone's names are its own.
    let mut other = world.phone().await;
    assert_eq!(other.send_mail("same", mime(), true).await, None);
    assert_eq!(world.taken().len(), 2);
}

async fn s21_tc08_a_request_without_a_message_is_no_request(world: World) {
    let (mut phone, _) = with_sent(&world).await;
    let request = Element::new(c::SEND_MAIL).with_text(c::CLIENT_ID, "1");
    assert_eq!(phone.compose("SendMail", &request).await, Some(103));
}

async fn s21_tc09_a_message_without_recipients_is_refused(world: World) {
    let (mut phone, sent) = with_sent(&world).await;
    let mime = b"From: alice@example.org\r\nSubject: to nobody\r\n\r\nHello.\r\n".to_vec();
    assert_eq!(phone.send_mail("1", mime, true).await, Some(119));
    assert!(world.taken().is_empty());
    assert!(phone.sync_all(&sent).await.is_nothing());
}

async fn s21_tc13_the_original_must_be_there(world: World) {
    let (mut phone, _) = with_sent(&world).await;
    let inbox = phone.inbox();
    for command in ["SmartReply", "SmartForward"] {
        for item in [format!("{inbox}:99999"), "nonsense".to_owned()] {
            let mime = message("bob@example.org", "Re: gone", "Hello.");
            assert_eq!(phone.smart(command, (&inbox, &item), mime).await, Some(150), "{command} {item}");
        }
    }
    assert!(world.taken().is_empty());
}

/// A phone that holds one message of the inbox, and its id.
async fn with_original(world: &World) -> (Phone, String, String) {
    world.make_folder("Sent").await;
    world.put(world.inbox().await, testkit::mail::plain("original", "These are its words.")).await;
    let (phone, inbox) = world.synced_phone().await;
    let item = phone.held[&inbox].find("original");
    (phone, inbox, item)
}

async fn s17_tc01_a_forwarded_message_has_the_original_in_it(world: World) {
    let (mut phone, inbox, item) = with_original(&world).await;
    let mime = message("bob@example.org", "Fwd: original", "Look at this.");
    assert_eq!(phone.smart("SmartForward", (&inbox, &item), mime).await, None);
    let text = world.taken()[0].text();
    assert!(text.contains("Look at this.") && text.contains("These are its words."), "{text}");
    assert_eq!(world.marks().await, Flags::FORWARDED);
}

async fn s17_tc07_a_phone_may_send_the_whole_itself(world: World) {
    let (mut phone, inbox, item) = with_original(&world).await;
    for (tag, command) in [(c::SMART_FORWARD, "SmartForward"), (c::SMART_REPLY, "SmartReply")] {
        let source = Element::new(c::SOURCE).with_text(c::FOLDER_ID, &inbox).with_text(c::ITEM_ID, &item);
        let request = Element::new(tag)
            .with_text(c::CLIENT_ID, command)
            .with(source)
            .with(Element::new(c::REPLACE_MIME))
            .with(Element::opaque(c::MIME, message("bob@example.org", command, "All of it.")));
        assert_eq!(phone.compose(command, &request).await, None);
        let taken = world.taken();
        let text = taken.last().expect("sent").text();
        assert!(text.contains("All of it.") && !text.contains("These are its words."), "{text}");
    }
    assert_eq!(world.marks().await, Flags::FORWARDED.with(Flags::ANSWERED));
}

async fn s18_tc01_an_answer_has_the_original_in_it(world: World) {
    let (mut phone, inbox, item) = with_original(&world).await;
    let mime = message("ann@example.org", "Re: original", "Thank you.");
    assert_eq!(phone.smart("SmartReply", (&inbox, &item), mime).await, None);
    let taken = world.taken();
    let text = taken[0].text();
    let (mine, theirs) = (text.find("Thank you."), text.find("These are its words."));
    assert!(mine.is_some() && mine < theirs, "{text}");
    assert_eq!(world.marks().await, Flags::ANSWERED);
    // It is kept as it was sent.
    let sent = phone.folder_of_kind(5);
    phone.sync_all(&sent).await;
    assert_eq!(phone.subjects(&sent), ["Re: original"]);
}

async fn a_message_that_is_refused_is_not_kept_and_may_be_sent_again(world: World) {
    let (mut phone, sent) = with_sent(&world).await;
    let smtp = world.smtp.as_ref().expect("phones can send");
    smtp.set(SmtpOptions::new().ending(Ending::Refused("554 5.7.1 not today")));
    let mime = || message("bob@example.org", "twice tried", "Hello Bob.");
    let refused = phone.send_mail("1", mime(), true).await;
    assert!(refused.is_some_and(|status| status != 118), "{refused:?}");
    assert!(phone.sync_all(&sent).await.is_nothing());
    smtp.set(SmtpOptions::new());
    assert_eq!(phone.send_mail("1", mime(), true).await, None);
    assert_eq!(world.taken().len(), 1);
    phone.sync_all(&sent).await;
    assert_eq!(phone.subjects(&sent), ["twice tried"]);
}

async fn blind_copies_are_nobodys_business(world: World) {
    let (mut phone, _) = with_sent(&world).await;
    let mime = "From: alice@example.org\r\nTo: bob@example.org\r\nCc: carol@example.org\r\n\
                Bcc: dave@example.org\r\nSubject: copies\r\n\r\nHello.\r\n";
    assert_eq!(phone.send_mail("1", mime.as_bytes().to_vec(), false).await, None);
    let taken = world.taken();
    let mut recipients = taken[0].recipients.clone();
    recipients.sort();
    assert_eq!(recipients, ["<bob@example.org>", "<carol@example.org>", "<dave@example.org>"]);
    assert!(!taken[0].text().contains("dave"), "{}", taken[0].text());
}
