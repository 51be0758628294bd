//! Messages about meetings.

use super::*;

fn invitation(method: &str, partstat: &str) -> Vec<u8> {
    with_line_ends(&format!(
        "From: ann@example.org\nSubject: Lunch\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n\
         Let us have lunch\n--b\nContent-Type: text/calendar; method={method}; charset=utf-8\n\n\
         BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nMETHOD:{method}\nBEGIN:VEVENT\nUID:u@example.org\n\
         DTSTAMP:20261121T114415Z\nDTSTART:20261123T110000Z\nDTEND:20261123T120000Z\nSUMMARY:Lunch\n\
         LOCATION:Café\nORGANIZER;CN=Ann:mailto:ann@example.org\n\
         ATTENDEE;PARTSTAT={partstat};RSVP=TRUE:mailto:bob@example.org\n\
         RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=MO\nEND:VEVENT\nEND:VCALENDAR\n--b--\n"
    ))
}

/// [MS-ASEMAIL] 2.2.2.48.
#[test]
fn an_invitation_is_a_meeting_request() {
    let raw = invitation("REQUEST", "NEEDS-ACTION");
    let data = data_of(&raw, &View::default(), Version::V14_1);
    assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some("IPM.Schedule.Meeting.Request"));
    assert_eq!(text_of(&data, &[email::CONTENT_CLASS]).as_deref(), Some("urn:content-classes:calendarmessage"));
    assert_eq!(body_of(&data).trim(), "Let us have lunch");
    assert!(data.child(base::ATTACHMENTS).is_none());
    let request = data.child(email::MEETING_REQUEST).expect("a request");
    let tags: Vec<_> = request.elements().map(|element| element.tag).collect();
    let expected = [
        email::ALL_DAY_EVENT,
        email::START_TIME,
        email::DT_STAMP,
        email::END_TIME,
        email::INSTANCE_TYPE,
        email::LOCATION,
        email::ORGANIZER,
        email::RESPONSE_REQUESTED,
        email::RECURRENCES,
        email::SENSITIVITY,
        email::BUSY_STATUS,
        email::TIME_ZONE,
        email::GLOBAL_OBJ_ID,
        email2::MEETING_MESSAGE_TYPE,
    ];
    assert_eq!(tags, expected);
    let text = |tag| request.child_text(tag).unwrap_or_default();
    assert_eq!(text(email::START_TIME), "2026-11-23T11:00:00.000Z");
    assert_eq!(text(email::ORGANIZER), "\"Ann\" <ann@example.org>");
    assert_eq!((text(email::LOCATION), text(email::INSTANCE_TYPE)), ("Café".to_owned(), "1".to_owned()));
    let rule = request.child(email::RECURRENCES).and_then(|all| all.child(email::RECURRENCE)).expect("a rule");
    let rule = |tag| rule.child_text(tag).unwrap_or_default();
    assert_eq!(
        (rule(email::TYPE), rule(email::OCCURRENCES), rule(email::DAY_OF_WEEK)),
        ("1".into(), "3".into(), "2".into())
    );
    let newer = data_of(&raw, &View::default(), Version::V16_1);
    let request = newer.child(email::MEETING_REQUEST).expect("a request");
    assert_eq!(request.child_text(crate::wbxml::tags::calendar::UID).as_deref(), Some("u@example.org"));
    assert!(request.child(email::GLOBAL_OBJ_ID).is_none() && request.child(base::LOCATION).is_some());
}

#[test]
fn what_answers_or_calls_off_a_meeting_says_so_by_its_class() {
    for (method, partstat, class, is_request) in [
        ("CANCEL", "ACCEPTED", "IPM.Schedule.Meeting.Canceled", true),
        ("REPLY", "ACCEPTED", "IPM.Schedule.Meeting.Resp.Pos", false),
        ("REPLY", "DECLINED", "IPM.Schedule.Meeting.Resp.Neg", false),
        ("REPLY", "TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent", false),
        ("PUBLISH", "ACCEPTED", "IPM.Note", false),
    ] {
        let data = data_of(&invitation(method, partstat), &View::default(), Version::V14_1);
        assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some(class), "{method} {partstat}");
        assert_eq!(data.child(email::MEETING_REQUEST).is_some(), is_request);
        assert_eq!(data.child(base::ATTACHMENTS).is_some(), !is_request, "what is not hidden is there");
    }
    let broken = String::from_utf8(invitation("REQUEST", "x")).expect("text").replace("DTSTART", "DTBEGIN");
    let data = data_of(broken.as_bytes(), &View::default(), Version::V14_1);
    assert!(data.child(email::MEETING_REQUEST).is_none() && data.child(base::ATTACHMENTS).is_some());
    assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some("IPM.Note"));
}
