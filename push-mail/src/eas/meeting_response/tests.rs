//! Invitations that are answered: what the organizer gets, what is in the calendar, what is left of the invitation.

use std::sync::Arc;

use bytes::Bytes;
use push_core::Identity;

use super::*;
use crate::direct::devices::DeviceId;
use crate::eas::compose::tests::{Server, World};
use crate::eas::{Command as Asked, Params, Version};
use crate::store::Flags;

const EVENT: &str = "BEGIN:VEVENT\r\nUID:one@b\r\nSEQUENCE:2\r\nSUMMARY:lunch\r\nDTSTART;TZID=X:20261122T120000\r\nDTEND;TZID=X:20261122T130000\r\nORGANIZER;CN=Bob:mailto:bob@example.org\r\nATTENDEE;CN=Carol;PARTSTAT=NEEDS-ACTION:mailto:carol@example.org\r\nATTENDEE;CN=Alice;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:MAILTO:Alice@Example.org\r\nEND:VEVENT\r\n";

const ZONE: &str = "BEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

fn invitation(method: &str, event: &str) -> String {
    format!(
        "From: bob@example.org\r\nTo: alice@example.org\r\nSubject: lunch\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\ncome\r\n--b\r\nContent-Type: text/calendar; method={method}; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nMETHOD:{method}\r\n{ZONE}{event}END:VCALENDAR\r\n--b--\r\n"
    )
}

struct Phone {
    world: World,
    server: Server,
    calendar: Option<FolderId>,
}

impl Phone {
    async fn new(with_calendar: bool) -> Self {
        let world = World::default();
        let server = Server::start(&world).await;
        let make = Command::CreateFolderOf { class: Class::Calendar, path: "Calendar".to_owned() };
        let calendar = match with_calendar {
            true => server.store.apply(make).await.expect("made").folder,
            false => None,
        };
        server.store.apply(Command::CreateFolder { path: "Trash".to_owned() }).await.expect("made");
        Self { world, server, calendar }
    }

    async fn add(&self, raw: String) -> ItemId {
        let tree = self.server.store.hierarchy().await.expect("folders");
        let folder = tree.folders.iter().find(|folder| folder.path == "INBOX").expect("an inbox").id;
        let append = Command::Append { folder, raw: raw.into(), flags: Flags::default() };
        let uid = self.server.store.apply(append).await.expect("added").uid.expect("a number");
        ItemId { folder, uid }
    }

    async fn answers(&self, id: ItemId, response: u8, sends: bool) -> Result<Option<ItemId>, u16> {
        let mut request = Element::new(tag::REQUEST).with_text(tag::USER_RESPONSE, response);
        request = request.with_text(tag::COLLECTION_ID, id.folder).with_text(tag::REQUEST_ID, id);
        if sends {
            let body = Element::new(air_sync_base::BODY).with_text(air_sync_base::DATA, "gladly");
            request.push(Element::new(tag::SEND_RESPONSE).with(body));
        }
        let now = pim::moment::of_millis(1_700_000_000_000);
        respond(&self.server.mail, &self.call(), &request, now).await
    }

    fn call(&self) -> Call {
        Call {
            version: Version::V16_1,
            command: Asked::MeetingResponse,
            identity: Identity::default(),
            account: Arc::clone(&self.server.account),
            id: Arc::new(DeviceId { account: "alice".into(), user: None, device: "phone".into() }),
            device_type: "test".to_owned(),
            policy_key: None,
            accepts_multipart: false,
            params: Params::default(),
            document: None,
            request: http::Request::new(Bytes::new()),
        }
    }

    async fn meetings(&self) -> Vec<String> {
        self.server.held("Calendar").await.into_iter().map(|(text, _)| text).collect()
    }
}

#[tokio::test]
async fn an_accepted_meeting_is_in_the_calendar_and_its_organizer_hears_of_it_once() {
    let phone = Phone::new(true).await;
    for (count, response, word) in [(1, 2, "TENTATIVE"), (2, 1, "ACCEPTED")] {
        let id = phone.add(invitation("REQUEST", EVENT)).await;
        let placed = phone.answers(id, response, true).await.expect("answered").expect("placed");
        assert_eq!(Some(placed.folder), phone.calendar);
        let meetings = phone.meetings().await;
        assert_eq!(meetings.len(), 1, "one, however often it was answered");
        assert!(meetings[0].contains("mailto:carol@example.org\r\n") && !meetings[0].contains("METHOD"));
        let flat = meetings[0].replace("\r\n ", "");
        assert!(flat.contains(&format!("ATTENDEE;CN=Alice;PARTSTAT={word}:MAILTO:Alice@Example.org\r\n")), "{flat}");
        assert_eq!(flat.contains(BUSY), word == "TENTATIVE");
        assert!(phone.server.held("INBOX").await.is_empty());
        assert_eq!(phone.server.held("Trash").await.len(), count);
        let arrived = phone.world.arrived();
        assert_eq!(arrived.len(), count);
        let reply = arrived[count - 1].replace("\r\n ", "");
        for part in [
            "To: <bob@example.org>",
            "METHOD:REPLY",
            "SEQUENCE:2",
            "TZID:X",
            "DTSTAMP:20231114T221320Z",
            "gladly",
            word,
        ] {
            assert!(reply.contains(part), "{part}: {reply}");
        }
        assert!(!reply.contains("carol"), "only who answers: {reply}");
    }
    assert_eq!(phone.server.held("Sent").await.len(), 2);
}

const BUSY: &str = "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE";

#[tokio::test]
async fn a_declined_meeting_leaves_the_calendar() {
    let phone = Phone::new(true).await;
    let id = phone.add(invitation("REQUEST", EVENT)).await;
    let placed = phone.answers(id, 1, false).await.expect("answered").expect("placed");
    assert!(phone.world.arrived().is_empty(), "the device sends for itself");
    assert_eq!(phone.meetings().await.len(), 1);
    // From the calendar, where it was accepted.
    assert_eq!(phone.answers(placed, 2, false).await, Ok(Some(placed)));
    assert_eq!(phone.answers(placed, 3, true).await, Ok(None));
    assert!(phone.meetings().await.is_empty());
    assert!(phone.world.arrived()[0].contains("Declined: lunch"));
    assert_eq!(phone.answers(placed, 3, false).await, Err(NO_INVITATION), "it is gone");
}

#[tokio::test]
async fn where_there_is_no_calendar_the_answer_is_sent_all_the_same() {
    let phone = Phone::new(false).await;
    let id = phone.add(invitation("REQUEST", EVENT)).await;
    assert_eq!(phone.answers(id, 1, true).await, Ok(None));
    assert_eq!(phone.world.arrived().len(), 1);
    assert!(phone.server.held("INBOX").await.is_empty());
}

#[tokio::test]
async fn what_is_no_invitation_to_others_is_refused_and_stays() {
    let phone = Phone::new(true).await;
    let mut all = vec![
        invitation("CANCEL", EVENT),
        invitation("REQUEST", &EVENT.replace("bob@", "alice@")),
        invitation("REQUEST", &EVENT.replace("ORGANIZER", "X-NOBODY")),
        invitation("REQUEST", ""),
        "Subject: hi\r\n\r\nhi\r\n".to_owned(),
    ];
    let count = all.len();
    for raw in all.drain(..) {
        let id = phone.add(raw).await;
        for response in [1, 3, 0, 4] {
            assert_eq!(phone.answers(id, response, true).await, Err(NO_INVITATION));
        }
    }
    assert_eq!(phone.server.held("INBOX").await.len(), count);
    assert!(phone.world.arrived().is_empty() && phone.meetings().await.is_empty());
}

#[test]
fn where_nobody_knows_who_is_invited_the_only_one_is_and_nothing_is_said() {
    let raw = |event: &str| format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n");
    let two = raw(EVENT);
    let one = raw(&EVENT.replace("ATTENDEE;CN=Carol", "X-NOBODY"));
    for (text, expected) in [(&two, 0), (&one, 1)] {
        let invitation = Invitation::read(text.as_bytes(), Class::Calendar, &[]).expect("an invitation");
        let answered = String::from_utf8(invitation.answered(Response::Accept).to_vec()).expect("text");
        assert_eq!(answered.matches("ACCEPTED").count(), expected, "{answered}");
        assert_eq!(answered.matches("ATTENDEE").count(), text.matches("ATTENDEE").count());
        assert_eq!(invitation.reply(Response::Accept, None, pim::moment::of_millis(0)), None);
    }
}
