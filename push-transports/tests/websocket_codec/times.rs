//! Heartbeat and silence, on virtual time.

use std::time::Duration;

use push_transports::proto::websocket::{Event, State};

use crate::support::*;

const PING_FRAME: &[u8] = &[0x89, 0x00];

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_silent_peer_is_pinged_each_heartbeat_and_dead_at_the_limit() {
    let now = start();
    let mut session = Setup::default().session(now);
    for beat in [25, 50] {
        assert_eq!(session.next_deadline(), Some(now + secs(beat)));
        session.handle_timeout(now + secs(beat) - Duration::from_nanos(1));
        assert_eq!(session.poll_output(), None, "early calls are harmless");
        session.handle_timeout(now + secs(beat));
        session.handle_timeout(now + secs(beat));
        assert_eq!(session.poll_output().as_deref(), Some(PING_FRAME));
        assert_eq!(session.poll_output(), None);
    }
    assert_eq!(session.next_deadline(), Some(now + secs(60)));
    session.handle_timeout(now + secs(60));
    assert_eq!(session.poll_event(), Some(Event::Dead));
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.poll_output(), None, "ends without further bytes");
    assert_eq!((session.state(), session.next_deadline()), (State::Closed, None));
}

#[test]
fn any_byte_received_breaks_the_silence() {
    let now = start();
    let mut session = Setup::default().session(now);
    let mut pong = frame(PONG, b"");
    session.handle_timeout(now + secs(25));
    assert_eq!(session.handle_input(now + secs(59), &mut pong[..1]), Ok(1));
    assert_eq!(session.poll_output(), None, "a ping that was not yet written is not needed now");
    assert_eq!(session.next_deadline(), Some(now + secs(59 + 25)));
    session.handle_timeout(now + secs(60));
    assert!(session.is_open());
    session.handle_timeout(now + secs(59 + 60));
    assert_eq!(session.poll_event(), Some(Event::Dead));
}

#[test]
fn pings_that_could_not_be_written_do_not_pile_up() {
    let now = start();
    let mut session = Setup::default().session(now);
    session.handle_timeout(now + secs(25));
    session.handle_timeout(now + secs(55));
    assert!(session.has_output());
    assert_eq!(session.poll_output().as_deref(), Some(PING_FRAME));
    assert!(!session.has_output());
    assert_eq!(session.next_deadline(), Some(now + secs(60)));
}

#[test]
fn a_dead_peer_gets_nothing_that_was_still_waiting() {
    let now = start();
    let mut session = Setup::default().session(now);
    let mut ping = frame(PING, b"p");
    assert_eq!(session.handle_input(now, &mut ping), Ok(ping.len()));
    session.handle_timeout(now + secs(60));
    assert_eq!(session.poll_output(), None);
    let events: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
    assert_eq!(events, [crate::support::ping(b"p"), Event::Dead]);
}

#[test]
fn times_of_zero_are_off() {
    let now = start();
    let mut setup = Setup::default();
    setup.settings.heartbeat = Duration::ZERO;
    let mut session = setup.session(now);
    assert_eq!(session.next_deadline(), Some(now + secs(60)));
    session.handle_timeout(now + secs(59));
    assert_eq!(session.poll_output(), None);

    setup.settings.silence_limit = Duration::ZERO;
    let mut session = setup.session(now);
    assert_eq!(session.next_deadline(), None);
    session.handle_timeout(now + secs(1_000_000));
    assert!(session.is_open());
}

#[test]
fn without_a_silence_limit_the_pings_go_on() {
    let now = start();
    let mut setup = Setup::default();
    setup.settings.silence_limit = Duration::ZERO;
    let mut session = setup.session(now);
    for beat in 1..=1000 {
        assert_eq!(session.next_deadline(), Some(now + secs(25 * beat)));
        session.handle_timeout(now + secs(25 * beat));
        assert_eq!(session.poll_output().as_deref(), Some(PING_FRAME));
    }
}

#[test]
fn while_an_event_waits_nothing_is_read() {
    let now = start();
    let mut session = Setup::default().session(now);
    let mut input = frames(&[(FIN | TEXT, b"one"), (FIN | TEXT, b"two")]);
    let read = session.handle_input(now, &mut input).expect("no offence");
    assert_eq!(read, input.len() / 2);
    assert_eq!(session.handle_input(now, &mut input[read..]), Ok(0));
    assert_eq!(session.poll_event(), Some(text("one")));
    assert_eq!(session.handle_input(now, &mut input[read..]), Ok(read));
    assert_eq!(session.poll_event(), Some(text("two")));
}
