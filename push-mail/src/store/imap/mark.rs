//! Where a look at a mailbox left off.

use super::wire::Counts;

/// What a mailbox said when it was last looked at in full. Kept in the journal, as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) validity: u32,
    /// 0 where the server has none.
    pub(super) next: u32,
    pub(super) messages: u32,
    /// 0 where the mailbox has none.
    pub(super) modseq: u64,
}

impl Mark {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![1];
        for number in [self.validity, self.next, self.messages] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.modseq.to_be_bytes());
        bytes
    }

    /// `None` for what another store or version wrote: then everything is looked at.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 21] = bytes.try_into().ok().filter(|bytes: &&[u8; 21]| bytes[0] == 1)?;
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let modseq = u64::from(number(13)) << 32 | u64::from(number(17));
        Some(Self { validity: number(1), next: number(5), messages: number(9), modseq })
    }

    /// Whether nothing at all can have happened since. Without change numbers that is never known: flags change no
    /// count.
    pub(super) fn is_still(&self, counts: &Counts) -> bool {
        self.modseq != 0 && self.counts() == Counts { unseen: None, ..*counts }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            validity: Some(self.validity),
            next: (self.next != 0).then_some(self.next),
            messages: Some(self.messages),
            unseen: None,
            modseq: (self.modseq != 0).then_some(self.modseq),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_tells_change_from_none() {
        let mark = Mark { validity: 7, next: 12, messages: 3, modseq: 1 << 40 | 9 };
        assert_eq!(Mark::from_bytes(&mark.to_bytes()), Some(mark));
        assert_eq!(Mark::from_bytes(b"another store's"), None);
        let same = Counts { unseen: Some(1), ..mark.counts() };
        assert!(mark.is_still(&same));
        assert!(!mark.is_still(&Counts { modseq: Some(1 << 40 | 10), ..same }));
        assert!(!mark.is_still(&Counts { next: None, ..same }), "a server that tells less tells nothing");
        let without = Mark { modseq: 0, ..mark };
        assert!(!without.is_still(&without.counts()));
    }
}
