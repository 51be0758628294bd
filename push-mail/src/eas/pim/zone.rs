//! Time zones as devices write them: the bytes of a `TIME_ZONE_INFORMATION` ([MS-ASDTYPE] 2.7.6).
//!
//! ```text
//!  bias i32, standard name 64, standard date 16, standard bias i32, daylight name 64, daylight date 16, daylight bias i32
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calcard::common::timezone::Tz;
use chrono::{Datelike as _, Duration, NaiveDate, NaiveDateTime, Offset as _, TimeZone as _, Timelike as _};

const BYTES: usize = 172;

/// Zones that are tried first: of several with the same rules, the best known.
const KNOWN: [&str; 24] = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/Helsinki",
    "Europe/Moscow",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Dubai",
    "Australia/Sydney",
    "Australia/Brisbane",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    "America/Phoenix",
    "America/Halifax",
    "America/Anchorage",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Asia/Jerusalem",
    "Europe/Istanbul",
];

/// A day of each year at which clocks are changed, as `SYSTEMTIME` has it: by weekday, and its week in the month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Switch {
    month: u16,
    weekday: u16,
    /// 5 for the last.
    week: u16,
    hour: u16,
    minute: u16,
    second: u16,
}

/// What a zone's clocks do in a year. Minutes are those that have to be added to come to UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rules {
    bias: i32,
    daylight_bias: i32,
    standard: Switch,
    daylight: Switch,
}

fn offset(zone: Tz, utc: NaiveDateTime) -> i32 {
    zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

/// The moments at which a zone's offset changes in a year.
fn switches(zone: Tz, year: i32) -> Vec<NaiveDateTime> {
    let begin = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
    let (mut at, end) = (begin(year), begin(year + 1));
    let mut found = Vec::new();
    while at < end {
        let next = at + Duration::days(7);
        if offset(zone, at) != offset(zone, next) {
            let (mut before, mut behind) = (at, next);
            while behind - before > Duration::seconds(1) {
                let middle = before + (behind - before) / 2;
                if offset(zone, middle) == offset(zone, before) { before = middle } else { behind = middle }
            }
            found.push(behind - Duration::nanoseconds(i64::from(behind.nanosecond())));
        }
        at = next;
    }
    found.retain(|at| at.year() == year);
    found
}

impl Switch {
    /// At a moment that clocks show which are about to be changed.
    fn at(wall: NaiveDateTime) -> Self {
        let is_last = (wall + Duration::days(7)).month() != wall.month();
        let week = if is_last { 5 } else { (wall.day() - 1) / 7 + 1 };
        let small = |number: u32| u16::try_from(number).unwrap_or_default();
        Self {
            month: small(wall.month()),
            weekday: small(wall.weekday().num_days_from_sunday()),
            week: small(week),
            hour: small(wall.hour()),
            minute: small(wall.minute()),
            second: small(wall.second()),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        let Self { month, weekday, week, hour, minute, second } = self;
        for word in [0, month, weekday, week, hour, minute, second, 0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |place: usize| u16::from_le_bytes([bytes[2 * place], bytes[2 * place + 1]]);
        Self { month: word(1), weekday: word(2), week: word(3), hour: word(4), minute: word(5), second: word(6) }
    }
}

impl Rules {
    fn of(zone: Tz, at: NaiveDateTime) -> Self {
        let found = switches(zone, at.year());
        let wall = |moment: NaiveDateTime| {
            let before = offset(zone, moment - Duration::seconds(1));
            (moment + Duration::seconds(before.into()), before, offset(zone, moment))
        };
        let all: Vec<_> = found.into_iter().map(wall).collect();
        let forward = all.iter().find(|(_, before, after)| after > before);
        let back = all.iter().find(|(_, before, after)| after < before);
        match (forward, back, all.len()) {
            (Some((to_daylight, standard, daylight)), Some((to_standard, ..)), 2) => Self {
                bias: -standard / 60,
                daylight_bias: (standard - daylight) / 60,
                standard: Switch::at(*to_standard),
                daylight: Switch::at(*to_daylight),
            },
            _ => Self {
                bias: -offset(zone, at) / 60,
                daylight_bias: 0,
                standard: Switch::default(),
                daylight: Switch::default(),
            },
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (standard, daylight) = (Switch::read(&bytes[68..84]), Switch::read(&bytes[152..168]));
        let bias = number(0).saturating_add(if standard.month == 0 { 0 } else { number(84) });
        if standard.month == 0 || daylight.month == 0 {
            return Self {
                bias: number(0),
                daylight_bias: 0,
                standard: Switch::default(),
                daylight: Switch::default(),
            };
        }
        let daylight_bias = number(168).saturating_sub(number(84));
        Self { bias, daylight_bias, standard, daylight }
    }
}

/// Bytes of a name, at most 32 units of UTF-16, the last of them 0.
fn name_bytes(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.encode_utf16().take(31).flat_map(u16::to_le_bytes).collect();
    bytes.resize(64, 0);
    bytes
}

/// A zone in the year of a moment, in base64.
pub(super) fn to_text(zone: Tz, at: NaiveDateTime) -> String {
    let rules = Rules::of(zone, at);
    let name = zone.name().unwrap_or_default();
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend_from_slice(&rules.bias.to_le_bytes());
    bytes.extend(name_bytes(&name));
    rules.standard.write(&mut bytes);
    bytes.extend_from_slice(&0_i32.to_le_bytes());
    bytes.extend(name_bytes(&name));
    rules.daylight.write(&mut bytes);
    bytes.extend_from_slice(&rules.daylight_bias.to_le_bytes());
    STANDARD.encode(bytes)
}

/// The zone of that text whose clocks do in that year what it says: `liked` if that is one, else the one that it names,
/// else a well-known one. `None` where there is none, or the text is none.
pub(super) fn of_text(text: &str, at: NaiveDateTime, liked: Option<Tz>) -> Option<Tz> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(plain).ok().filter(|bytes| bytes.len() == BYTES)?;
    let rules = Rules::read(&bytes);
    let name: Vec<u16> = bytes[4..68].chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    let name = String::from_utf16_lossy(&name);
    let named = name.split('\0').next().and_then(|name| name.parse::<Tz>().ok());
    let known = KNOWN.iter().filter_map(|name| name.parse().ok());
    let all = chrono_tz::TZ_VARIANTS.iter().map(|zone| Tz::Tz(*zone));
    let candidates = liked.into_iter().chain(named).chain([Tz::UTC]).chain(known).chain(all);
    // The offset of one moment is told fast, and leaves few.
    let may_be = |zone: &Tz| {
        let now = -offset(*zone, at) / 60;
        !zone.is_floating() && (now == rules.bias || now == rules.bias.saturating_add(rules.daylight_bias))
    };
    candidates.into_iter().filter(may_be).find(|zone| Rules::of(*zone, at) == rules)
}
