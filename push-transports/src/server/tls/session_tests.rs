use std::io::Read as _;

use allocation_counter::measure;
use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, SupportedProtocolVersion};
use testkit::tls::Authority;

use super::super::Tls;
use super::*;

/// A client and a server that have shaken hands, with the client's ciphertext cut into pieces of `piece` bytes.
struct Pair {
    client: ClientConnection,
    session: Session,
    piece: usize,
}

/// A server's certificate, and who vouches for it.
fn certified() -> (Authority, Tls) {
    let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    authority.issue("localhost").write(&cert, &key);
    let tls = Tls::from_files(cert, key).expect("a pair");
    (authority, tls)
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion, piece: usize) -> Self {
        Self::certified(&certified(), version, piece)
    }

    fn certified(
        (authority, tls): &(Authority, Tls),
        version: &'static SupportedProtocolVersion,
        piece: usize,
    ) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(authority.client(&[version]), name).expect("a client");
        let session = Session::new(Arc::clone(&tls.0.config)).expect("a session");
        let mut pair = Self { client, session, piece };
        while pair.client.is_handshaking() || pair.session.is_handshaking() {
            pair.carry().expect("both mean well");
        }
        pair
    }

    /// Carries what both have to say.
    fn carry(&mut self) -> io::Result<()> {
        let mut said = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut said).expect("a buffer takes all");
        }
        for piece in said.chunks_mut(self.piece) {
            self.session.take_in(piece)?;
        }
        self.hear();
        Ok(())
    }

    /// Lets the client hear what the session has to say.
    fn hear(&mut self) {
        let outgoing = self.session.outgoing().to_vec();
        self.session.has_sent(outgoing.len());
        let mut left = &outgoing[..];
        while !left.is_empty() {
            self.client.read_tls(&mut left).expect("a buffer gives all");
            self.client.process_new_packets().expect("the server means well");
        }
    }

    fn said_by_client(&mut self, bytes: &[u8]) -> Vec<u8> {
        std::io::Write::write_all(&mut self.client.writer(), bytes).expect("a buffer takes all");
        self.carry().expect("it means well");
        let clear = self.session.clear().to_vec();
        self.session.has_read(clear.len());
        clear
    }

    fn said_by_session(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut heard = Vec::new();
        for record in bytes.chunks(RECORD) {
            self.session.encipher(record).expect("hands are shaken");
            self.hear();
            // Nothing more to read is an error of its kind.
            let _ = self.client.reader().read_to_end(&mut heard);
        }
        heard
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_one_says_the_other_hears_however_it_is_cut(
        piece in prop_oneof![1..64_usize, 1..20_000_usize],
        length in prop_oneof![0..100_usize, 16_000..40_000_usize],
        is_old in any::<bool>(),
    ) {
        let mut pair = Pair::new(if is_old { &TLS12 } else { &TLS13 }, piece);
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        prop_assert!(pair.said_by_client(&bytes) == bytes);
        prop_assert!(pair.said_by_session(&bytes) == bytes);
        prop_assert!(pair.said_by_client(b"and more") == b"and more");
    }
}

#[test]
fn new_keys_are_taken_up_on_both_sides() {
    let mut pair = Pair::new(&TLS13, 7);
    for _ in 0..3 {
        pair.client.refresh_traffic_keys().expect("it is of 1.3");
        assert_eq!(pair.said_by_client(b"hello"), b"hello");
        assert_eq!(pair.said_by_session(b"hello"), b"hello");
    }
}

/// A message of the handshake may come in two records, with answers to be enciphered between them.
#[test]
fn a_record_that_came_in_part_does_not_hold_up_what_is_said() {
    let mut pair = Pair::new(&TLS13, 1000);
    std::io::Write::write_all(&mut pair.client.writer(), b"hello").expect("a buffer takes all");
    let mut said = Vec::new();
    pair.client.write_tls(&mut said).expect("a buffer takes all");
    let (mut first, mut second) = (said[..9].to_vec(), said[9..].to_vec());
    pair.session.take_in(&mut first).expect("it means well");
    assert_eq!(pair.said_by_session(b"meanwhile"), b"meanwhile");
    pair.session.take_in(&mut second).expect("it means well");
    assert_eq!(pair.session.clear(), b"hello");
}

/// RFC 8446 §6.1
#[test]
fn each_side_hears_that_the_other_says_no_more() {
    for version in [&TLS12, &TLS13] {
        let mut pair = Pair::new(version, 1000);
        pair.client.send_close_notify();
        pair.carry().expect("it means well");
        assert!(pair.session.has_ended());
        assert_eq!(pair.said_by_session(b"still"), b"still");
        pair.session.close().expect("it can be said");
        pair.session.close().expect("once is enough");
        pair.hear();
        let state = pair.client.process_new_packets().expect("the server means well");
        assert!(state.peer_has_closed());
    }
}

#[test]
fn what_is_no_tls_is_an_error_that_is_told() {
    let mut pair = Pair::new(&TLS13, 1000);
    let mut garbage = [23, 3, 3, 0, 20].to_vec();
    garbage.extend([7; 20]);
    assert!(pair.session.take_in(&mut garbage).is_err());
    assert!(pair.session.has_outgoing());
}

/// What rustls keeps: 1,088 bytes of itself, two ciphers of 560, 640 of a list that handshakes use, secrets of keys to come.
#[test]
fn a_session_that_says_nothing_keeps_keys_and_no_buffers() {
    let certified = certified();
    for (version, budget) in [(&TLS12, 3_400), (&TLS13, 3_500)] {
        drop(Pair::certified(&certified, version, 1000)); // what is made once is nobody's
        let mut made = None;
        let kept = measure(|| {
            let mut pair = Pair::certified(&certified, version, 1000);
            pair.said_by_client(b"hello");
            pair.said_by_session(b"hello");
            made = Some(Box::new(pair.session));
        });
        let bytes = kept.bytes_current;
        println!("{bytes} bytes of a session of {version:?}, {} of them its own", size_of::<Session>());
        assert!(made.is_some() && bytes <= budget, "{bytes}");
    }
}
