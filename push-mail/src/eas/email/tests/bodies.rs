//! Bodies, in every form that a device takes.

use super::*;
use crate::eas::email::view::MimeSupport;

/// Text and HTML that differ, so that it shows which is given.
fn alternatives() -> Vec<u8> {
    with_line_ends(
        "Subject: two\nContent-Type: multipart/alternative; boundary=b\n\n\
         --b\nContent-Type: text/plain; charset=utf-8\n\nas text ü\n\
         --b\nContent-Type: text/html; charset=utf-8\n\n<p>as HTML ü</p>\n--b--\n",
    )
}

fn given(data: &Element) -> (String, String, Option<String>) {
    let body = data.child(base::BODY).expect("a body");
    let text = |tag| body.child_text(tag).unwrap_or_default();
    (text(base::TYPE), text(base::DATA), body.child_text(base::TRUNCATED))
}

/// [MS-ASAIRS] 2.2.2.3.2: the native form first, and the next where one is wanted whole and is too long.
#[test]
fn a_body_is_given_in_the_native_form_if_that_is_wanted_and_else_in_the_first_that_is() {
    let raw = alternatives();
    let plain = mail::plain("one", "only <text>");
    let whole = Preference::whole;
    let cut = |form, size, all_or_none| Preference { truncation: Some(size), all_or_none, ..whole(form) };
    let is = |raw: &[u8], bodies: &[Preference]| {
        let (form, data, truncated) = given(&shown(raw, bodies));
        (form, data.trim().to_owned(), truncated.is_some())
    };
    let said = |form: &str, data: &str, cut| (form.to_owned(), data.to_owned(), cut);
    assert_eq!(is(&raw, &[whole(Form::Text), whole(Form::Html)]), said("2", "<p>as HTML ü</p>", false));
    assert_eq!(is(&raw, &[whole(Form::Text)]), said("1", "as text ü", false));
    assert_eq!(is(&raw, &[whole(Form::Rtf), whole(Form::Text)]), said("1", "as text ü", false));
    assert_eq!(is(&plain, &[whole(Form::Html), whole(Form::Text)]), said("1", "only <text>", false));
    assert_eq!(
        is(&plain, &[whole(Form::Html)]),
        said("2", "<html><body><div>only &lt;text&gt;<br>\r\n</div></body></html>", false)
    );
    assert_eq!(is(&raw, &[cut(Form::Html, 5, true), whole(Form::Text)]), said("1", "as text ü", false));
    assert_eq!(is(&raw, &[cut(Form::Html, 5, true)]), said("2", "", true));
    assert_eq!(is(&raw, &[cut(Form::Html, 5, false)]), said("2", "<p>as", true));
    assert_eq!(is(&raw, &[cut(Form::Text, 0, false)]), said("1", "", true));
    assert_eq!(is(&raw, &[whole(Form::Rtf)]), said("2", "", true));
    assert_eq!(is(&raw, &[]), said("1", "as text ü", false));
}

#[test]
fn a_body_is_cut_at_the_end_of_a_character_and_says_how_long_the_whole_is() {
    let raw = "Content-Type: text/plain; charset=utf-8\r\n\r\na\u{1F680}b";
    for (size, data) in [(1, "a"), (2, "a"), (4, "a"), (5, "a\u{1F680}"), (6, "a\u{1F680}b"), (u32::MAX, "a\u{1F680}b")]
    {
        let preference = Preference { truncation: Some(size), ..Preference::whole(Form::Text) };
        let told = shown(raw.as_bytes(), &[preference]);
        assert_eq!(body_of(&told), data, "{size}");
        assert_eq!(text_of(&told, &[base::BODY, base::ESTIMATED_DATA_SIZE]).as_deref(), Some("6"));
        let truncated = text_of(&told, &[base::BODY, base::TRUNCATED]);
        assert_eq!(truncated.as_deref(), (size < 6).then_some("1"), "{size}");
    }
}

/// [MS-ASAIRS] 2.2.2.35: plain text, and none beside text that is given.
#[test]
fn a_preview_is_text_beside_another_form() {
    let raw = alternatives();
    let preference = |form, truncation| Preference { preview: Some(5), truncation, ..Preference::whole(form) };
    let preview = |preference| text_of(&shown(&raw, &[preference]), &[base::BODY, base::PREVIEW]);
    assert_eq!(preview(preference(Form::Html, Some(0))).as_deref(), Some("as te"));
    assert_eq!(preview(preference(Form::Text, None)), None);
    assert_eq!(preview(preference(Form::Text, Some(0))).as_deref(), Some("as te"));
    let part = View { body_part: Some(preference(Form::Html, None)), ..View::default() };
    let data = data_of(&raw, &part, Version::V14_1);
    let part = data.child(base::BODY_PART).expect("a part");
    assert_eq!(part.child_text(base::STATUS).as_deref(), Some("1"));
    assert_eq!(part.child_text(base::DATA).as_deref(), Some("<p>as HTML ü</p>"));
}

fn smime() -> Vec<u8> {
    with_line_ends(
        "Subject: signed\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\n\n\
         --s\nContent-Type: text/plain\n\nsigned text\n--s\nContent-Type: application/pkcs7-signature; name=smime.p7s\n\
         Content-Transfer-Encoding: base64\n\nAAAA\n--s--\n",
    )
}

/// [MS-ASCMD] 2.2.3.110: MIMESupport 0 never, 1 of S/MIME, 2 always.
#[test]
fn a_message_is_given_as_it_came_where_that_is_wanted_and_may_be() {
    let view = |mime_support, truncation, mime_truncation| View {
        bodies: vec![Preference { truncation, ..Preference::whole(Form::Mime) }, Preference::whole(Form::Text)],
        mime_support,
        mime_truncation,
        ..View::default()
    };
    let form = |raw: &[u8], mime_support| {
        text_of(&data_of(raw, &view(mime_support, None, None), Version::V14_1), &[base::BODY, base::TYPE])
    };
    for (raw, mime_support, expected) in [
        (alternatives(), MimeSupport::Never, "1"),
        (alternatives(), MimeSupport::Smime, "1"),
        (alternatives(), MimeSupport::Always, "4"),
        (smime(), MimeSupport::Never, "1"),
        (smime(), MimeSupport::Smime, "4"),
    ] {
        assert_eq!(form(&raw, mime_support).as_deref(), Some(expected), "{mime_support:?}");
    }
    // With the line ends of mail, whatever the store has.
    let bare = smime().into_iter().filter(|byte| *byte != b'\r').collect::<Vec<_>>();
    for raw in [smime(), bare] {
        let data = data_of(&raw, &view(MimeSupport::Smime, None, Some(4096)), Version::V14_1);
        assert_eq!(data.child(base::BODY).and_then(|body| body.child(base::DATA)).expect("data").to_bytes(), smime());
        assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some("IPM.Note.SMIME.MultipartSigned"));
    }
    for (truncation, mime_truncation, length) in [(Some(10), Some(20), 10), (None, Some(20), 20), (Some(0), None, 0)] {
        let data = data_of(&smime(), &view(MimeSupport::Always, truncation, mime_truncation), Version::V14_1);
        assert_eq!(body_of(&data).len(), length);
        assert_eq!(text_of(&data, &[base::BODY, base::TRUNCATED]).as_deref(), Some("1"));
        let size = text_of(&data, &[base::BODY, base::ESTIMATED_DATA_SIZE]);
        assert_eq!(size, Some(smime().len().to_string()));
    }
}
