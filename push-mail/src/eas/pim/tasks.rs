//! Tasks: `VTODO` and [MS-ASTASK].

use chrono::NaiveDateTime;

use super::calendar::{categories, sensitivity, set_categories, set_sensitivity, words};
use super::recurrence::{Rule, TASKS};
use super::{Change, Invalid, Reader, body, dates};
use crate::pim::moment::{Moment, Zones, duration};
use crate::pim::{Component, Line};
use crate::wbxml::tags::tasks;
use crate::wbxml::{Element, Tag};

fn moment(task: &Component, name: &str, zones: &Zones) -> Option<Moment> {
    task.line(name).and_then(|line| Moment::of(line, zones))
}

fn is_done(task: &Component) -> bool {
    task.text("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("COMPLETED"))
        || task.line("COMPLETED").is_some()
}

/// [MS-ASTASK] 2.2.2.14; RFC 5545 §3.8.1.9: 1 to 4 are high, 5 and none are normal.
fn importance(task: &Component) -> u8 {
    match task.text("PRIORITY").and_then(|text| text.trim().parse::<u8>().ok()) {
        Some(1..=4) => 2,
        Some(6..=9) => 0,
        _ => 1,
    }
}

/// When an alarm goes off.
fn alarm_at(alarm: &Component, task: &Component, zones: &Zones) -> Option<NaiveDateTime> {
    let shows = alarm.text("ACTION").is_none_or(|action| !action.eq_ignore_ascii_case("EMAIL"));
    let trigger = alarm.line("TRIGGER").filter(|_| shows && alarm.name == "VALARM")?;
    if let Some(at) = Moment::of(trigger, zones) {
        return Some(at.utc());
    }
    let is_of_end = trigger.has_value_in("RELATED", "END");
    let (first, second) = if is_of_end { ("DUE", "DTSTART") } else { ("DTSTART", "DUE") };
    let from = moment(task, first, zones).or_else(|| moment(task, second, zones))?;
    from.utc().checked_add_signed(duration(trigger.value())?)
}

/// The children of `ApplicationData`.
pub(super) fn data(task: &Component, root: &Component, reader: &Reader<'_>) -> Vec<Element> {
    let zones = Zones::of(root);
    let at = |name: &str| moment(task, name, &zones);
    let mut all = vec![Element::text(tasks::SUBJECT, task.text("SUMMARY").unwrap_or_default())];
    all.push(Element::text(tasks::IMPORTANCE, importance(task)));
    all.push(Element::text(tasks::SENSITIVITY, sensitivity(task)));
    all.push(Element::text(tasks::COMPLETE, u8::from(is_done(task))));
    if is_done(task) {
        let completed = ["COMPLETED", "LAST-MODIFIED", "DTSTAMP"].into_iter().find_map(at);
        all.extend(completed.map(|at| Element::text(tasks::DATE_COMPLETED, dates::dashed(at.utc()))));
    }
    for (name, utc, local) in
        [("DTSTART", tasks::UTC_START_DATE, tasks::START_DATE), ("DUE", tasks::UTC_DUE_DATE, tasks::DUE_DATE)]
    {
        if let Some(at) = at(name) {
            all.push(Element::text(utc, dates::dashed(at.utc())));
            all.push(Element::text(local, dates::dashed(at.wall())));
        }
    }
    if let Some(start) = at("DTSTART").or_else(|| at("DUE"))
        && let Some(rule) = task.line("RRULE").and_then(|line| Rule::of_rrule(line.value(), start))
    {
        let begins = Element::text(tasks::START, dates::compact(start.utc()));
        all.push(Element::new(tasks::RECURRENCE).with_all(rule.elements(&TASKS)).with(begins));
    }
    let alarm = task.components().find_map(|alarm| alarm_at(alarm, task, &zones));
    all.push(Element::text(tasks::REMINDER_SET, u8::from(alarm.is_some())));
    all.extend(alarm.map(|at| Element::text(tasks::REMINDER_TIME, dates::dashed(at))));
    let words: Vec<_> = categories(task).into_iter().map(|word| Element::text(tasks::CATEGORY, word)).collect();
    if !words.is_empty() {
        all.push(Element::new(tasks::CATEGORIES).with_all(words));
    }
    all.extend(body::element(task.text("DESCRIPTION").as_deref(), reader.view));
    all
}

/// Changes a `VCALENDAR` with a task in it.
pub(super) fn merge(root: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    let zones = Zones::of(root);
    let task = super::find(root, "VTODO").ok_or(Invalid("there is no task"))?;
    if let Some(subject) = change.fields.child_text(tasks::SUBJECT) {
        task.set_text("SUMMARY", Some(&subject));
    }
    if let Some(text) = body::text(change)? {
        task.set_text("DESCRIPTION", Some(&text));
    }
    if let Some(new) = change.number(tasks::IMPORTANCE)?.filter(|new| *new != u32::from(importance(task))) {
        let priority = ["9", "5", "1"].get(new as usize).ok_or(Invalid("there is no such importance"))?;
        task.set_text("PRIORITY", Some(priority));
    }
    if let Some(new) = change.number(tasks::SENSITIVITY)? {
        set_sensitivity(task, new);
    }
    if let Some(words) = words(change, tasks::CATEGORIES, tasks::CATEGORY) {
        set_categories(task, &words);
    }
    for (name, utc, local) in
        [("DTSTART", tasks::UTC_START_DATE, tasks::START_DATE), ("DUE", tasks::UTC_DUE_DATE, tasks::DUE_DATE)]
    {
        set_date(task, change, name, (utc, local), &zones)?;
    }
    complete(task, change)?;
    rule(task, change, &zones)?;
    remind(task, change, &zones)
}

/// A day where it is told as one, a moment else.
fn set_date(
    task: &mut Component,
    change: &Change<'_>,
    name: &str,
    (utc, local): (Tag, Tag),
    zones: &Zones,
) -> Result<(), Invalid> {
    let (at, wall) = (change.moment(utc)?, change.moment(local)?);
    let is_said = [utc, local].into_iter().any(|tag| change.fields.child(tag).is_some());
    let Some(wall) = wall.or(at) else {
        if is_said {
            task.replace(name, None);
        }
        return Ok(());
    };
    let at = at.unwrap_or(wall);
    let known = moment(task, name, zones);
    let new = match known {
        _ if wall.time() == chrono::NaiveTime::MIN => Moment::Day(wall.date()),
        Some(known) if !known.is_day() => known.at_utc(at),
        _ => Moment::Utc(at),
    };
    let is_so = known.is_some_and(|known| known == new || known.utc() == at && known.wall() == wall);
    if !is_so {
        task.set(name, Some(new.line(name)));
    }
    Ok(())
}

fn complete(task: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    let completed = change.moment(tasks::DATE_COMPLETED)?;
    match change.number(tasks::COMPLETE)? {
        Some(1) if !is_done(task) => {
            task.set_text("STATUS", Some("COMPLETED"));
            task.set_text("PERCENT-COMPLETE", Some("100"));
            let at = dates::compact(completed.unwrap_or(change.now));
            task.replace("COMPLETED", [Line::new("COMPLETED", &[], &at)]);
        }
        Some(0) if is_done(task) => {
            task.set_text("STATUS", Some("NEEDS-ACTION"));
            task.replace("PERCENT-COMPLETE", None);
            task.replace("COMPLETED", None);
        }
        Some(0 | 1) | None => {}
        Some(_) => return Err(Invalid("a task is neither done nor not")),
    }
    Ok(())
}

fn rule(task: &mut Component, change: &Change<'_>, zones: &Zones) -> Result<(), Invalid> {
    let Some(element) = change.fields.child(tasks::RECURRENCE) else { return Ok(()) };
    if element.is_empty() {
        task.replace("RRULE", None);
        return Ok(());
    }
    let begins = element.child_text(tasks::START).filter(|text| !text.trim().is_empty());
    let begins = begins.map(|text| dates::parse(&text)).transpose()?;
    let known_start = moment(task, "DTSTART", zones).or_else(|| moment(task, "DUE", zones));
    let start =
        known_start.or(begins.map(|at| Moment::Day(at.date()))).ok_or(Invalid("a task repeats from no day on"))?;
    let new = Rule::of_element(element, &TASKS, start)?;
    let known = task.line("RRULE").and_then(|line| Rule::of_rrule(line.value(), start));
    let is_so = known.is_some_and(|known| Rule { first_day: new.first_day.or(known.first_day), ..new } == known);
    if !is_so {
        task.set("RRULE", Some(Line::new("RRULE", &[], &new.to_rrule(start))));
    }
    // RFC 5545 §3.8.5.3: a rule goes from DTSTART on.
    if moment(task, "DTSTART", zones).is_none() {
        task.set("DTSTART", Some(start.line("DTSTART")));
    }
    Ok(())
}

fn remind(task: &mut Component, change: &Change<'_>, zones: &Zones) -> Result<(), Invalid> {
    let at = change.moment(tasks::REMINDER_TIME)?;
    let is_set = change.number(tasks::REMINDER_SET)?;
    let known = task.components().find_map(|alarm| alarm_at(alarm, task, zones));
    match (is_set, at) {
        (Some(0), _) => {
            let before = task.clone();
            task.retain_components(|inner| alarm_at(inner, &before, zones).is_none());
        }
        (_, Some(at)) if known != Some(at) => {
            let before = task.clone();
            let trigger = Line::new("TRIGGER", &[("VALUE", "DATE-TIME")], &dates::compact(at));
            if let Some(alarm) = task.components_mut().find(|inner| alarm_at(inner, &before, zones).is_some()) {
                alarm.replace("TRIGGER", [trigger]);
                return Ok(());
            }
            let mut alarm = Component::new("VALARM");
            let text = before.text("SUMMARY").unwrap_or_default();
            let lines = [Line::text("ACTION", "DISPLAY"), Line::text("DESCRIPTION", &text), trigger];
            alarm.replace("ACTION", lines);
            task.push(alarm);
        }
        _ => {}
    }
    Ok(())
}
