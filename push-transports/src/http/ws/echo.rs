//! `echo`: a plain WebSocket that sends back what it is sent, for conformance suites.

use std::future::poll_fn;
use std::sync::Arc;

use hyper::upgrade::OnUpgrade;

use super::socket::{self, Socket};
use crate::http::push::Push;
use crate::proto::websocket::{Event, Opcode, Options, Session, encode_frame};

/// Serves one connection; it is written to before it is read from again, so a client that does not read waits.
pub(super) async fn run(push: Push, upgrade: OnUpgrade, options: Options) {
    let Ok(mut socket) = socket::upgraded(upgrade).await else { return };
    let clock = Arc::clone(push.shared.hub.clock());
    let mut session = Session::new(clock.now(), Arc::clone(&push.shared.endpoints.echo), options);
    loop {
        while socket.waiting() > 0 {
            let write = tokio::time::timeout(push.shared.config.stall, poll_fn(|cx| socket.poll_write(cx)));
            if !matches!(write.await, Ok(Ok(()))) {
                return;
            }
        }
        if session.is_closed() {
            return socket.close().await;
        }
        let mut input = Vec::new();
        let wait = session.next_deadline().map(|at| at.saturating_duration_since(clock.now()));
        let read = tokio::time::timeout(wait.unwrap_or(push.shared.config.stall), read(&mut socket, &mut input));
        match read.await {
            Ok(0) => return,
            Ok(_) => hear(&push, &mut session, &mut socket, &mut input, options),
            Err(_) => session.handle_timeout(clock.now()),
        }
        while let Some(frame) = session.poll_output() {
            socket.push(frame);
        }
    }
}

/// Bytes read; 0 also for an error, which ends the connection as well.
async fn read(socket: &mut Socket, input: &mut Vec<u8>) -> usize {
    if poll_fn(|cx| socket.poll_flush(cx)).await.is_err() {
        return 0;
    }
    poll_fn(|cx| socket.poll_read(cx, input)).await.unwrap_or(0)
}

fn hear(push: &Push, session: &mut Session, socket: &mut Socket, mut input: &mut [u8], options: Options) {
    let now = push.shared.hub.clock().now();
    let encode = |opcode, payload: &[u8]| match options.deflate {
        true => push.shared.endpoints.deflaters.encode(opcode, payload),
        false => encode_frame(opcode, false, payload),
    };
    loop {
        let event = session.poll_event();
        let frame = match event {
            Some(Event::Text(text)) => encode(Opcode::Text, text.as_bytes()),
            Some(Event::Binary(payload)) => encode(Opcode::Binary, &payload),
            Some(_) => session.poll_output().unwrap_or_default(),
            None if input.is_empty() || session.is_closed() => return,
            None => {
                let Ok(read) = session.handle_input(now, input) else { return };
                input = &mut input[read..];
                continue;
            }
        };
        socket.push(frame);
    }
}
