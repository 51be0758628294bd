//! What a read gives to whoever asked: publications, gaps, and the cursors around them.

use std::sync::Arc;

use crate::cursor::{Cursor, Epoch, Mark, channel_hash};
use crate::ending::Ending;
use crate::publication::Publication;
use crate::reader::{Read, Reader};
use crate::recovery::Gap;
use crate::source::{Feed, Source};

/// What a read of a [`Subscriber`](crate::Subscriber) or a [`Crowd`](crate::Crowd) gave. Gaps are told before the publications.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What will never come.
    pub gaps: Vec<Gap>,
    /// In sequence order.
    pub publications: Vec<Arc<Publication>>,
    /// The point just before the first publication: where a client resumes that was told the gaps but got nothing yet.
    pub before: Cursor,
    /// The point up to which the server has looked: where a client resumes that got all of this.
    pub cursor: Cursor,
    /// Whether more is there already: read again before waiting.
    pub more: bool,
    /// The subscription ends: it fell off the tail under [`Overflow::Disconnect`](crate::Overflow::Disconnect). Nothing else is given then, and
    /// `cursor` has not moved, so a client that comes back with it is told its loss.
    pub ending: Option<Ending>,
}

impl Batch {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.gaps.is_empty() && self.publications.is_empty() && self.ending.is_none()
    }
}

impl Reader {
    /// The point up to which it has read.
    pub(crate) fn cursor(&self, epoch: Epoch) -> Cursor {
        self.cursor_at(epoch, self.seen)
    }

    /// With a single channel a cursor carries its offset, so that a later gap can be told exactly.
    fn cursor_at(&self, epoch: Epoch, number: u64) -> Cursor {
        let mut cursor = Cursor::new(epoch, number);
        if let [Source { feed: Feed::Channel(channel), offset: Some(offset), .. }] = self.sources.as_slice() {
            cursor.mark = Some(Mark { offset: *offset, channel: channel_hash(channel.name.as_str()) });
        }
        cursor
    }

    /// What a read gave, after which everything up to `seen` was read.
    pub(crate) fn batch(&self, epoch: Epoch, read: Read, seen: u64) -> Batch {
        let cursor = self.cursor_at(epoch, seen);
        let before = match read.publications.first() {
            Some(first) => Cursor::new(epoch, first.number() - 1),
            None => cursor,
        };
        let Read { gaps, publications, more, ending } = read;
        Batch { gaps, publications, before, cursor, more, ending }
    }
}
