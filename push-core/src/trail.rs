//! Where a crowd came from: what a member goes on from that got less than the last batch.
//!
//! ```text
//!   before the read ──gaps told──▶ told ──publications given──▶ the crowd's reader now
//!   Given::Nothing                 Given::Part, with the last    Given::All
//!                                  publication that was given
//! ```

use std::sync::Arc;

use crate::publication::Publication;
use crate::reader::Reader;
use crate::source::Feed;

/// What a read changes in a reader, as it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    seen: u64,
    /// The last offset and the forgetting told, of each source.
    sources: Vec<(Option<u64>, u64)>,
    told: Vec<(u64, u64)>,
}

/// The two points of the last read that lie behind its end.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    before: Marks,
    /// When the gaps were told, if that changed anything.
    told: Option<Box<Marks>>,
    /// How many publications were given then.
    given: usize,
}

impl Marks {
    /// Notes where `reader` stands, in the memory it has.
    fn note(&mut self, reader: &Reader) {
        self.seen = reader.seen;
        self.sources.clear();
        self.sources.extend(reader.sources.iter().map(|source| (source.offset, source.told_forgotten)));
        self.told.clear();
        self.told.extend(reader.told.iter().map(|(channel, told)| (*channel, *told)));
    }

    fn is_of(&self, reader: &Reader) -> bool {
        let now = reader.sources.iter().map(|source| (source.offset, source.told_forgotten));
        let told = |(channel, told): &(u64, u64)| reader.told.get(channel) == Some(told);
        self.seen == reader.seen
            && self.sources.iter().copied().eq(now)
            && self.told.len() == reader.told.len()
            && self.told.iter().all(told)
    }

    fn restore(&self, reader: &mut Reader) {
        reader.seen = self.seen;
        reader.told = self.told.iter().copied().collect();
        for (source, (offset, told_forgotten)) in reader.sources.iter_mut().zip(&self.sources) {
            source.offset = *offset;
            source.told_forgotten = *told_forgotten;
        }
    }
}

impl Trail {
    /// A read begins; so far there is nothing behind.
    pub(crate) fn begin(&mut self, reader: &Reader) {
        self.before.note(reader);
        self.told = None;
        self.given = 0;
    }

    /// The gaps were told.
    pub(crate) fn tell(&mut self, reader: &Reader) {
        if !self.before.is_of(reader) {
            let mut told = Box::new(Marks::default());
            told.note(reader);
            self.told = Some(told);
        }
    }

    /// So many publications were given.
    pub(crate) fn give(&mut self, publications: usize) {
        self.given = publications;
    }

    /// Takes `reader` to before the last read.
    pub(crate) fn rewind(&self, reader: &mut Reader) {
        self.before.restore(reader);
    }

    /// Takes `reader` to where it was when it had told the gaps and given `publications`; with all of them it stays.
    pub(crate) fn rewind_to(&self, publications: &[Arc<Publication>], reader: &mut Reader) {
        debug_assert!(publications.len() <= self.given, "a part of the last batch");
        if publications.len() >= self.given && self.given > 0 {
            return;
        }
        self.told.as_deref().unwrap_or(&self.before).restore(reader);
        for publication in publications {
            reader.seen = publication.number();
            let is_of = |feed: &Feed| matches!(feed, Feed::Channel(channel) if channel.name == *publication.channel());
            if let Some(source) = reader.sources.iter_mut().find(|source| is_of(&source.feed)) {
                source.offset = Some(publication.offset());
            }
        }
    }
}
