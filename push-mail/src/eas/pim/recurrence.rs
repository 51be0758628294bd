//! `Recurrence` ([MS-ASCAL] 2.2.2.37, [MS-ASTASK] 2.2.2.18) and `RRULE` (RFC 5545 §3.3.10), as far as both can say the
//! same.

use chrono::{Datelike as _, NaiveDateTime};

use super::{Invalid, dates};
use crate::pim::moment::Moment;
use crate::wbxml::tags::{calendar, tasks};
use crate::wbxml::{Element, Tag};

/// The weekdays in the order of their bits: the first is 1.
const DAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

/// All weekdays.
const EVERY_DAY: u32 = 127;

/// The same elements have other numbers in calendars and tasks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    kind: Tag,
    until: Tag,
    occurrences: Tag,
    interval: Tag,
    week_of_month: Tag,
    day_of_week: Tag,
    month_of_year: Tag,
    day_of_month: Tag,
    calendar_type: Tag,
    first_day_of_week: Tag,
}

pub(super) const CALENDAR: Tags = Tags {
    kind: calendar::TYPE,
    until: calendar::UNTIL,
    occurrences: calendar::OCCURRENCES,
    interval: calendar::INTERVAL,
    week_of_month: calendar::WEEK_OF_MONTH,
    day_of_week: calendar::DAY_OF_WEEK,
    month_of_year: calendar::MONTH_OF_YEAR,
    day_of_month: calendar::DAY_OF_MONTH,
    calendar_type: calendar::CALENDAR_TYPE,
    first_day_of_week: calendar::FIRST_DAY_OF_WEEK,
};

pub(super) const TASKS: Tags = Tags {
    kind: tasks::TYPE,
    until: tasks::UNTIL,
    occurrences: tasks::OCCURRENCES,
    interval: tasks::INTERVAL,
    week_of_month: tasks::WEEK_OF_MONTH,
    day_of_week: tasks::DAY_OF_WEEK,
    month_of_year: tasks::MONTH_OF_YEAR,
    day_of_month: tasks::DAY_OF_MONTH,
    calendar_type: tasks::CALENDAR_TYPE,
    first_day_of_week: tasks::FIRST_DAY_OF_WEEK,
};

/// How something repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Daily,
    /// On these weekdays, a bit each.
    Weekly(u32),
    Monthly(u32),
    /// In the week of that number, 5 for the last, on one of these weekdays.
    MonthlyNth(u32, u32),
    /// Month and day.
    Yearly(u32, u32),
    /// Month, week, weekdays.
    YearlyNth(u32, u32, u32),
}

/// How it repeats, how often, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) interval: u32,
    pub(super) count: Option<u32>,
    /// The last beginning there may be, in UTC.
    pub(super) until: Option<NaiveDateTime>,
    /// 0 for Sunday.
    pub(super) first_day: Option<u32>,
}

/// The parts of an `RRULE`.
struct Parts<'v>(Vec<(String, &'v str)>);

impl<'v> Parts<'v> {
    fn of(value: &'v str) -> Option<Self> {
        let part = |part: &'v str| part.split_once('=').map(|(name, value)| (name.trim().to_ascii_uppercase(), value));
        value.split(';').filter(|part| !part.is_empty()).map(part).collect::<Option<_>>().map(Self)
    }

    fn get(&self, name: &str) -> Option<&'v str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// One number, if the part is there; `None` within where it says anything else.
    fn number(&self, name: &str) -> Option<Option<i32>> {
        self.get(name).map(|value| value.parse().ok())
    }
}

/// Weekdays, all with the same number before them.
fn weekdays(value: &str) -> Option<(Option<i32>, u32)> {
    let mut bits = 0;
    let mut number = None;
    for (place, word) in value.split(',').enumerate() {
        let word = word.trim().to_ascii_uppercase();
        let day = DAYS.iter().position(|day| word.ends_with(day))?;
        let before = &word[..word.len() - 2];
        let its = if before.is_empty() { None } else { Some(before.parse().ok()?) };
        if place > 0 && its != number {
            return None;
        }
        number = its;
        bits |= 1 << day;
    }
    Some((number, bits))
}

/// The number of a week in a month, 5 for the last.
fn week(number: i32) -> Option<u32> {
    match number {
        1..=4 => u32::try_from(number).ok(),
        -1 | 5 => Some(5),
        _ => None,
    }
}

impl Rule {
    /// What an `RRULE` says of what begins with `start`; `None` where a device cannot be told.
    pub(super) fn of_rrule(value: &str, start: Moment) -> Option<Self> {
        const SAYABLE: [&str; 9] =
            ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"];
        let parts = Parts::of(value)?;
        if parts.0.iter().any(|(name, _)| !SAYABLE.contains(&name.as_str())) {
            return None;
        }
        let pattern = pattern(&parts, start)?;
        let positive = |name: &str| match parts.number(name) {
            None => Some(None),
            Some(number) => u32::try_from(number?).ok().filter(|number| *number > 0).map(Some),
        };
        let until = match parts.get("UNTIL") {
            None => None,
            Some(text) => Some(until(text, start)?),
        };
        let first_day = match parts.get("WKST") {
            None => None,
            Some(day) => Some(u32::try_from(DAYS.iter().position(|known| day.eq_ignore_ascii_case(known))?).ok()?),
        };
        Some(Self {
            pattern,
            interval: positive("INTERVAL")?.unwrap_or(1),
            count: positive("COUNT")?,
            until,
            first_day,
        })
    }

    /// As `RRULE`.
    pub(super) fn to_rrule(self, start: Moment) -> String {
        let list = |bits: u32| {
            let days = DAYS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0).map(|(_, day)| *day);
            days.collect::<Vec<_>>().join(",")
        };
        let nth = |week: u32, bits: u32| {
            let number = if week == 5 { -1 } else { i64::from(week) };
            match bits {
                EVERY_DAY => format!("BYMONTHDAY={number}"),
                bits if bits.is_power_of_two() => format!("BYDAY={number}{}", list(bits)),
                bits => format!("BYDAY={};BYSETPOS={number}", list(bits)),
            }
        };
        let mut rule = match self.pattern {
            Pattern::Daily => "FREQ=DAILY".to_owned(),
            Pattern::Weekly(bits) => format!("FREQ=WEEKLY;BYDAY={}", list(bits)),
            Pattern::Monthly(day) => format!("FREQ=MONTHLY;BYMONTHDAY={day}"),
            Pattern::MonthlyNth(week, bits) => format!("FREQ=MONTHLY;{}", nth(week, bits)),
            Pattern::Yearly(month, day) => format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}"),
            Pattern::YearlyNth(month, week, bits) => format!("FREQ=YEARLY;BYMONTH={month};{}", nth(week, bits)),
        };
        if self.interval > 1 {
            rule += &format!(";INTERVAL={}", self.interval);
        }
        if let Some(count) = self.count {
            rule += &format!(";COUNT={count}");
        } else if let Some(until) = self.until {
            // RFC 5545 §3.3.10: of the kind of DTSTART, but in UTC where that has a zone.
            rule += &match start {
                Moment::Day(_) => format!(";UNTIL={}", until.format("%Y%m%d")),
                Moment::Floating(_) => format!(";UNTIL={}", until.format("%Y%m%dT%H%M%S")),
                Moment::Zoned(..) | Moment::Utc(_) => format!(";UNTIL={}", dates::compact(until)),
            };
        }
        if let Some(day) = self.first_day.and_then(|day| DAYS.get(day as usize)) {
            rule += &format!(";WKST={day}");
        }
        rule
    }

    /// The children of `Recurrence`.
    pub(super) fn elements(self, tags: &Tags) -> Vec<Element> {
        let (kind, week, days, month, day) = match self.pattern {
            Pattern::Daily => (0, None, None, None, None),
            Pattern::Weekly(bits) => (1, None, Some(bits), None, None),
            Pattern::Monthly(day) => (2, None, None, None, Some(day)),
            Pattern::MonthlyNth(week, bits) => (3, Some(week), Some(bits), None, None),
            Pattern::Yearly(month, day) => (5, None, None, Some(month), Some(day)),
            Pattern::YearlyNth(month, week, bits) => (6, Some(week), Some(bits), Some(month), None),
        };
        let until = self.until.filter(|_| self.count.is_none());
        let number = |tag: Tag, number: Option<u32>| number.map(|number| Element::text(tag, number));
        let all = [
            number(tags.kind, Some(kind)),
            number(tags.occurrences, self.count),
            until.map(|until| Element::text(tags.until, dates::compact(until))),
            number(tags.interval, Some(self.interval)),
            number(tags.week_of_month, week),
            number(tags.day_of_week, days),
            number(tags.month_of_year, month),
            number(tags.day_of_month, day),
            // [MS-ASCAL] 2.2.2.10: 1 is Gregorian.
            number(tags.calendar_type, (kind >= 2).then_some(1)),
            number(tags.first_day_of_week, self.first_day.filter(|_| kind == 1)),
        ];
        all.into_iter().flatten().collect()
    }

    /// What a `Recurrence` says of what begins with `start`.
    pub(super) fn of_element(element: &Element, tags: &Tags, start: Moment) -> Result<Self, Invalid> {
        let wrong = Invalid("a recurrence says nothing that can be");
        let number = |tag: Tag| match element.child_text(tag) {
            None => Ok(None),
            Some(text) if text.trim().is_empty() => Ok(None),
            Some(text) => text.trim().parse::<u32>().map(Some).map_err(|_| wrong),
        };
        let wall = start.wall();
        let bits = number(tags.day_of_week)?.filter(|bits| *bits > 0);
        let today = || 1 << wall.weekday().num_days_from_sunday();
        let bits_or_today = bits.unwrap_or_else(today);
        let day = number(tags.day_of_month)?.unwrap_or(wall.day());
        let month = number(tags.month_of_year)?.unwrap_or(wall.month());
        let week = number(tags.week_of_month)?.unwrap_or((wall.day() - 1) / 7 + 1);
        if bits_or_today > EVERY_DAY
            || !(1..=31).contains(&day)
            || !(1..=12).contains(&month)
            || !(1..=5).contains(&week)
        {
            return Err(wrong);
        }
        let pattern = match number(tags.kind)?.ok_or(wrong)? {
            // [MS-ASCAL] 2.2.2.15: of a day, it is on these weekdays.
            0 => bits.filter(|bits| *bits != EVERY_DAY).map_or(Pattern::Daily, Pattern::Weekly),
            1 => Pattern::Weekly(bits_or_today),
            2 => Pattern::Monthly(day),
            3 => Pattern::MonthlyNth(week, bits_or_today),
            5 => Pattern::Yearly(month, day),
            6 => Pattern::YearlyNth(month, week, bits_or_today),
            _ => return Err(wrong),
        };
        let until = element.child_text(tags.until).filter(|text| !text.trim().is_empty());
        let until = until.map(|until| dates::parse(&until)).transpose()?;
        let count = number(tags.occurrences)?.filter(|count| *count > 0);
        let first_day = number(tags.first_day_of_week)?.filter(|day| *day < 7);
        let interval = number(tags.interval)?.unwrap_or(1).max(1);
        Ok(Self { pattern, interval, count, until: until.filter(|_| count.is_none()), first_day })
    }
}

fn pattern(parts: &Parts<'_>, start: Moment) -> Option<Pattern> {
    let wall = start.wall();
    let one = |name: &str, otherwise: i32| parts.number(name).unwrap_or(Some(otherwise));
    let small = |number: u32| i32::try_from(number).unwrap_or_default();
    let has = |name: &str| parts.get(name).is_some();
    let by_day = match parts.get("BYDAY") {
        None => None,
        Some(days) => Some(weekdays(days)?),
    };
    let nth = || {
        let (number, bits) = by_day?;
        let number = match parts.number("BYSETPOS") {
            None => number?,
            Some(place) if number.is_none() => place?,
            Some(_) => return None,
        };
        Some((week(number)?, bits))
    };
    match parts.get("FREQ")?.to_ascii_uppercase().as_str() {
        _ if has("BYSETPOS") && by_day.is_none() => None,
        "DAILY" | "WEEKLY" if has("BYMONTH") || has("BYMONTHDAY") || has("BYSETPOS") => None,
        "DAILY" => match by_day {
            None => Some(Pattern::Daily),
            Some((None, bits)) if one("INTERVAL", 1) == Some(1) => Some(Pattern::Weekly(bits)),
            Some(_) => None,
        },
        "WEEKLY" => match by_day {
            None => Some(Pattern::Weekly(1 << wall.weekday().num_days_from_sunday())),
            Some((None, bits)) => Some(Pattern::Weekly(bits)),
            Some(_) => None,
        },
        "MONTHLY" if has("BYMONTH") || by_day.is_some() && has("BYMONTHDAY") => None,
        "MONTHLY" if by_day.is_some() => nth().map(|(week, bits)| Pattern::MonthlyNth(week, bits)),
        "MONTHLY" => match one("BYMONTHDAY", small(wall.day()))? {
            -1 => Some(Pattern::MonthlyNth(5, EVERY_DAY)),
            day @ 1..=31 => Some(Pattern::Monthly(u32::try_from(day).ok()?)),
            _ => None,
        },
        "YEARLY" => {
            let month = one("BYMONTH", small(wall.month()))?;
            let month = u32::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
            if by_day.is_some() {
                let is_within_year = !has("BYMONTH");
                return nth()
                    .filter(|_| !is_within_year && !has("BYMONTHDAY"))
                    .map(|(week, bits)| Pattern::YearlyNth(month, week, bits));
            }
            match one("BYMONTHDAY", small(wall.day()))? {
                -1 => Some(Pattern::YearlyNth(month, 5, EVERY_DAY)),
                day @ 1..=31 => Some(Pattern::Yearly(month, u32::try_from(day).ok()?)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// In UTC, where a day alone is the beginning on that day.
fn until(text: &str, start: Moment) -> Option<NaiveDateTime> {
    let at = dates::parse(text).ok()?;
    if start.is_day() {
        return Some(at.date().and_time(start.wall().time()));
    }
    if text.ends_with(['Z', 'z']) {
        return Some(at);
    }
    let wall = if text.contains(['T', 't']) { at } else { at.date().and_time(start.wall().time()) };
    Some(start.at_wall(wall).utc())
}
