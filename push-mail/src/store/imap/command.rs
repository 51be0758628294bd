//! A command, built up from words and strings. Pure.

/// A command without its tag, as pieces between which the server may have to agree to a literal (RFC 9051 §4.3).
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// Each but the last is followed by a literal, which begins the next.
    pieces: Vec<Vec<u8>>,
    /// The literals' lengths.
    literals: Vec<usize>,
}

impl Command {
    pub(super) fn new(words: impl AsRef<[u8]>) -> Self {
        Self { pieces: vec![words.as_ref().to_vec()], literals: Vec::new() }
    }

    fn last(&mut self) -> &mut Vec<u8> {
        self.pieces.last_mut().expect("there is always one")
    }

    /// Words as they are.
    pub(super) fn words(mut self, words: impl AsRef<[u8]>) -> Self {
        self.last().extend_from_slice(words.as_ref());
        self
    }

    /// A string: in quotes if that can be, else as a literal.
    pub(super) fn string(mut self, text: &str) -> Self {
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || text.len() > 1000 {
            return self.literal(text.as_bytes());
        }
        let last = self.last();
        last.push(b'"');
        for byte in text.bytes() {
            if matches!(byte, b'"' | b'\\') {
                last.push(b'\\');
            }
            last.push(byte);
        }
        last.push(b'"');
        self
    }

    /// Bytes of any kind.
    pub(super) fn literal(mut self, bytes: &[u8]) -> Self {
        self.literals.push(bytes.len());
        self.pieces.push(bytes.to_vec());
        self
    }

    /// The bytes to send, cut where the server has to be waited for. Without waiting may be sent literals up to
    /// `unasked` bytes (RFC 7888: all with LITERAL+, 4096 with LITERAL-).
    pub(super) fn encode(self, tag: &str, unasked: usize) -> Vec<Vec<u8>> {
        let mut parts = vec![format!("{tag} ").into_bytes()];
        let mut lengths = self.literals.into_iter();
        for piece in self.pieces {
            let part = parts.last_mut().expect("there is always one");
            part.extend_from_slice(&piece);
            if let Some(length) = lengths.next() {
                let is_unasked = length <= unasked;
                let plus = if is_unasked { "+" } else { "" };
                part.extend_from_slice(format!("{{{length}{plus}}}\r\n").as_bytes());
                if !is_unasked {
                    parts.push(Vec::new());
                }
            }
        }
        parts.last_mut().expect("there is always one").extend_from_slice(b"\r\n");
        parts
    }
}

/// A set of numbers, ascending, as short as can be.
pub(super) fn set(uids: &[u32]) -> String {
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let text = |run: &[u32]| match run {
        [one] => one.to_string(),
        _ => format!("{}:{}", run[0], run[run.len() - 1]),
    };
    sorted.chunk_by(|a, b| b - a == 1).map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_where_they_can_be_and_literals_wait_where_they_must() {
        let command = || Command::new("LOGIN ").string("a\"b\\c").words(" ").string("gr\u{fc}n").words(" x");
        assert_eq!(command().encode("A1", 4096), [b"A1 LOGIN \"a\\\"b\\\\c\" {5+}\r\ngr\xc3\xbcn x\r\n".to_vec()]);
        let waiting = [b"A1 LOGIN \"a\\\"b\\\\c\" {5}\r\n".to_vec(), b"gr\xc3\xbcn x\r\n".to_vec()];
        assert_eq!(command().encode("A1", 0), waiting);
    }

    #[test]
    fn a_set_is_written_in_ranges() {
        assert_eq!(set(&[9, 1, 2, 3, 5, 2, u32::MAX]), "1:3,5,9,4294967295");
        assert_eq!(set(&[]), "");
    }
}
