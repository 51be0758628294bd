//! Events of a series that are not as the others.

use super::super::{Change, Invalid};
use super::write::{add_zones, original, set_moment, texts, times};
use super::{is_exception, is_main, moment, people};
use crate::eas::Version;
use crate::pim::moment::{Moment, Zones};
use crate::pim::{Component, Line};
use crate::wbxml::tags::{air_sync_base, calendar};

/// Exceptions of one series.
const MAX_EXCEPTIONS: usize = 1000;

/// What an event of its own does not have of the series.
const OF_SERIES: [&str; 7] = ["RRULE", "RDATE", "EXDATE", "EXRULE", "DTEND", "DURATION", "RECURRENCE-ID"];

/// What a device says of all exceptions at once: the dates that are left out are written into `event`, and the events
/// that differ are returned. `None` where it says nothing.
pub(super) fn exceptions(
    event: &mut Component,
    root: &Component,
    change: &Change<'_>,
    start: Moment,
    zones: &Zones,
) -> Result<Option<Vec<Component>>, Invalid> {
    let Some(all) = change.fields.child(calendar::EXCEPTIONS) else {
        let goes = change.omitted.goes(calendar::EXCEPTIONS) && change.fields.child(calendar::RECURRENCE).is_some();
        // Of a rule that no device is told of, none is told of exceptions either.
        if goes {
            event.replace("EXDATE", None);
            return Ok(Some(Vec::new()));
        }
        return Ok(None);
    };
    if all.children(calendar::EXCEPTION).count() > MAX_EXCEPTIONS {
        return Err(Invalid("a series has too many exceptions"));
    }
    let (mut gone, mut others) = (Vec::new(), Vec::new());
    for one in all.children(calendar::EXCEPTION) {
        let at = [calendar::EXCEPTION_START_TIME, air_sync_base::INSTANCE_ID]
            .into_iter()
            .find_map(|tag| one.child_text(tag));
        let at = original(&at.ok_or(Invalid("an exception has no date"))?, change, start)?;
        if one.child_text(calendar::DELETED).as_deref().map(str::trim) == Some("1") {
            gone.push(at);
        } else {
            others.push(differing(event, root, at, &Change { fields: one, ..*change }, zones)?);
        }
    }
    let known: Vec<_> = event.all("EXDATE").flat_map(|line| Moment::all_of(line, zones)).map(Moment::utc).collect();
    let wanted: Vec<_> = gone.iter().map(|at| at.utc()).collect();
    let is_so = known.len() == wanted.len() && wanted.iter().all(|at| known.contains(at));
    if !is_so {
        leave_out(event, &gone, zones);
    }
    Ok(Some(others))
}

fn leave_out(event: &mut Component, gone: &[Moment], zones: &Zones) {
    let lines: Vec<Line> = gone.iter().map(|at| named(event, "EXDATE", *at, zones)).collect();
    event.replace("EXDATE", lines);
}

/// A line of that moment, the zone called as the series calls it.
fn named(event: &Component, name: &str, at: Moment, zones: &Zones) -> Line {
    let mut like = event.clone();
    like.replace(name, None);
    set_moment(&mut like, name, at, zones);
    like.line(name).cloned().unwrap_or_else(|| at.line(name))
}

/// The exception of that date: the one that is there, or one like the series, with what the device says.
fn differing(
    event: &Component,
    root: &Component,
    at: Moment,
    change: &Change<'_>,
    zones: &Zones,
) -> Result<Component, Invalid> {
    let is_its = |inner: &&Component| {
        is_exception(inner) && moment(inner, "RECURRENCE-ID", zones).is_some_and(|its| its.utc() == at.utc())
    };
    let known = root.components().find(is_its).cloned();
    let mut one = match known {
        Some(one) => one,
        None => like_the_others(event, at, zones),
    };
    times(&mut one, change, zones)?;
    texts(&mut one, change)?;
    // What is not said of an exception is as in the series.
    people::merge(&mut one, change)?;
    Ok(one)
}

fn like_the_others(event: &Component, at: Moment, zones: &Zones) -> Component {
    let mut one = event.clone();
    let length = moment(event, "DTSTART", zones).map(|start| super::end(event, start, zones).utc() - start.utc());
    OF_SERIES.iter().for_each(|name| one.replace(name, None));
    set_moment(&mut one, "DTSTART", at, zones);
    let end = length.and_then(|length| at.utc().checked_add_signed(length)).map(|end| at.at_utc(end));
    if let Some(end) = end {
        set_moment(&mut one, "DTEND", end, zones);
    }
    let id = named(&one, "RECURRENCE-ID", at, zones);
    one.replace("RECURRENCE-ID", [id]);
    one
}

/// Changes one event of a series, or deletes it ([MS-ASCMD] 2.2.3.84, InstanceId).
pub(in super::super) fn merge_instance(
    root: &mut Component,
    instance: &str,
    is_kept: bool,
    change: &Change<'_>,
) -> Result<(), Invalid> {
    debug_assert!(change.version >= Version::V16_1, "earlier ones name no instances");
    let zones = Zones::of(root);
    let place = root.components().position(is_main).ok_or(Invalid("there is no series"))?;
    let mut event = root.components().nth(place).cloned().ok_or(Invalid("there is no series"))?;
    let repeats = event.line("RRULE").is_some() || event.line("RDATE").is_some();
    let start = moment(&event, "DTSTART", &zones).filter(|_| repeats).ok_or(Invalid("there is no series"))?;
    let at = original(instance, change, start)?;
    let is_its = |inner: &Component| {
        is_exception(inner) && moment(inner, "RECURRENCE-ID", &zones).is_some_and(|its| its.utc() == at.utc())
    };
    let one = if is_kept { Some(differing(&event, root, at, change, &zones)?) } else { None };
    root.retain_components(|inner| !is_its(inner));
    match one {
        Some(one) => root.push(one),
        None => {
            let known =
                event.all("EXDATE").flat_map(|line| Moment::all_of(line, &zones)).any(|its| its.utc() == at.utc());
            if !known {
                let mut lines: Vec<Line> = event.all("EXDATE").cloned().collect();
                lines.push(named(&event, "EXDATE", at, &zones));
                event.replace("EXDATE", lines);
            }
            let slot = root.components_mut().find(|inner| is_main(inner)).ok_or(Invalid("there is no series"))?;
            *slot = event;
        }
    }
    add_zones(root);
    Ok(())
}
