//! The documented walk in virtual time: a network that forgets idle connections after 13 minutes, without a word.
//!
//! The golden file is the ping log as people see it; it is compared as a whole.

use std::time::{Duration, UNIX_EPOCH};

use push_mail::device::{End, Event, Heartbeat, PingEntry, PingLog, Preset};

const CUT_OFF: Duration = Duration::from_secs(13 * 60);

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// How a ping ends that begins at `now`, and when: mail comes at the times given.
fn ping(now: Duration, heartbeat: &Heartbeat, mail: &[Duration]) -> (Event, End, Duration) {
    let next = heartbeat.next();
    let due = mail.iter().copied().find(|at| *at >= now).map(|at| at - now);
    match due {
        Some(after) if after < next.interval.min(CUT_OFF) => {
            (Event::Changed { after }, End::Changed { folders: vec!["INBOX".to_owned()] }, after)
        }
        _ if next.interval <= CUT_OFF => (Event::Expired, End::Expired, next.interval),
        _ => (Event::TimedOut, End::TimedOut, next.socket_timeout),
    }
}

fn trace(preset: Preset, pings: usize, mail: &[Duration]) -> String {
    let mut heartbeat = Heartbeat::new(preset.settings());
    let mut log = PingLog::new(pings);
    let mut now = Duration::ZERO;
    let start = UNIX_EPOCH + Duration::from_secs(1_199_174_400);
    for _ in 0..pings {
        let asked = heartbeat.next().interval;
        let (event, end, after) = ping(now, &heartbeat, mail);
        now += after;
        let next = heartbeat.on(&event);
        log.push(PingEntry::new(start + now, "", asked, after, end, next));
        // The change is synced in no time at all; the same mail is not told twice.
        now += Duration::from_secs(1);
    }
    log.to_string()
}

#[test]
fn the_documented_walk_is_walked_to_the_letter() {
    // 15 in silence, 8 answered, then mail four minutes into the third ping.
    let mail = minutes(15) + Duration::from_secs(6) + minutes(8) + Duration::from_secs(1) + minutes(4);
    assert_eq!(trace(Preset::Walk, 9, &[mail]), include_str!("walk_golden.txt"));
}

#[test]
fn ours_finds_the_ceiling_of_the_same_network() {
    let mail = minutes(8) + Duration::from_secs(1) + minutes(4);
    assert_eq!(trace(Preset::Ours, 9, &[mail]), include_str!("ours_golden.txt"));
}
