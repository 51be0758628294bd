//! Items to what devices see, and what they change back.

mod documents;
mod golden;
mod merging;
mod round;

use super::*;
use crate::eas::email::{Form, Preference};
use crate::wbxml::Content;
use crate::wbxml::tags::air_sync;

const ME: &str = "ann@example.org";

/// 2026-03-01T12:00:00Z.
const NOW_MS: u64 = 1_772_366_400_000;

fn now() -> NaiveDateTime {
    crate::pim::moment::of_millis(NOW_MS)
}

fn shown(raw: &str, class: Class, version: Version) -> Vec<Element> {
    data(raw.as_bytes(), class, &View::default(), version, ME)
}

/// Elements as lines: `Name: text`, what is within others behind their names.
fn lines(elements: &[Element]) -> Vec<String> {
    fn walk(element: &Element, before: &str, out: &mut Vec<String>) {
        let name = format!("{before}{}", element.tag.name().expect("a name"));
        let inner: Vec<_> = element.elements().collect();
        if inner.is_empty() {
            out.push(format!("{name}: {}", element.to_text()));
        }
        inner.into_iter().for_each(|inner| walk(inner, &format!("{name}."), out));
    }
    let mut out = Vec::new();
    elements.iter().for_each(|element| walk(element, "", &mut out));
    out
}

fn application_data(elements: impl IntoIterator<Item = Element>) -> Element {
    Element::new(air_sync::APPLICATION_DATA).with_all(elements)
}

fn merged(
    existing: Option<&str>,
    fields: &Element,
    class: Class,
    version: Version,
    omitted: Omitted<'_>,
) -> Result<String, Invalid> {
    let change = Change { fields, version, omitted, now: now() };
    let raw = merge_at(existing.map(str::as_bytes), &change, class)?;
    Ok(String::from_utf8(raw.to_vec()).expect("text"))
}

/// What a change made of a document: lines that went, each behind a `-`, and lines that came, behind a `+`. Folds are
/// undone first.
fn difference(before: &str, after: &str) -> Vec<String> {
    let unfolded = |text: &str| text.replace("\r\n ", "").lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (unfolded(before), unfolded(after));
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("-{line}"));
    let came = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+{line}"));
    gone.chain(came).filter(|line| !line.contains("LAST-MODIFIED:") && !line.contains("REV:")).collect()
}
