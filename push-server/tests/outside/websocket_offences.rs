//! Every kind of bad frame, byte by byte: the close code of RFC 6455, and nothing else notices.

use std::net::SocketAddr;

use testkit::{Connection, Options, Publish, Request, Subscriber, Transport, http::find, publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{launch, open_server};

/// A client's frame: first byte as given, masked with zeros, or not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    framed(first, payload.len() as u64, payload, true)
}

fn framed(first: u8, announced: u64, payload: &[u8], masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut out = vec![first];
    match announced {
        0..=125 => out.push(mask | u8::try_from(announced).expect("small")),
        126..=65_535 => {
            out.push(mask | 126);
            out.extend_from_slice(&u16::try_from(announced).expect("two bytes").to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&announced.to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&[0; 4]);
    }
    out.extend_from_slice(payload);
    out
}

async fn upgraded(addr: SocketAddr, target: &str, extensions: Option<&str>) -> Connection {
    let mut request = Request::get(target)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    if let Some(extensions) = extensions {
        request = request.header("Sec-WebSocket-Extensions", extensions);
    }
    let mut connection = Connection::open(addr).await.expect("listening");
    connection.send(&request).await.expect("it reads");
    let head = connection.head().await.expect("an answer");
    assert_eq!(head.status, 101, "{head:?}");
    assert_eq!(head.header("sec-websocket-extensions").is_some(), extensions.is_some(), "{head:?}");
    connection
}

/// Sends bytes and returns the code of the close frame that is the last thing to come back.
async fn close_code(connection: Connection, bytes: &[u8]) -> Option<u16> {
    let (mut stream, rest) = connection.into_parts();
    let mut heard = rest.to_vec();
    let talk = async {
        // It may close while this is being written.
        let _ = stream.write_all(bytes).await;
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            heard.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(testkit::GUARD, talk).await.expect("the server closes");
    let at = find(&heard, &[0x88])?;
    let code = heard.get(at + 2..at + 4)?;
    Some(u16::from_be_bytes([code[0], code[1]]))
}

#[tokio::test]
async fn every_offence_has_its_close_code() {
    let server = open_server().await;
    let mut bystander = Subscriber::open(Transport::WsJson, server.addr(), &Options::channel("bystander")).await;
    let close = |code: u16, reason: &[u8]| {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason);
        frame(0x88, &payload)
    };
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("§5.1: a frame that is not masked", framed(0x81, 2, b"{}", false), 1002),
        ("§5.2: RSV1 without an extension", frame(0xc1, b"{}"), 1002),
        ("§5.2: RSV2", frame(0xa1, b"{}"), 1002),
        ("§5.2: RSV3", frame(0x91, b"{}"), 1002),
        ("§5.2: opcode 3", frame(0x83, b""), 1002),
        ("§5.2: opcode 7", frame(0x87, b""), 1002),
        ("§5.2: opcode 11", frame(0x8b, b""), 1002),
        ("§5.2: opcode 15", frame(0x8f, b""), 1002),
        ("§5.2: a length not in its shortest form", [&[0x81, 0xfe, 0, 2, 0, 0, 0, 0][..], b"{}"].concat(), 1002),
        ("§5.2: a length with its top bit", vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 1002),
        ("§5.4: a continuation of nothing", frame(0x80, b"x"), 1002),
        ("§5.4: a new message within a message", [frame(0x01, b"{"), frame(0x81, b"}")].concat(), 1002),
        ("§5.5: a ping of 126 bytes", frame(0x89, &[b'x'; 126]), 1002),
        ("§5.5: a ping in fragments", frame(0x09, b"x"), 1002),
        ("§5.5: a close in fragments", frame(0x08, b"\x03\xe8"), 1002),
        ("§5.5.1: a close of one byte", frame(0x88, b"\x03"), 1002),
        ("§5.5.1: a close whose reason is not UTF-8", close(1000, b"\xff"), 1007),
        ("§7.4.1: code 999", close(999, b""), 1002),
        ("§7.4.1: code 1004", close(1004, b""), 1002),
        ("§7.4.1: code 1005", close(1005, b""), 1002),
        ("§7.4.1: code 1006", close(1006, b""), 1002),
        ("§7.4.1: code 1015", close(1015, b""), 1002),
        ("§7.4.2: code 5000", close(5000, b""), 1002),
        ("§8.1: text that is not UTF-8", frame(0x81, b"\xff\xfe"), 1007),
        ("§8.1: text cut within a character", frame(0x81, "é".as_bytes().split_at(1).0), 1007),
        ("§8.1: a surrogate", frame(0x81, b"\xed\xa0\x80"), 1007),
        ("a message beyond the limit", framed(0x81, 1 << 40, b"", true), 1009),
        ("binary on json", frame(0x82, b"{}"), 1003),
    ];
    for (offence, bytes, code) in table {
        let connection = upgraded(server.addr(), "/push/ws", None).await;
        assert_eq!(close_code(connection, &bytes).await, Some(code), "{offence}");
    }
    for allowed in [1000, 1001, 1003, 1007, 1011, 3000, 4999] {
        let connection = upgraded(server.addr(), "/push/ws", None).await;
        assert_eq!(close_code(connection, &close(allowed, b"bye")).await, Some(allowed), "echoed: §5.5.1");
    }
    publish::text(server.addr(), "bystander", "still here").await;
    assert_eq!(bystander.publication().await.text(), "still here");
}

#[tokio::test]
async fn deflate_offences_have_their_close_code_and_bombs_do_not_go_off() {
    let server = launch().arg("--echo").start().await;
    let offer = Some("permessage-deflate");
    let before = server.rss_kib();
    let table: [(&str, Vec<u8>, &[u16]); 4] = [
        ("RFC 7692 §6: RSV1 on a continuation", [frame(0x41, b"\x00"), frame(0xc0, b"\x00")].concat(), &[1002]),
        ("RFC 7692 §6: RSV1 on a control frame", frame(0xc9, b""), &[1002]),
        ("RFC 7692 §7.2: data that is not deflate", frame(0xc1, &[0xff; 40]), &[1007, 1002]),
        ("a bomb", frame(0xc2, &bomb()), &[1009]),
    ];
    for (offence, bytes, codes) in table {
        let connection = upgraded(server.addr(), "/push/echo", offer).await;
        let code = close_code(connection, &bytes).await;
        assert!(code.is_some_and(|code| codes.contains(&code)), "{offence}: {code:?}");
    }
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more");
}

/// Deflate blocks that inflate to about 100 MiB: one stored byte, then the longest matches of distance 1.
fn bomb() -> Vec<u8> {
    let mut bits = BitWriter::default();
    // RFC 1951 §3.2.6: a block of fixed codes; literal 0 is 0x30 in 8 bits, length 258 is symbol 285 in 8 bits
    // (0b11000101), distance 1 is code 0 in 5 bits.
    bits.push(0, 1);
    bits.push(0b01, 2);
    bits.push_code(0x30, 8);
    for _ in 0..(100 << 20) / 258 {
        bits.push_code(0b1100_0101, 8);
        bits.push_code(0, 5);
    }
    bits.push_code(0, 7);
    // RFC 7692 §7.2.1: an empty stored block without its last four bytes ends the message.
    bits.push(0, 1);
    bits.push(0, 2);
    bits.finish()
}

#[derive(Default)]
struct BitWriter {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl BitWriter {
    /// Least significant bit first.
    fn push(&mut self, bits: u32, count: u32) {
        self.held |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.held.to_le_bytes()[0]);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code: most significant bit first.
    fn push_code(&mut self, code: u32, count: u32) {
        for at in (0..count).rev() {
            self.push(code >> at & 1, 1);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.out.push(self.held.to_le_bytes()[0]);
        }
        self.out
    }
}

#[tokio::test]
async fn pings_are_answered_between_fragments() {
    let server = launch().arg("--echo").start().await;
    let mut connection = upgraded(server.addr(), "/push/echo", None).await;
    let bytes = [frame(0x01, b"one "), frame(0x89, b"ping"), frame(0x00, b""), frame(0x80, b"two")].concat();
    for byte in bytes.chunks(1) {
        connection.send_bytes(byte).await.expect("it reads");
    }
    let (mut stream, rest) = connection.into_parts();
    let mut heard = rest.to_vec();
    let expected = b"\x8a\x04ping\x81\x07one two";
    let reading = async {
        let mut buffer = [0; 64];
        while heard.len() < expected.len() {
            let count = stream.read(&mut buffer).await.expect("it goes on");
            assert_ne!(count, 0, "{heard:?}");
            heard.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(testkit::GUARD, reading).await.expect("answered");
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused() {
    let server = open_server().await;
    let base = || Request::get("/push/ws?channel=a");
    let good = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for missing in 0..good.len() {
        let kept = good.iter().enumerate().filter(|(at, _)| *at != missing);
        let request = kept.fold(base(), |request, (_, (name, value))| request.header(name, value));
        let refused = request.send(server.addr()).await;
        assert!(matches!(refused.status(), 400 | 426), "without {}: {}", good[missing].0, refused.status());
    }
    let with = |name: &str, value: &str| {
        good.iter()
            .fold(base(), |request, (known, good)| request.header(known, if known == &name { value } else { good }))
    };
    let version = with("Sec-WebSocket-Version", "8").send(server.addr()).await;
    // RFC 6455 §4.4: a version that is not supported is answered with those that are.
    assert_eq!((version.status(), version.header("sec-websocket-version")), (426, Some("13")));
    assert_eq!(version.json()["status"], 426, "RFC 9457 §3.1.2: the same in the problem document");
    for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "!!!!!!!!!!!!!!!!!!!!!!=="] {
        assert_eq!(with("Sec-WebSocket-Key", key).send(server.addr()).await.status(), 400, "{key}");
    }
}

#[tokio::test]
async fn a_publication_is_deflated_only_for_those_who_asked() {
    let server = open_server().await;
    let mut plain = upgraded(server.addr(), "/push/ws?format=raw&channel=d", None).await;
    let mut deflated = upgraded(server.addr(), "/push/ws?format=raw&channel=d", Some("permessage-deflate")).await;
    Publish::new("d", "abc ".repeat(5000)).media_type("text/plain").send(server.addr()).await;
    plain.send_bytes(&frame(0x88, b"\x03\xe8")).await.expect("it reads");
    deflated.send_bytes(&frame(0x88, b"\x03\xe8")).await.expect("it reads");
    let (plain, deflated) = (plain.rest().await, deflated.rest().await);
    assert_eq!(plain.first(), Some(&0x81));
    assert_eq!(deflated.first(), Some(&0xc1), "RSV1: RFC 7692 §6");
    assert!(deflated.len() < plain.len() / 10, "{} and {}", deflated.len(), plain.len());
}
