//! The streaming session in virtual time.

#![expect(clippy::disallowed_methods, reason = "tests need one instant to count from")]

use push_core::Draft;

use super::*;
use crate::proto::envelope::tests::numbered;
use crate::proto::notice::tests::{cursor, partial, start};
use crate::proto::sse::Sse;
use crate::proto::sse::tests::Reader;

const SSE: Sse = Sse { json: false, retry: Duration::from_millis(1) };
const SECOND: Duration = Duration::from_secs(1);

fn session(now: Instant, pace: Pace) -> StreamSession<Sse> {
    let mut session = StreamSession::new(now, SSE, &start(10, vec![]), None, pace);
    assert!(session.poll_output().is_some_and(|open| open.starts_with(b"retry: ")));
    assert_eq!(session.poll_output(), None);
    session
}

fn publication(number: u64, len: usize) -> Arc<Publication> {
    numbered("a", Draft::text("x".repeat(len)), number)
}

fn batch(gaps: Vec<Gap>, publications: &[Arc<Publication>], looked: u64) -> Batch {
    let before = publications.first().map_or(looked, |first| first.number() - 1);
    Batch {
        gaps,
        publications: publications.to_vec(),
        before: cursor(before),
        cursor: cursor(looked),
        more: false,
        ending: None,
    }
}

fn drain<E: Encoder>(session: &mut StreamSession<E>) -> Vec<Bytes> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

#[test]
fn a_single_publication_goes_out_as_the_shared_bytes() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    let one = publication(11, 5);
    session.handle_batch(now, batch(vec![], std::slice::from_ref(&one), 11));
    let out = drain(&mut session);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), SSE.publication(&one).as_ptr());
}

#[test]
fn several_publications_are_put_together_in_order_up_to_the_bound() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    let many: Vec<_> = (11..311).map(|number| publication(number, 1000)).collect();
    session.handle_batch(now, batch(vec![], &many, 310));
    let out = drain(&mut session);
    assert!(out.iter().all(|bytes| bytes.len() <= MAX_COALESCED_BYTES));
    assert!(out.len() <= 12, "{}", out.len());
    let all: Vec<u8> = out.concat();
    let expected: Vec<u8> = many.iter().flat_map(|p| SSE.publication(p)).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_long_publication_between_short_ones_is_not_copied() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    let (short, long, last) = (publication(11, 5), publication(12, 200_000), publication(13, 5));
    session.handle_batch(now, batch(vec![], &[short.clone(), long.clone(), last.clone()], 13));
    let out = drain(&mut session);
    assert_eq!(out.len(), 3);
    assert_eq!(out[1].as_ptr(), SSE.publication(&long).as_ptr());
    assert_eq!((&out[0], &out[2]), (&SSE.publication(&short), &SSE.publication(&last)));
}

#[test]
fn a_live_gap_resumes_just_before_what_follows_it() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    session.handle_batch(now, batch(vec![partial("a")], &[publication(21, 1), publication(22, 1)], 30));
    let reader = Reader::read(&drain(&mut session).concat());
    assert_eq!(reader.fired[0].event, "push.gap");
    assert_eq!(reader.fired[0].last_event_id, cursor(20).to_string());
    assert_eq!(reader.fired.len(), 3);

    session.handle_batch(now, batch(vec![partial("a")], &[], 40));
    let reader = Reader::read(&drain(&mut session).concat());
    assert_eq!(reader.fired[0].last_event_id, cursor(40).to_string());
}

#[test]
fn silence_is_broken_after_the_heartbeat_interval_and_output_arms_it_again() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    assert_eq!(session.next_deadline(), Some(now + 25 * SECOND));
    session.handle_timeout(now + 24 * SECOND);
    assert_eq!(session.poll_output(), None, "an early call is harmless");

    session.handle_batch(now + 20 * SECOND, batch(vec![], &[publication(11, 1)], 11));
    drain(&mut session);
    assert_eq!(session.next_deadline(), Some(now + 45 * SECOND));
    session.handle_timeout(now + 45 * SECOND);
    assert_eq!(drain(&mut session), [":\n\n"]);
    assert_eq!(session.next_deadline(), Some(now + 70 * SECOND));
}

#[test]
fn a_heartbeat_moves_the_cursor_when_the_server_has_looked_further_and_says_so_once() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    session.handle_batch(now + SECOND, batch(vec![], &[], 50));
    assert!(!session.has_output());
    assert_eq!(session.next_deadline(), Some(now + 25 * SECOND), "looking on is no output");
    session.handle_timeout(now + 25 * SECOND);
    assert_eq!(drain(&mut session), [format!(":\nid: {}\n\n", cursor(50))]);
    session.handle_timeout(now + 50 * SECOND);
    assert_eq!(drain(&mut session), [":\n\n"]);
    session.handle_batch(now + 51 * SECOND, batch(vec![], &[publication(60, 1)], 60));
    drain(&mut session);
    session.handle_timeout(now + 80 * SECOND);
    assert_eq!(drain(&mut session), [":\n\n"], "the id of the publication was told already");
}

#[test]
fn heartbeats_do_not_pile_up_behind_a_client_that_takes_nothing() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    session.handle_batch(now, batch(vec![], &[publication(11, 1)], 11));
    for second in (25..10_000).step_by(25) {
        session.handle_timeout(now + second * SECOND);
    }
    assert_eq!(drain(&mut session).len(), 1);
}

#[test]
fn refresh_sends_the_newest_again_until_something_newer_comes() {
    let now = Instant::now();
    let mut session = session(now, Pace { refresh: Some(5 * SECOND), ..Pace::default() });
    assert_eq!(session.next_deadline(), Some(now + 25 * SECOND), "nothing to send again yet");
    let (first, second) = (publication(11, 1), publication(12, 2));
    session.handle_batch(now, batch(vec![], std::slice::from_ref(&first), 11));
    drain(&mut session);
    for at in [5, 10] {
        assert_eq!(session.next_deadline(), Some(now + at * SECOND));
        session.handle_timeout(now + at * SECOND);
        assert_eq!(drain(&mut session), [SSE.publication(&first)]);
    }
    session.handle_batch(now + 12 * SECOND, batch(vec![], std::slice::from_ref(&second), 12));
    drain(&mut session);
    assert_eq!(session.next_deadline(), Some(now + 17 * SECOND));
    session.handle_timeout(now + 17 * SECOND);
    assert_eq!(drain(&mut session), [SSE.publication(&second)]);
}

#[test]
fn an_ending_comes_after_what_was_queued_and_nothing_comes_after_it() {
    let now = Instant::now();
    let mut session = session(now, Pace { refresh: Some(SECOND), ..Pace::default() });
    session.handle_batch(now, batch(vec![], &[publication(11, 1)], 11));
    session.handle_end(&Ending::draining());
    assert!(!session.is_finished());
    session.handle_end(&Ending::too_slow());
    session.handle_batch(now, batch(vec![], &[publication(12, 1)], 12));
    session.handle_timeout(now + 100 * SECOND);
    assert_eq!(session.next_deadline(), None);
    let reader = Reader::read(&drain(&mut session).concat());
    let events: Vec<_> = reader.fired.iter().map(|fired| fired.event.as_str()).collect();
    assert_eq!(events, ["message", "push.close"]);
    assert!(reader.fired[1].data.contains("3000"));
    assert!(session.is_finished());
}

#[test]
fn the_ending_of_a_batch_comes_after_its_publications() {
    let now = Instant::now();
    let mut session = session(now, Pace::default());
    let last = Batch { ending: Some(Ending::too_slow()), ..batch(vec![partial("a")], &[publication(11, 1)], 11) };
    session.handle_batch(now, last);
    let reader = Reader::read(&drain(&mut session).concat());
    let events: Vec<_> = reader.fired.iter().map(|fired| fired.event.as_str()).collect();
    assert_eq!(events, ["push.gap", "message", "push.close"]);
    assert!(session.is_finished());
}

#[test]
fn an_encoder_in_a_box_drives_a_session_like_any_other() {
    let now = Instant::now();
    let boxed: Box<dyn Encoder + Send> = Box::new(SSE);
    let mut session = StreamSession::new(now, boxed, &start(1, vec![]), None, Pace::default());
    session.handle_batch(now, batch(vec![], &[publication(2, 1)], 2));
    session.handle_end(&Ending::draining());
    assert_eq!(session.encoder().content_type(), "text/event-stream");
    assert_eq!(Reader::read(&drain(&mut session).concat()).fired.len(), 2);
}
