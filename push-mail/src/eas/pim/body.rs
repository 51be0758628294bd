//! `Body` of what is no mail ([MS-ASAIRS] 2.2.2.9): text, and HTML where a device takes nothing else.

use super::{Change, Invalid};
use crate::eas::email::{Form, Preference, View, text};
use crate::wbxml::Element;
use crate::wbxml::tags::air_sync_base;

/// In the form that a device takes; `None` where there is no text.
pub(super) fn element(plain: Option<&str>, view: &View) -> Option<Element> {
    let plain = plain.filter(|text| !text.is_empty())?.replace('\n', "\r\n");
    let preference = match (view.body(Form::Text), view.body(Form::Html)) {
        (Some(preference), _) => *preference,
        (None, Some(preference)) => *preference,
        (None, None) => Preference::whole(Form::Text),
    };
    let whole = match preference.form {
        Form::Html => format!("<html><body><div>{}</div></body></html>", text::to_html(&plain)),
        _ => plain,
    };
    let most = preference.truncation.map_or(whole.len(), |most| most as usize);
    let kept = match whole.len() {
        length if length <= most => length,
        _ if preference.all_or_none => 0,
        _ => text::beginning(&whole, most).len(),
    };
    let truncated = (kept < whole.len()).then(|| Element::text(air_sync_base::TRUNCATED, 1));
    let data = (kept > 0).then(|| Element::text(air_sync_base::DATA, &whole[..kept]));
    let body = Element::new(air_sync_base::BODY)
        .with_text(air_sync_base::TYPE, preference.form as u8)
        .with_text(air_sync_base::ESTIMATED_DATA_SIZE, whole.len());
    Some(body.with_all(truncated).with_all(data))
}

/// The text that a device writes: `None` where it stays as it is.
pub(super) fn text(change: &Change<'_>) -> Result<Option<String>, Invalid> {
    let Some(body) = change.fields.child(air_sync_base::BODY) else { return Ok(None) };
    let data = body.child_text(air_sync_base::DATA).unwrap_or_default();
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    match body.child_text(air_sync_base::TYPE).as_deref().map(str::trim) {
        Some("1") | None => Ok(Some(lines(&data))),
        Some("2") => Ok(Some(lines(&text::of_html(&data)))),
        Some(_) => Err(Invalid("a body is neither text nor HTML")),
    }
}
