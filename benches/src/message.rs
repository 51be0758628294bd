//! What is published: 16 digits of a sequence number, a space, 16 digits of a time in nanoseconds, a space, and padding.
//!
//! Fixed places and digits make a payload cheap to check: at ten million deliveries a second the client has 100 ns each.

/// Digits of each of the two numbers.
const DIGITS: usize = 16;

/// Length of what is not padding.
pub(crate) const HEADER: usize = 2 * DIGITS + 2;

/// The sequence number of a message that only finds out whether a subscriber is there yet.
pub(crate) const HELLO: u64 = 0;

/// Appends a message of `size` bytes, or of [`HEADER`] bytes if that is more.
pub(crate) fn write(out: &mut Vec<u8>, seq: u64, time_ns: u64, size: usize) {
    let begin = out.len();
    write_digits(out, seq);
    out.push(b' ');
    write_digits(out, time_ns);
    out.push(b' ');
    out.resize(begin + size.max(HEADER), b'x');
}

fn write_digits(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
    out.extend_from_slice(&digits);
}

/// The sequence number of `payload`, if it is a message.
pub(crate) fn seq(payload: &[u8]) -> Option<u64> {
    number(payload, 0)
}

/// When `payload` was published.
pub(crate) fn time_ns(payload: &[u8]) -> Option<u64> {
    number(payload, DIGITS + 1)
}

fn number(payload: &[u8], at: usize) -> Option<u64> {
    let high = payload.get(at..at + 8)?.try_into().ok()?;
    let low = payload.get(at + 8..at + DIGITS)?.try_into().ok()?;
    Some(eight_digits(high)? * 100_000_000 + eight_digits(low)?)
}

/// Eight ASCII digits at once: pairs, then fours, then eight, each step one multiplication.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let value = u64::from_le_bytes(digits);
    // A digit has a high half of 3, and still has it with 6 added.
    if value & HIGH != ZEROS || value.wrapping_add(0x0606_0606_0606_0606) & HIGH != ZEROS {
        return None;
    }
    let value = (value & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(2561) >> 8;
    let value = (value & 0x00ff_00ff_00ff_00ff).wrapping_mul(6_553_601) >> 16;
    Some((value & 0x0000_ffff_0000_ffff).wrapping_mul(42_949_672_960_001) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (number, time) in [(0, 1), (1, 0), (1234567890123456, 9999999999999999), (99_999_999, 100_000_000)] {
            let mut payload = b"before".to_vec();
            write(&mut payload, number, time, 100);
            let payload = &payload[6..];
            assert_eq!((payload.len(), seq(payload), time_ns(payload)), (100, Some(number), Some(time)));
        }
    }

    #[test]
    fn a_message_is_never_shorter_than_its_numbers() {
        let mut payload = Vec::new();
        write(&mut payload, 7, 8, 1);
        assert_eq!((payload.len(), seq(&payload), time_ns(&payload)), (HEADER, Some(7), Some(8)));
    }

    #[test]
    fn what_is_no_message_has_no_number() {
        for bad in [
            "",
            "0000000000000",
            "00000000000000:0 x",
            "0000000/00000000 x",
            "000000000000000a",
            "{\"op\":\"closing\",\"",
        ] {
            assert_eq!(seq(bad.as_bytes()), None, "{bad}");
        }
    }
}
