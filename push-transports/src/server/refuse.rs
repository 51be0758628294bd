//! Sending a connection away that is one too many, without a task and without waiting.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How long a refused connection is kept after its answer.
///
/// Its request is usually still on the way: a socket that is gone by then answers it with a reset, and many clients report
/// that rather than the answer they have. A second covers a slow round trip.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Most refused connections kept at a time; under a flood the oldest goes early. They come on top of the connection limit.
const KEPT_MOST: usize = 64;

/// Most reads of 4 KiB before a refused connection is closed: a socket closed with unread bytes resets the connection.
const READS: usize = 16;

/// The refused connections that may still be reading their answer.
#[derive(Debug, Default)]
pub(super) struct Refused(VecDeque<(Instant, TcpStream)>);

impl Refused {
    /// Answers 429 and ends our direction; whatever fails on the way is the client's loss.
    pub(super) fn refuse(&mut self, mut stream: TcpStream, now: Instant, date: SystemTime) {
        // The send buffer of a new socket is empty: the answer fits in one write.
        if stream.write_all(answer(date).as_bytes()).is_err() || stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        if self.0.len() >= KEPT_MOST {
            self.0.pop_front().into_iter().for_each(close);
        }
        self.0.push_back((now + KEPT_FOR, stream));
    }

    /// When the next one is to be closed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(deadline, _)| *deadline)
    }

    /// Closes those whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.0.pop_front().into_iter().for_each(close);
        }
    }
}

fn close((_, mut stream): (Instant, TcpStream)) {
    let mut scratch = [0; 4096];
    for _ in 0..READS {
        if !matches!(stream.read(&mut scratch), Ok(1..)) {
            break;
        }
    }
}

/// The whole answer to a connection that is one too many.
///
/// It goes out before any request was read, so it has the headers every answer has and nothing that depends on a request.
fn answer(date: SystemTime) -> String {
    const BODY: &str = concat!(
        r#"{"status":429,"title":"Too Many Requests","#,
        r#""detail":"the server has as many connections as it is set to take","code":"too_many_connections"}"#,
    );
    format!(
        "HTTP/1.1 429 Too Many Requests\r\n\
         Content-Type: application/problem+json\r\n\
         Content-Length: {}\r\n\
         Date: {}\r\n\
         Connection: close\r\n\
         Retry-After: 5\r\n\
         Cache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Referrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\
         Vary: Origin, Authorization, Cookie\r\n\
         \r\n{BODY}",
        BODY.len(),
        httpdate::fmt_http_date(date),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_a_whole_problem_with_the_code_and_when_to_come_back() {
        let answer = answer(SystemTime::UNIX_EPOCH);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head ends with an empty line");
        assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        assert!(head.contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
        assert!(head.contains("\r\nRetry-After: 5\r\n") && head.contains("\r\nConnection: close\r\n"));
        let problem: serde_json::Value = serde_json::from_str(body).expect("the body is JSON");
        assert_eq!(problem["status"], 429);
        assert_eq!(problem["code"], "too_many_connections");
    }

    #[test]
    fn a_flood_of_refused_connections_is_kept_within_bounds() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let addr = listener.local_addr().expect("it is bound");
        let (mut refused, now) = (Refused::default(), Instant::now());
        for _ in 0..KEPT_MOST + 3 {
            let mut client = TcpStream::connect(addr).expect("the backlog has room");
            let (stream, _) = listener.accept().expect("one is there");
            refused.refuse(stream, now, SystemTime::UNIX_EPOCH);
            let mut seen = String::new();
            client.read_to_string(&mut seen).expect("the answer comes whole");
            assert!(seen.starts_with("HTTP/1.1 429 "));
        }
        assert_eq!(refused.0.len(), KEPT_MOST);
        refused.expire(now + KEPT_FOR);
        assert_eq!(refused.deadline(), None);
    }
}
