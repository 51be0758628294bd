//! Reading several channels as one sequence: the position of a connection, and what comes next.
//!
//! ```text
//!   seen                        W (the hub's counter, read first)
//!    │   lane chat/a   ──●────●─┤        read: take W, find the channels with something behind `seen`,
//!    │   lane chat/b   ────●────┤        merge their logs by number up to W or to the budget;
//!    └───────────────────────────▶        then `seen` is W, or the last number given
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use crate::ending::{Ending, Overflow};
use crate::publication::Publication;
use crate::recovery::{Gap, MAX_GAPS, Outcome};
use crate::source::{Feed, Lane, Source};

/// How much one read may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Publications at most.
    pub publications: usize,
    /// Bytes of payload at most; one publication is given whatever its size.
    pub bytes: usize,
}

impl Default for Budget {
    /// 256 publications, 64 KiB: what one write can take.
    fn default() -> Self {
        Self { publications: 256, bytes: 64 << 10 }
    }
}

/// As many publications at a time are much, and read the long way.
const FEW: usize = 16;

/// What a read gave: the gaps come before the publications.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) gaps: Vec<Gap>,
    pub(crate) publications: Vec<Arc<Publication>>,
    /// Whether there is more behind it already.
    pub(crate) more: bool,
    /// It fell off the tail under the policy `disconnect`.
    pub(crate) ending: Option<Ending>,
}

/// A position over some sources.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) sources: Vec<Source>,
    /// Everything of the sources up to this number was given, or told as missing.
    pub(crate) seen: u64,
    /// By channel: up to which number its gap was told, while `seen` is behind that.
    pub(crate) told: HashMap<u64, u64>,
    /// Sources under the policy `latest` are conflated up to here: the socket was blocked when it was the head.
    pub(crate) conflate_through: u64,
}

impl Reader {
    /// Reads on, up to `head`. `blocked`: the connection could not take at once what came since the last read.
    pub(crate) fn read(&mut self, head: u64, budget: Budget, blocked: bool) -> Read {
        if !blocked && let Some(publications) = self.read_one(head, budget) {
            return Read { publications, ..Read::default() };
        }
        let (mut read, merge) = self.look(head, budget, blocked);
        self.merge(merge, budget, &mut read);
        read
    }

    /// What most reads are: all that is new in the one channel there is, where nothing is missing and little is new. `None`
    /// where it is more than that; nothing has changed then.
    pub(crate) fn read_one(&mut self, head: u64, budget: Budget) -> Option<Vec<Arc<Publication>>> {
        let [source] = &mut self.sources[..] else { return None };
        let Feed::Channel(channel) = &source.feed else { return None };
        let after = source.after.max(self.seen);
        let is_plain = self.told.is_empty() && self.conflate_through <= self.seen && self.seen < head;
        if !is_plain || !channel.may_have_after(after) {
            return None;
        }
        let found = {
            let log = channel.lock();
            if log.was_trimmed() && log.trimmed.number > after {
                return None;
            }
            log.read(after, head, source.live_from, FEW)
        };
        let bytes: usize = found.iter().map(|publication| publication.payload().len()).sum();
        if found.len() == FEW || found.len() > budget.publications || bytes > budget.bytes {
            return None;
        }
        if let Some(last) = found.back() {
            source.offset = Some(last.offset());
        }
        self.seen = head;
        channel.read_up_to(head);
        Some(found.into())
    }

    /// The first half of a read: what is missing is told, what is there was found and is yet to be given.
    pub(crate) fn look(&mut self, head: u64, budget: Budget, blocked: bool) -> (Read, Merge) {
        if self.seen >= head {
            return (Read::default(), Merge::nothing(self.seen));
        }
        if blocked {
            self.conflate_through = head;
        }
        let mut read = Read::default();
        let mut merge = Merge::nothing(head);
        let lanes = Source::lanes(&self.sources, self.seen);
        merge.chunk = (budget.publications / lanes.len().max(1)).clamp(4, budget.publications.max(4));
        self.tell_forgotten(&mut read);
        for lane in lanes {
            self.open_lane(lane, &mut merge, &mut read);
        }
        if read.ending.is_some() {
            // Nothing from behind the hole: a client that came back with such an id would never hear of the loss.
            return (Read { ending: read.ending, ..Read::default() }, Merge::nothing(self.seen));
        }
        self.bound_gaps(&mut read.gaps);
        (read, merge)
    }

    /// The second half of a read: gives what was found, and moves the position.
    pub(crate) fn merge(&mut self, mut merge: Merge, budget: Budget, read: &mut Read) {
        let mut bytes = 0;
        while let Some(lane) = merge.first() {
            let publication = merge.lanes[lane].found.front().expect("a lane in the heap has a publication");
            let size = publication.payload().len();
            let full = read.publications.len() >= budget.publications || bytes + size > budget.bytes;
            if full && !read.publications.is_empty() {
                read.more = true;
                break;
            }
            bytes += size;
            let publication = merge.take(lane);
            self.seen = publication.number();
            if let Some(source) = merge.lanes[lane].lane.source {
                self.sources[source].offset = Some(publication.offset());
            }
            read.publications.push(publication);
            if !merge.refill(lane) {
                read.more = true; // its tail was trimmed meanwhile: the next read tells
                break;
            }
        }
        if !read.more {
            self.seen = merge.head;
            let seen = self.seen;
            self.told.retain(|_, told| *told > seen);
        }
        for lane in &merge.lanes {
            lane.lane.channel.read_up_to(self.seen);
        }
    }

    /// Reads the first chunk of a lane, and tells what of it was trimmed.
    fn open_lane(&mut self, mut lane: Lane, merge: &mut Merge, read: &mut Read) {
        let conflate = lane.overflow == Overflow::Latest && self.conflate_through > self.seen;
        let channel = Arc::clone(&lane.channel);
        let log = channel.lock();
        let told = self.told.get(&channel.id).copied().unwrap_or(0);
        if log.was_trimmed() && log.trimmed.number > lane.after.max(told) {
            let offset = lane.source.filter(|_| lane.knows_offset).and_then(|source| self.sources[source].offset);
            let (from, to, missed) = log.missed_since(offset);
            match lane.overflow {
                Overflow::Latest => {}
                Overflow::Disconnect => read.ending = Some(Ending::too_slow()),
                Overflow::Gap => {
                    let name = channel.name.as_str().into();
                    read.gaps.push(Gap { channel: name, outcome: Outcome::Partial, from, to, missed });
                }
            }
            // What ends it is not told away: who reads again, because somebody else is to say so, meets the same end.
            if lane.overflow != Overflow::Disconnect {
                self.told.insert(channel.id, log.trimmed.number);
                if let (Some(source), Some(to)) = (lane.source, to) {
                    self.sources[source].offset = Some(to);
                }
            }
        }
        let through = merge.head;
        let found = if conflate {
            log.read_latest(lane.after, through, lane.live_from)
        } else {
            log.read(lane.after, through, lane.live_from, merge.chunk)
        };
        let complete = conflate || found.len() < merge.chunk;
        // What is trimmed up to here is told: refills look for trims behind it.
        lane.after = lane.after.max(log.trimmed.number.min(through));
        merge.open(lane, found, complete);
    }

    /// A pattern's channel that was forgotten before its last publication was read.
    fn tell_forgotten(&mut self, read: &mut Read) {
        for source in &mut self.sources {
            let Feed::Pattern(feed) = &source.feed else { continue };
            let forgotten = feed.forgotten();
            if forgotten <= self.seen.max(source.after).max(source.told_forgotten) {
                continue;
            }
            if source.overflow != Overflow::Disconnect {
                source.told_forgotten = forgotten;
            }
            match source.overflow {
                Overflow::Gap => read.gaps.push(source.gap(Outcome::Partial)),
                Overflow::Disconnect => read.ending = Some(Ending::too_slow()),
                Overflow::Latest => {}
            }
        }
    }

    /// Instead of too many gaps of single channels, those of whole patterns.
    fn bound_gaps(&self, gaps: &mut Vec<Gap>) {
        if gaps.len() <= MAX_GAPS {
            return;
        }
        gaps.retain(|gap| self.sources.iter().any(|source| source.selector.as_str() == &*gap.channel));
        for source in &self.sources {
            let whole = source.gap(Outcome::Partial);
            if matches!(source.feed, Feed::Pattern(_)) && source.overflow == Overflow::Gap && !gaps.contains(&whole) {
                gaps.push(whole);
            }
        }
    }

    /// Whether everything its sources began with lies behind it, and everything it told ahead of its position.
    pub(crate) fn is_settled(&self) -> bool {
        let seen = self.seen;
        let is_behind = |source: &Source| source.after.max(source.live_from).max(source.told_forgotten) <= seen;
        let is_even = self.conflate_through <= seen && self.told.values().all(|told| *told <= seen);
        !self.sources.is_empty() && is_even && self.sources.iter().all(is_behind)
    }

    /// The first number behind `seen` that a read would give, up to `head`.
    pub(crate) fn first_after(&self, head: u64) -> Option<u64> {
        let lanes = Source::lanes(&self.sources, self.seen);
        lanes.iter().filter_map(|lane| first_in(lane, head)).min()
    }
}

/// The first number that `lane` gives up to `head`.
fn first_in(lane: &Lane, head: u64) -> Option<u64> {
    let found = lane.channel.lock().read(lane.after, head, lane.live_from, 1);
    found.front().map(|publication| publication.number())
}

/// Lanes that are being merged by number.
#[derive(Debug)]
pub(crate) struct Merge {
    lanes: Vec<OpenLane>,
    heap: BinaryHeap<Reverse<(u64, usize)>>,
    head: u64,
    /// Publications read from a lane at a time.
    chunk: usize,
}

#[derive(Debug)]
struct OpenLane {
    lane: Lane,
    found: VecDeque<Arc<Publication>>,
    /// Whether nothing up to the head is left in the log.
    complete: bool,
}

impl Merge {
    /// Nothing is there up to `head`.
    fn nothing(head: u64) -> Self {
        Self { lanes: Vec::new(), heap: BinaryHeap::new(), head, chunk: 1 }
    }

    fn open(&mut self, lane: Lane, found: VecDeque<Arc<Publication>>, complete: bool) {
        if let Some(first) = found.front() {
            self.heap.push(Reverse((first.number(), self.lanes.len())));
        }
        self.lanes.push(OpenLane { lane, found, complete });
    }

    /// The lane with the smallest number.
    fn first(&self) -> Option<usize> {
        self.heap.peek().map(|Reverse((_, lane))| *lane)
    }

    fn take(&mut self, lane: usize) -> Arc<Publication> {
        let open = &mut self.lanes[lane];
        let publication = open.found.pop_front().expect("a lane in the heap has a publication");
        open.lane.after = publication.number();
        publication
    }

    /// Puts the lane back into the heap if it has more; false if the log was trimmed beyond what it has read.
    fn refill(&mut self, index: usize) -> bool {
        let open = &mut self.lanes[index];
        if open.found.is_empty() && !open.complete {
            let log = open.lane.channel.lock();
            if log.was_trimmed() && log.trimmed.number > open.lane.after {
                return false;
            }
            open.found = log.read(open.lane.after, self.head, open.lane.live_from, self.chunk);
            open.complete = open.found.len() < self.chunk;
        }
        self.heap.pop();
        if let Some(next) = open.found.front() {
            self.heap.push(Reverse((next.number(), index)));
        }
        true
    }
}
