//! Moments as devices write them ([MS-ASDTYPE] 2.3 and 2.7.2): all in UTC.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::Invalid;

/// `20260105T100000Z`: calendars and what is in them.
pub(super) fn compact(at: NaiveDateTime) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// `2026-01-05T10:00:00.000Z`: the others.
pub(super) fn dashed(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Either of them, or a day alone.
pub(super) fn parse(text: &str) -> Result<NaiveDateTime, Invalid> {
    let plain = text.trim().trim_end_matches('Z');
    let at = ["%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(plain, form).ok())
        .or_else(|| {
            let day = ["%Y-%m-%d", "%Y%m%d"].iter().find_map(|form| NaiveDate::parse_from_str(plain, form).ok());
            day.map(|day| day.and_time(NaiveTime::MIN))
        });
    // Years of four digits: no sum of them and any zone overflows.
    at.filter(|at| (1..=9998).contains(&chrono::Datelike::year(at))).ok_or(Invalid("a date is none"))
}
