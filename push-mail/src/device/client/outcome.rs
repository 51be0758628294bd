//! What is made of a ping's end: what the heartbeat learns, what the log says, what is done next. Pure.

use std::time::Duration;

use http::StatusCode;

use super::{
    error::{ClientError, ClientErrorKind},
    link::{Answer, How, Lost},
    wire::{PingAnswer, Problem},
};
use crate::device::{Event, log::End};

/// A failure sooner than this is followed by a pause, so that nothing makes a loop without one.
const SOON: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) event: Option<Event>,
    pub(super) end: End,
    pub(super) then: Then,
}

#[derive(Debug)]
pub(super) enum Then {
    Ping,
    Sync(Vec<String>),
    List,
    Fewer(usize),
    Wait(Option<Duration>),
    End(ClientError),
}

/// What an answer other than 200 means.
#[derive(Debug)]
pub(super) enum Refusal {
    Later { what: String, wait: Option<Duration> },
    Never(ClientError),
}

pub(super) fn of_ping(answer: Result<Answer, Lost>, asked: Duration, after: Duration) -> Outcome {
    match answer {
        Ok(answer) if answer.status == StatusCode::OK => match serde_json::from_slice(&answer.body) {
            Ok(told) => told_outcome(told, asked, after),
            Err(error) => trouble(format!("an answer that cannot be read: {error}"), None),
        },
        Ok(answer) if gave_up(answer.status) && after >= SOON => {
            let event = Some(Event::ServerClosedEarly { after });
            Outcome { event, end: End::ClosedEarly, then: Then::Ping }
        }
        Ok(answer) => match refusal(&answer) {
            Refusal::Later { what, wait } => trouble(what, wait),
            Refusal::Never(error) => {
                Outcome { event: None, end: End::Trouble { what: error.to_string() }, then: Then::End(error) }
            }
        },
        Err(lost) => lost_outcome(lost),
    }
}

fn told_outcome(told: PingAnswer, asked: Duration, after: Duration) -> Outcome {
    match told {
        // Another ping of this device ended it, or the server is about to go: no evidence, and no reason to hurry.
        PingAnswer::NoChanges if after < asked.mul_f64(0.9) => {
            trouble("answered early, without changes".to_owned(), None)
        }
        PingAnswer::NoChanges => Outcome { event: Some(Event::Expired), end: End::Expired, then: Then::Ping },
        PingAnswer::Changes { folders } => Outcome {
            event: Some(Event::Changed { after }),
            end: End::Changed { folders: folders.clone() },
            then: Then::Sync(folders),
        },
        PingAnswer::HeartbeatOutOfRange { min_s, max_s } => out_of_range(min_s, max_s, asked),
        PingAnswer::TooManyFolders { max } => Outcome {
            event: None,
            end: End::Trouble { what: format!("the server watches {max} folders at most") },
            then: Then::Fewer(max),
        },
        PingAnswer::FoldersStale => {
            Outcome { event: None, end: End::Trouble { what: "the folders have changed".to_owned() }, then: Then::List }
        }
        PingAnswer::ParametersMissing => trouble("the server misses parameters".to_owned(), None),
        PingAnswer::Trouble => trouble("the server has trouble".to_owned(), None),
        PingAnswer::BadRequest => {
            let error = ClientError::new(ClientErrorKind::Refused, "ping");
            Outcome { event: None, end: End::Trouble { what: error.to_string() }, then: Then::End(error) }
        }
    }
}

fn out_of_range(min_s: f64, max_s: f64, asked: Duration) -> Outcome {
    let bound = if asked.as_secs_f64() < min_s { min_s } else { max_s };
    match Duration::try_from_secs_f64(bound) {
        // A bound that the interval does not violate, or none at all, would be asked for again and again.
        Ok(bound) if !bound.is_zero() && bound != asked && min_s <= max_s => Outcome {
            event: Some(Event::OutOfRange { bound }),
            end: End::OutOfRange { bound_ms: u64::try_from(bound.as_millis()).unwrap_or(u64::MAX) },
            then: Then::Ping,
        },
        _ => trouble(format!("refused by bounds that make no sense, {min_s} and {max_s} s"), None),
    }
}

fn lost_outcome(Lost { how, after }: Lost) -> Outcome {
    let then = if after < SOON { Then::Wait(None) } else { Then::Ping };
    match how {
        How::Silence => Outcome { event: Some(Event::TimedOut), end: End::TimedOut, then: Then::Ping },
        How::Reset => Outcome { event: Some(Event::Reset { after }), end: End::Reset, then },
        How::Closed => Outcome { event: Some(Event::ServerClosedEarly { after }), end: End::ClosedEarly, then },
        How::Unreachable(what) | How::Unusable(what) => trouble(what, None),
    }
}

fn trouble(what: String, wait: Option<Duration>) -> Outcome {
    Outcome { event: None, end: End::Trouble { what }, then: Then::Wait(wait) }
}

/// Something between device and server gave up waiting for the server: a proxy's own time-out.
fn gave_up(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 502 | 504 | 520..=524)
}

pub(super) fn refusal(answer: &Answer) -> Refusal {
    let detail = serde_json::from_slice::<Problem>(&answer.body).unwrap_or_default().detail;
    let what = if detail.is_empty() { answer.status.to_string() } else { format!("{}: {detail}", answer.status) };
    let kind = match answer.status.as_u16() {
        401 => ClientErrorKind::Unauthorized,
        403 => ClientErrorKind::Forbidden,
        408 | 429 | 500..=599 => return Refusal::Later { what, wait: answer.retry_after },
        200..=399 | 404 | 405 => ClientErrorKind::NotFound,
        _ => ClientErrorKind::Refused,
    };
    Refusal::Never(ClientError::new(kind, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Duration = Duration::from_secs(480);

    fn answer(status: u16, body: &str) -> Result<Answer, Lost> {
        let status = StatusCode::from_u16(status).expect("a status");
        Ok(Answer { status, retry_after: None, body: body.to_owned().into(), after: ASKED })
    }

    fn event(answer: Result<Answer, Lost>, after: u64) -> Option<Event> {
        of_ping(answer, ASKED, Duration::from_secs(after)).event
    }

    fn lost(how: How, after: u64) -> Result<Answer, Lost> {
        Err(Lost { how, after: Duration::from_secs(after) })
    }

    #[test]
    fn each_end_teaches_the_heartbeat_what_it_proves() {
        let after = Duration::from_secs(70);
        let no_changes = r#"{"status":"no_changes"}"#;
        assert_eq!(event(answer(200, no_changes), 479), Some(Event::Expired));
        assert_eq!(event(answer(200, r#"{"status":"changes","folders":["1"]}"#), 70), Some(Event::Changed { after }));
        assert_eq!(event(answer(504, "<html>"), 70), Some(Event::ServerClosedEarly { after }));
        assert_eq!(event(lost(How::Silence, 485), 485), Some(Event::TimedOut));
        assert_eq!(event(lost(How::Reset, 70), 70), Some(Event::Reset { after }));
        assert_eq!(event(lost(How::Closed, 70), 70), Some(Event::ServerClosedEarly { after }));
        let range = r#"{"status":"heartbeat_out_of_range","min_s":500,"max_s":3540}"#;
        assert_eq!(event(answer(200, range), 0), Some(Event::OutOfRange { bound: Duration::from_secs(500) }));
        let range = r#"{"status":"heartbeat_out_of_range","min_s":60,"max_s":300}"#;
        assert_eq!(event(answer(200, range), 0), Some(Event::OutOfRange { bound: Duration::from_secs(300) }));
    }

    #[test]
    fn what_says_nothing_of_the_network_teaches_nothing_and_waits() {
        for (answer, after) in [
            (answer(200, r#"{"status":"no_changes"}"#), 3),
            (answer(200, r#"{"status":"server_error"}"#), 3),
            (answer(200, r#"{"status":"parameters_missing"}"#), 3),
            (answer(200, r#"{"status":"something_new"}"#), 3),
            (answer(200, r#"{"status":"heartbeat_out_of_range","min_s":480,"max_s":480}"#), 3),
            (answer(200, r#"{"status":"heartbeat_out_of_range","min_s":-1,"max_s":-2}"#), 3),
            (answer(200, r#"{"status":"heartbeat_out_of_range","min_s":1e300,"max_s":1e301}"#), 3),
            (answer(200, "[]"), 3),
            (answer(503, ""), 70),
            (answer(429, ""), 3),
            (answer(502, ""), 0),
            (lost(How::Unreachable("no".to_owned()), 0), 0),
        ] {
            let outcome = of_ping(answer, ASKED, Duration::from_secs(after));
            assert!(outcome.event.is_none() && matches!(outcome.then, Then::Wait(_)), "{outcome:?}");
        }
    }

    #[test]
    fn what_no_waiting_will_mend_ends_the_client() {
        for (status, kind) in [
            (401, ClientErrorKind::Unauthorized),
            (403, ClientErrorKind::Forbidden),
            (404, ClientErrorKind::NotFound),
            (302, ClientErrorKind::NotFound),
            (400, ClientErrorKind::Refused),
        ] {
            let outcome = of_ping(answer(status, r#"{"detail":"say why"}"#), ASKED, ASKED);
            let Then::End(error) = outcome.then else { panic!("{status} went on") };
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains("say why"), "{error}");
        }
        let outcome = of_ping(answer(200, r#"{"status":"bad_request"}"#), ASKED, ASKED);
        assert!(matches!(outcome.then, Then::End(_)));
    }

    #[test]
    fn a_connection_that_dies_at_once_is_followed_by_a_pause() {
        let outcome = of_ping(lost(How::Reset, 0), ASKED, Duration::ZERO);
        assert!(matches!(outcome.then, Then::Wait(None)));
        let outcome = of_ping(lost(How::Reset, 70), ASKED, Duration::from_secs(70));
        assert!(matches!(outcome.then, Then::Ping));
    }
}
