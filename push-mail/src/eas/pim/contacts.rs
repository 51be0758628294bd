//! People: `VCARD` and [MS-ASCNTC].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, NaiveDate, NaiveTime};

use super::calendar::{categories, set_categories, words};
use super::fields::{ADDRESSES, Address, DAYS, LISTS, NAME, ORGANIZATION, PHONES, TEXTS};
use super::{Change, Invalid, Reader, body, dates};
use crate::pim::{Component, Line, escaped, unescaped, written_parts};
use crate::wbxml::tags::contacts;
use crate::wbxml::{Element, Tag};

/// Longest picture, in base64 ([MS-ASCNTC] 2.2.2.57).
const MAX_PICTURE_CHARACTERS: usize = 48 << 10;

/// The year of days that have none, as programs write it that need one: 29 February is in it.
const NO_YEAR: i32 = 1604;

/// The children of `ApplicationData`.
pub(super) fn data(card: &Component, reader: &Reader<'_>) -> Vec<Element> {
    let mut all = Vec::new();
    let mut say = |tag: Tag, text: String| {
        if !text.is_empty() {
            all.push(Element::text(tag, text));
        }
    };
    say(contacts::FILE_AS, file_as(card).unwrap_or_default());
    for (name, parts) in [("N", NAME.as_slice()), ("ORG", ORGANIZATION.as_slice())] {
        let line = card.line(name);
        parts.iter().for_each(|(tag, place)| say(*tag, line.map(|line| part(line, *place)).unwrap_or_default()));
    }
    for (tag, name) in TEXTS {
        say(tag, card.text(name).unwrap_or_default());
    }
    for (name, _, tags) in LISTS {
        card.all(name).zip(tags).for_each(|(line, tag)| say(tag, line.to_text()));
    }
    for (tag, line) in phones(card) {
        say(tag, number(line));
    }
    for address in &ADDRESSES {
        if let Some(line) = card.all("ADR").find(|line| is_at(line, address)) {
            address.parts.iter().for_each(|(tag, place)| say(*tag, part(line, *place)));
        }
    }
    for (tag, names) in DAYS {
        let day = names.iter().find_map(|name| day(card.line(name)?));
        say(tag, day.map(|day| dates::dashed(day.and_time(NaiveTime::MIN))).unwrap_or_default());
    }
    let picture = card.line("PHOTO").and_then(picture).map(|bytes| STANDARD.encode(bytes));
    say(contacts::PICTURE, picture.filter(|text| text.len() <= MAX_PICTURE_CHARACTERS).unwrap_or_default());
    all.extend(list(contacts::CATEGORIES, contacts::CATEGORY, categories(card)));
    all.extend(list(contacts::CHILDREN, contacts::CHILD, card.all("X-CHILD").map(Line::to_text).collect()));
    all.extend(body::element(card.text("NOTE").as_deref(), reader.view));
    all
}

fn list(all: Tag, one: Tag, words: Vec<String>) -> Option<Element> {
    let words: Vec<_> = words.into_iter().map(|word| Element::text(one, word)).collect();
    (!words.is_empty()).then(|| Element::new(all).with_all(words))
}

fn file_as(card: &Component) -> Option<String> {
    card.text("X-FILE-AS").or_else(|| card.text("FN"))
}

/// A part of a structured value.
fn part(line: &Line, place: usize) -> String {
    written_parts(line.value(), ';').nth(place).map(unescaped).unwrap_or_default()
}

/// A number without the scheme of its URI (RFC 6350 §6.4.1).
fn number(line: &Line) -> String {
    let text = line.to_text();
    text.strip_prefix("tel:").map(str::to_owned).unwrap_or(text)
}

/// Which element each telephone is, as far as there is one.
fn phones(card: &Component) -> Vec<(Tag, &Line)> {
    let mut found: Vec<(Tag, &Line)> = Vec::new();
    let has = |line: &Line, types: &[&str]| types.iter().all(|kind| line.has_value_in("TYPE", kind));
    let kind_of = |line: &Line| PHONES.iter().position(|phone| has(line, phone.types)).unwrap_or(PHONES.len() - 1);
    // Those of no kind come last: they take what is left.
    for (place, phone) in PHONES.iter().enumerate() {
        for line in card.all("TEL").filter(|line| kind_of(line) == place && !number(line).is_empty()) {
            let is_free = |tag: &&Tag| found.iter().all(|(taken, _)| taken != *tag);
            let free = phone.tags.iter().find(is_free).copied();
            found.extend(free.map(|tag| (tag, line)));
        }
    }
    found
}

fn is_at(line: &Line, address: &Address) -> bool {
    let is = |kind: &str| line.has_value_in("TYPE", kind);
    address.kind.map_or_else(|| !is("HOME") && !is("WORK"), is)
}

/// `BDAY` and its like (RFC 6350 §6.2.5), with or without a year.
fn day(line: &Line) -> Option<NaiveDate> {
    let text = line.value().trim();
    let text = text.split(['T', 't']).next()?;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.starts_with("--") {
        return NaiveDate::parse_from_str(&format!("{NO_YEAR}{digits}"), "%Y%m%d").ok();
    }
    NaiveDate::parse_from_str(&digits, "%Y%m%d").ok().filter(|_| digits.len() == 8)
}

/// The bytes of `PHOTO`, where they are in it.
fn picture(line: &Line) -> Option<Vec<u8>> {
    let value = line.value().trim();
    let is_base64 = line.has_value_in("ENCODING", "b") || line.has_value_in("ENCODING", "BASE64");
    let data = match value.split_once("base64") {
        // Programs escape the comma, as they would in a text.
        Some((kind, data)) if kind.starts_with("data:") => data.trim_start_matches(['\\', ',']),
        _ if is_base64 => value,
        _ => return None,
    };
    let plain: String = data.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(plain).ok()
}

/// Changes a `VCARD`.
pub(super) fn merge(card: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    let names_before = card.line("N").map(|line| line.value().to_owned());
    structured(card, change, |line| line.is("N"), &NAME, 5, || Line::new("N", &[], ";;;;"));
    structured(card, change, |line| line.is("ORG"), &ORGANIZATION, 1, || Line::new("ORG", &[], ""));
    for (tag, name) in TEXTS {
        if let Some(text) = change.text(tag) {
            card.set_text(name, Some(text.trim()));
        }
    }
    for (name, params, tags) in LISTS {
        lists(card, change, name, params, tags);
    }
    telephones(card, change);
    for address in &ADDRESSES {
        let kind: Vec<_> = address.kind.iter().map(|kind| ("TYPE", *kind)).collect();
        let is_it = |line: &Line| line.is("ADR") && is_at(line, address);
        structured(card, change, is_it, &address.parts, 7, || Line::new("ADR", &kind, ";;;;;;"));
    }
    for (tag, names) in DAYS {
        set_day(card, change, tag, names)?;
    }
    set_picture(card, change)?;
    if let Some(words) = words(change, contacts::CATEGORIES, contacts::CATEGORY) {
        set_categories(card, &words);
    }
    if let Some(children) = words(change, contacts::CHILDREN, contacts::CHILD) {
        let known: Vec<_> = card.all("X-CHILD").map(Line::to_text).collect();
        if known != children {
            card.replace("X-CHILD", children.iter().map(|child| Line::text("X-CHILD", child)));
        }
    }
    if let Some(note) = body::text(change)? {
        card.set_text("NOTE", Some(&note));
    }
    let has_other_names = card.line("N").map(|line| line.value().to_owned()) != names_before;
    formatted_name(card, change, has_other_names);
    Ok(())
}

/// Parts of a value of which others stay as they are; without any part the line goes.
fn structured(
    card: &mut Component,
    change: &Change<'_>,
    is_it: impl Fn(&Line) -> bool,
    tags: &[(Tag, usize)],
    least: usize,
    new: impl FnOnce() -> Line,
) {
    let known = card.lines().find(|line| is_it(line)).cloned();
    let line = known.clone().unwrap_or_else(new);
    let mut parts: Vec<String> = written_parts(line.value(), ';').map(str::to_owned).collect();
    parts.resize(parts.len().max(least), String::new());
    let mut is_changed = false;
    for (tag, place) in tags {
        let Some(text) = change.text(*tag).map(|text| text.trim().to_owned()) else { continue };
        parts.resize(parts.len().max(place + 1), String::new());
        if unescaped(&parts[*place]) != text {
            parts[*place] = escaped(&text);
            is_changed = true;
        }
    }
    if !is_changed {
        return;
    }
    while parts.len() > least && parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    let is_empty = parts.iter().all(String::is_empty);
    let line = (!is_empty).then(|| line.with_value(&parts.join(";")));
    // Of several only the first is told to devices, and the others stay.
    card.replace_first(|other| known.as_ref() == Some(other), line);
}

fn lists(card: &mut Component, change: &Change<'_>, name: &str, params: &[(&str, &str)], tags: [Tag; 3]) {
    let mut lines: Vec<Option<Line>> = card.all(name).cloned().map(Some).collect();
    for (place, tag) in tags.into_iter().enumerate() {
        let Some(text) = change.text(tag) else { continue };
        let text = plain_address(&text);
        match lines.get_mut(place) {
            Some(Some(line)) if line.to_text() == text => {}
            Some(slot) if text.is_empty() => *slot = None,
            Some(Some(line)) => *line = line.with_value(&escaped(text)),
            Some(None) => {}
            None if text.is_empty() => {}
            None => lines.push(Some(Line::new(name, params, &escaped(text)))),
        }
    }
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    if !card.all(name).eq(lines.iter()) {
        card.replace(name, lines);
    }
}

/// Devices write `"Name" <address>`, too.
fn plain_address(text: &str) -> &str {
    let text = text.trim();
    let within = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    within.map_or(text, |(_, address)| address.trim())
}

fn telephones(card: &mut Component, change: &Change<'_>) {
    let mut lines: Vec<(Option<Tag>, Line)> = card.all("TEL").map(|line| (None, line.clone())).collect();
    let told: Vec<(Tag, Line)> = phones(card).into_iter().map(|(tag, line)| (tag, line.clone())).collect();
    for (tag, line) in &told {
        if let Some((slot, _)) = lines.iter_mut().find(|(slot, known)| slot.is_none() && known == line) {
            *slot = Some(*tag);
        }
    }
    let kinds = PHONES.iter().filter(|phone| !phone.types.is_empty());
    for (tag, types) in kinds.flat_map(|phone| phone.tags.iter().map(|tag| (*tag, phone.types))) {
        let Some(text) = change.text(tag).map(|text| text.trim().to_owned()) else { continue };
        match lines.iter_mut().find(|(slot, _)| *slot == Some(tag)) {
            Some((_, line)) if text.is_empty() => *line = line.with_value(""),
            Some((_, line)) if number(line) != text => {
                *line = line.with_param("VALUE", None).with_value(&escaped(&text));
            }
            Some(_) => {}
            None if text.is_empty() => {}
            None => {
                let params: Vec<_> = types.iter().map(|kind| ("TYPE", *kind)).collect();
                lines.push((Some(tag), Line::new("TEL", &params, &escaped(&text))));
            }
        }
    }
    let is_kept = |(slot, line): &(Option<Tag>, Line)| slot.is_none() || !line.value().is_empty();
    let lines: Vec<Line> = lines.into_iter().filter(is_kept).map(|(_, line)| line).collect();
    if !card.all("TEL").eq(lines.iter()) {
        card.replace("TEL", lines);
    }
}

fn set_day(card: &mut Component, change: &Change<'_>, tag: Tag, names: &[&str]) -> Result<(), Invalid> {
    let Some(text) = change.text(tag) else { return Ok(()) };
    let known = names.iter().find(|name| card.line(name).is_some()).copied();
    let is_new_version = card.text("VERSION").is_some_and(|version| version.trim() == "4.0");
    let name = known.unwrap_or(if is_new_version { names[0] } else { names[names.len() - 1] });
    if text.trim().is_empty() {
        card.replace(name, None);
        return Ok(());
    }
    // Zones move it to either side of midnight.
    let nearest = dates::parse(&text)?.checked_add_signed(Duration::hours(12)).ok_or(Invalid("a date is none"))?;
    let new = nearest.date();
    if card.line(name).and_then(day) == Some(new) {
        return Ok(());
    }
    let line = if is_new_version {
        Line::new(name, &[], &new.format("%Y%m%d").to_string())
    } else {
        Line::new(name, &[("VALUE", "DATE")], &new.format("%Y-%m-%d").to_string())
    };
    card.replace(name, [line]);
    Ok(())
}

/// A picture that a device does not name it may never have got: it stays.
fn set_picture(card: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    let Some(element) = change.fields.child(contacts::PICTURE) else { return Ok(()) };
    let text: String = element.to_text().chars().filter(|c| !c.is_whitespace()).collect();
    if text.is_empty() {
        card.replace("PHOTO", None);
        return Ok(());
    }
    let bytes = STANDARD.decode(&text).map_err(|_| Invalid("a picture is not in base64"))?;
    if text.len() > MAX_PICTURE_CHARACTERS {
        return Err(Invalid("a picture is too large"));
    }
    if card.line("PHOTO").and_then(picture).as_ref() == Some(&bytes) {
        return Ok(());
    }
    let kind = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "PNG",
        [b'G', b'I', b'F', ..] => "GIF",
        _ => "JPEG",
    };
    let line = match card.text("VERSION").as_deref().map(str::trim) {
        Some("4.0") => Line::new("PHOTO", &[], &format!("data:image/{};base64,{text}", kind.to_ascii_lowercase())),
        _ => Line::new("PHOTO", &[("ENCODING", "b"), ("TYPE", kind)], &text),
    };
    card.replace("PHOTO", [line]);
    Ok(())
}

/// `FN`, which every card has (RFC 6350 §6.2.1), and how a device files it.
fn formatted_name(card: &mut Component, change: &Change<'_>, has_other_names: bool) {
    let filed = change.fields.child_text(contacts::FILE_AS).map(|text| text.trim().to_owned());
    let filed = filed.filter(|text| !text.is_empty());
    if has_other_names || card.text("FN").is_none() {
        let words = [3, 1, 2, 0, 4].map(|place| card.line("N").map(|line| part(line, place)).unwrap_or_default());
        let full = words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ");
        let others = || {
            let company = card.line("ORG").map(|line| part(line, 0));
            filed.clone().or(company).or_else(|| card.text("EMAIL")).unwrap_or_else(|| "?".to_owned())
        };
        let name = if full.is_empty() { others() } else { full };
        card.set_text("FN", Some(&name));
    }
    if card.line("N").is_none() {
        card.replace("N", [Line::new("N", &[], ";;;;")]);
    }
    if filed.is_some() && filed != file_as(card) {
        card.set_text("X-FILE-AS", filed.filter(|filed| card.text("FN").as_ref() != Some(filed)).as_deref());
    }
}
