//! Input that is nothing but pings and pongs, which a connection without a task can be answered for.

use super::frame::{FrameHeader, Opcode};

/// Whether `input` is whole, masked, valid pings and pongs (RFC 6455 §5.5) and nothing else.
///
/// Then a [`Session`](super::Session) that is quiet is so again once it has read `input` and what it made of it was
/// polled: it needs to exist only for that moment. Anything else (data, a close frame, an offence, a frame that is cut)
/// leaves something behind. Empty input is only that.
pub(crate) fn control_only(mut input: &[u8]) -> bool {
    while !input.is_empty() {
        // With or without permessage-deflate: no control frame is compressed (RFC 7692 §6).
        let Ok(Some((header, header_len))) = FrameHeader::parse(input, false) else {
            return false;
        };
        let payload = &input[header_len..];
        match usize::try_from(header.payload_len).ok().and_then(|len| payload.get(len..)) {
            Some(rest) if matches!(header.opcode, Opcode::Ping | Opcode::Pong) => input = rest,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::super::{Endpoint, Event, Options, Session};
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let masked: Vec<u8> =
            payload.iter().zip([1, 2, 3, 4].into_iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        [&[first, 0x80 | payload.len() as u8, 1, 2, 3, 4], &masked[..]].concat()
    }

    #[test]
    fn pings_and_pongs_are_control_only_in_any_number() {
        // RFC 6455 §5.5.2, §5.5.3.
        let ping = frame(0x89, b"are you there");
        let pong = frame(0x8a, &[0; 125]);
        assert!(control_only(&[]) && control_only(&ping) && control_only(&pong));
        assert!(control_only(&[&ping[..], &pong, &ping].concat()));
    }

    #[test]
    fn data_close_offences_and_cut_frames_are_not() {
        let ping = frame(0x89, b"ping");
        let unmasked = vec![0x89, 0];
        let long = [&[0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0], &[0; 126][..]].concat();
        let others = [
            frame(0x81, b"text"),
            frame(0x82, b""),
            frame(0x80, b""),
            frame(0x88, &[3, 232]),
            frame(0x09, b"fragment"),
            frame(0xc9, b"compressed"),
            frame(0x99, b"reserved bit"),
            frame(0x8b, b"reserved opcode"),
            unmasked,
            long,
        ];
        for other in others {
            assert!(!control_only(&other), "{other:02x?}");
            assert!(!control_only(&[&ping[..], &other].concat()), "{other:02x?}");
            assert!(!control_only(&[&other[..], &ping].concat()), "{other:02x?}");
        }
        for cut in 1..ping.len() {
            assert!(!control_only(&ping[..cut]));
            assert!(!control_only(&[&ping[..], &ping[..cut]].concat()));
        }
    }

    proptest! {
        #[test]
        fn what_is_control_only_leaves_a_session_quiet_and_is_what_it_reads_as_pings_and_pongs(
            frames in prop::collection::vec((prop::sample::select(vec![0x81u8, 0x88, 0x89, 0x8a, 0x01, 0x80]),
                prop::collection::vec(any::<u8>(), 0..20)), 0..5),
            cut in 0usize..8,
            deflate in any::<bool>(),
        ) {
            let mut input: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            input.truncate(input.len().saturating_sub(cut / 4 * (cut % 4)));
            let control = control_only(&input);

            #[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
            let now = Instant::now();
            let mut session = Session::new(now, Arc::new(Endpoint::default()), Options { deflate, discard: false });
            let mut plain = true;
            let mut rest = &mut input[..];
            while plain && !rest.is_empty() {
                match session.handle_input(now, rest) {
                    Ok(read) => rest = &mut rest[read..],
                    Err(_) => plain = false,
                }
                while let Some(event) = session.poll_event() {
                    plain &= matches!(event, Event::Ping(_) | Event::Pong(_));
                }
            }
            while session.poll_output().is_some() {}
            prop_assert_eq!(control, plain && session.is_quiet());
        }
    }
}
