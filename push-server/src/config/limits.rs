//! The limits: whatever a stranger can make the server do, hold or wait for has a key here.

use super::keys::{Field, Key, keys};

const YEAR_S: u64 = 365 * 24 * 3600;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const MANY: u64 = 1_000_000_000;

/// Limits of the accept loop, the transports and the hub, in this order.
pub(crate) const LIMITS: [Key; LIMITS_LEN] = keys![
    "max_connections", "TCP connections at a time; by default what the limit of open files allows, less 512",
        |s| Field::MaybeCount(&mut s.max_connections, 1..=MANY);
    "max_subscribers", "subscribers, parked polls included; by default and at most max_connections less a sixteenth or 512",
        |s| Field::MaybeCount(&mut s.max_subscribers, 1..=MANY);
    "max_connections_per_address", "TCP connections at a time from one address, an IPv6 network of 64 bits; 0: as many as in all",
        |s| Field::MaybeCount(&mut s.max_connections_per_address, 0..=MANY);
    "header_timeout_s", "how long the head of a request may take",
        |s| Field::Seconds(&mut s.serve.header_timeout, 1..=3600);
    "handshake_timeout_s", "how long a client may take for its first byte under TLS, and again for its handshake",
        |s| Field::Seconds(&mut s.serve.handshake_timeout, 1..=3600);
    "max_handshakes", "TLS handshakes at a time; others wait their turn",
        |s| Field::Count(&mut s.serve.max_handshakes, 1..=MANY);
    "keep_alive_s", "how long a connection may wait for its next request",
        |s| Field::Seconds(&mut s.serve.idle, 0..=YEAR_S);
    "max_header_bytes", "longest head of a request, else 431",
        |s| Field::Count(&mut s.serve.header_bytes, 1024..=GIB);
    "max_headers", "headers of a request, else 431",
        |s| Field::Count(&mut s.serve.max_headers, 8..=4096);
    "stall_s", "how long a connection may take nothing of what is sent to it",
        |s| Field::SecondsOfBoth(&mut s.serve.stall, &mut s.transports.stall, 1..=YEAR_S);
    "linger_s", "how long a closed connection may take to close its side",
        |s| Field::Seconds(&mut s.serve.linger, 0..=3600);
    "half_close_s", "how long a client that has ended its side still gets the answer under way",
        |s| Field::Seconds(&mut s.serve.half_close, 0..=3600);
    "send_buffer_bytes", "the kernel's send buffer of a connection",
        |s| Field::Count(&mut s.serve.send_buffer, 4096..=GIB);
    "heartbeat_s", "longest silence on a subscription; WebSockets must answer within twice that and 10 s",
        |s| Field::Seconds(&mut s.transports.heartbeat, 1..=3600);
    "retry_s", "how soon clients that were cut come back: between this and its double",
        |s| Field::Seconds(&mut s.transports.retry, 0..=3600);
    "max_poll_timeout_s", "longest timeout that a poll may ask for",
        |s| Field::Seconds(&mut s.transports.max_poll_timeout, 1..=YEAR_S);
    "max_target_bytes", "longest request target, else 414",
        |s| Field::Count(&mut s.transports.max_target_bytes, 256..=GIB);
    "max_json_bytes", "longest JSON body of a subscription or an operator's call",
        |s| Field::Count(&mut s.transports.max_json_bytes, 256..=GIB);
    "max_batch_bytes", "longest NDJSON batch",
        |s| Field::Count(&mut s.transports.max_batch_bytes, 1..=GIB);
    "max_batch_lines", "lines of an NDJSON batch",
        |s| Field::Count(&mut s.transports.max_batch_lines, 1..=MANY);
    "body_timeout_s", "how long the body of a request may take",
        |s| Field::Seconds(&mut s.transports.body_timeout, 1..=3600);
    "auth_window_s", "how long a WebSocket without a token may take to send auth",
        |s| Field::Seconds(&mut s.transports.auth_window, 0..=3600);
    "publish_wait_s", "how long a publish or a batch faster than all its subscribers is held back",
        |s| Field::Seconds(&mut s.transports.publish_wait, 0..=60);
    "max_echo_bytes", "longest message of echo",
        |s| Field::Count(&mut s.transports.max_echo_bytes, 1..=GIB);
    "max_payload_bytes", "largest payload",
        |s| Field::Count(&mut s.hub.max_payload_bytes, 1..=GIB);
    "max_history_bytes", "what all histories hold together, 256 a publication included",
        |s| Field::Bytes(&mut s.hub.max_history_bytes, 0..=TIB);
    "max_form_bytes", "what the wire forms made of publications hold together",
        |s| Field::Bytes(&mut s.hub.max_form_bytes, 0..=TIB);
    "max_channels", "channels held",
        |s| Field::Count(&mut s.hub.max_channels, 1..=MANY);
    "max_patterns", "patterns subscribed",
        |s| Field::Count(&mut s.hub.max_patterns, 1..=MANY);
    "max_channels_per_connection", "channels and patterns of one connection",
        |s| Field::Count(&mut s.hub.max_channels_per_connection, 1..=MANY);
    "idle_channel_s", "how long a channel is held that nobody uses and that holds nothing",
        |s| Field::Seconds(&mut s.hub.idle, 1..=YEAR_S);
    "push_id_age_s", "how long a Push-Id is remembered",
        |s| Field::Seconds(&mut s.hub.push_id_age, 0..=YEAR_S);
    "max_push_ids", "how many Push-Ids are remembered for a channel",
        |s| Field::Count(&mut s.hub.max_push_ids, 1..=MANY);
    "presence_linger_s", "how long a member stays after its last connection is gone",
        |s| Field::Seconds(&mut s.hub.presence_linger, 0..=3600);
    "max_members", "members listed and announced for a channel, beyond that only counted",
        |s| Field::Count(&mut s.hub.max_members, 0..=MANY);
];
const LIMITS_LEN: usize = 35;
