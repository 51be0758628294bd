//! Messages as phones get them.

use testkit::{Random, mail};

use super::*;
use crate::store::{FolderId, Uid};
use crate::wbxml::Tag;
use crate::wbxml::tags::{air_sync, air_sync_base as base};

const AT: ItemId = ItemId { folder: FolderId(7), uid: Uid(9) };

/// 2026-11-22T07:00:00Z.
const RECEIVED_MS: u64 = 1_795_330_800_000;

fn data_of(raw: &[u8], view: &View, version: Version) -> Element {
    let raw = Bytes::copy_from_slice(raw);
    let message = Message { raw: &raw, flags: Flags::SEEN, received_ms: RECEIVED_MS, at: AT };
    Element::new(air_sync::APPLICATION_DATA).with_all(application_data(&message, view, version))
}

fn shown(raw: &[u8], bodies: &[Preference]) -> Element {
    data_of(raw, &View { bodies: bodies.to_vec(), ..View::default() }, Version::V14_1)
}

fn text_of(element: &Element, path: &[Tag]) -> Option<String> {
    let (last, path) = path.split_last().expect("a path");
    path.iter().try_fold(element, |element, tag| element.child(*tag))?.child_text(*last)
}

fn body_of(element: &Element) -> String {
    text_of(element, &[base::BODY, base::DATA]).unwrap_or_default()
}

#[test]
fn messages_of_every_kind_show_what_was_written() {
    let mut random = Random::from_env();
    for mail in mail::every_kind(&mut random) {
        for form in [Form::Text, Form::Html] {
            let data = shown(&mail.raw, &[Preference::whole(form)]);
            if mail.kind == "noise" {
                continue;
            }
            let subject = text_of(&data, &[email::SUBJECT]).unwrap_or_default();
            assert_eq!(subject, mail.subject.clone().unwrap_or_default(), "{}", mail.kind);
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = words(mail.text.as_deref().unwrap_or_default());
            let body = body_of(&data);
            let is_other = form == Form::Html && mail.kind == "alternatives that differ";
            if form == Form::Text {
                // What is expected is what a list shows: 200 bytes.
                let shown = words(&body);
                assert_eq!(text::beginning(&shown, 200), text, "{}: {}", mail.kind, String::from_utf8_lossy(&mail.raw));
            } else if !is_other {
                assert!(words(&body).contains(&text), "{}: {body}", mail.kind);
            }
        }
    }
}
