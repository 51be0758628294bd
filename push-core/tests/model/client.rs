//! One client: its subscriptions, what it got, what it was told.

use std::collections::{BTreeMap, BTreeSet};

use push_core::*;

use crate::published::{Entry, Published, covers};
use crate::support::*;

/// One subscription: it is owed what is behind `after`, and what is not retained behind `live_from`.
#[derive(Clone, Debug)]
struct Owed {
    selector: Selector,
    after: u64,
    live_from: u64,
    /// Who names no cursor asks for nothing that was gone by then.
    gone: BTreeSet<u64>,
}

impl Owed {
    fn new(published: &Published, selector: &Selector, since: Since, after: u64, held: &[u64]) -> Self {
        let head = published.head();
        let is_cursor = matches!(since, Since::Cursor(cursor) if published.is_mine(cursor));
        let gone = (1..=head).filter(|number| !is_cursor && !held.contains(number)).collect();
        Self { selector: selector.clone(), after, live_from: head, gone }
    }

    fn covers(&self, entry: &Entry) -> bool {
        let from = if entry.retain { self.after } else { self.after.max(self.live_from) };
        entry.number > from && self.selector.matches(&entry.channel) && !self.gone.contains(&entry.number)
    }
}

pub(crate) struct Client {
    subscriber: Subscriber,
    owed: Vec<Owed>,
    overflow: Overflow,
    got: BTreeSet<u64>,
    /// Left out by `latest`.
    conflated: BTreeSet<u64>,
    /// What was told as missing, and up to which number that can go.
    told: Vec<(Gap, u64)>,
    seen: u64,
    conflate_through: u64,
    /// Everything up to here was checked for losses.
    settled: u64,
}

impl Client {
    pub(crate) fn open(published: &Published, selectors: &[Selector], since: Since, overflow: Overflow) -> Self {
        let held = published.check_held();
        let mut subscriber = connect(&published.hub);
        let start = subscriber.open(selectors, since, Some(overflow)).expect("opened");
        check_start(published, selectors, since, &start, &held);
        let (seen, head) = (start.cursor.number, published.head());
        assert_eq!(subscriber.cursor().number, seen);
        let owed = selectors.iter().map(|selector| Owed::new(published, selector, since, seen, &held));
        let told = start.gaps.into_iter().map(|gap| (gap, head)).collect();
        Self {
            subscriber,
            owed: owed.collect(),
            overflow,
            got: BTreeSet::new(),
            conflated: BTreeSet::new(),
            told,
            seen,
            conflate_through: 0,
            settled: seen,
        }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.subscriber.cursor()
    }

    /// Reads on; `None` when it was disconnected for being slow.
    pub(crate) fn read(&mut self, published: &Published, budget: Budget, blocked: bool) -> Option<Batch> {
        let (seen, head) = (self.seen, published.head());
        let batch = self.subscriber.read(budget, blocked);
        if batch.ending.is_some() {
            assert_eq!((self.overflow, &batch.ending), (Overflow::Disconnect, &Some(Ending::too_slow())));
            assert!(batch.publications.is_empty() && batch.cursor.number == seen);
            return None;
        }
        if seen < head && blocked {
            self.conflate_through = head;
        }
        let is_conflated = self.overflow == Overflow::Latest && self.conflate_through > seen;
        self.check_batch(published, &batch, seen, budget);
        self.seen = batch.cursor.number;
        assert!(batch.more || self.seen == head);
        if is_conflated {
            self.conflate(published, &batch, seen, head);
        }
        if !batch.more {
            self.check_newest_transients(published, seen);
        }
        self.settle(published);
        Some(batch)
    }

    fn check_batch(&mut self, published: &Published, batch: &Batch, seen: u64, budget: Budget) {
        let bytes: usize = batch.publications.iter().map(|p| p.payload().len()).sum();
        let one = batch.publications.len() <= 1;
        assert!(one || (batch.publications.len() <= budget.publications && bytes <= budget.bytes));
        assert!(!batch.more || !batch.publications.is_empty());
        let mut last = seen;
        for publication in &batch.publications {
            assert!(publication.number() > last, "out of order");
            last = publication.number();
            self.take(published, publication);
        }
        assert!(batch.cursor.number >= last);
        let before = batch.publications.first().map_or(batch.cursor.number, |first| first.number() - 1);
        assert!(batch.before.number == before && before >= seen);
        self.hear(published, &batch.gaps);
        assert!(batch.gaps.is_empty() || self.overflow == Overflow::Gap);
    }

    fn take(&mut self, published: &Published, publication: &Publication) {
        published.check_same(publication);
        let entry = &published.all[publication.number() as usize - 1];
        assert!(self.owed.iter().any(|owed| owed.covers(entry)), "nobody asked for {entry:?}: {:?}", self.owed);
        assert!(self.got.insert(entry.number), "twice: {entry:?}");
        let exactly =
            self.told.iter().find(|(gap, to)| gap.from.is_some() && *to >= entry.number && covers(gap, entry));
        assert!(exactly.is_none(), "received, yet told as missing: {entry:?} {exactly:?}");
    }

    fn hear(&mut self, published: &Published, gaps: &[Gap]) {
        let held: Vec<u64> = if gaps.is_empty() { Vec::new() } else { published.check_held() };
        for gap in gaps {
            assert_eq!(gap.outcome, Outcome::Partial);
            published.check_gap(gap, &held);
            self.told.push((gap.clone(), published.head()));
        }
    }

    /// Under `latest`, a client that was blocked may lack whatever has a newer publication of its channel and key.
    fn conflate(&mut self, published: &Published, batch: &Batch, seen: u64, head: u64) {
        let is_owed = |entry: &&Entry| self.owed.iter().any(|owed| owed.covers(entry));
        let mut newest = BTreeMap::new();
        for entry in published.all[seen as usize..head as usize].iter().filter(is_owed) {
            if let Some(older) = newest.insert((&entry.channel, entry.key.as_ref().map(Key::as_str)), entry.number) {
                self.conflated.insert(older);
            }
        }
        // Nothing older of a key comes along with its newest, unless the newest went first.
        let mut given = BTreeSet::new();
        for publication in &batch.publications {
            assert!(given.insert((publication.channel(), publication.key().map(Key::as_str))), "not conflated");
        }
    }

    /// The newest of a channel, retained or not, is dropped for nothing but age, demand and the ceiling.
    fn check_newest_transients(&self, published: &Published, seen: u64) {
        for name in crate::published::CHANNELS {
            let Some(entry) = published.of(name).next_back() else { continue };
            let is_due = !entry.retain && entry.number > seen && self.owed.iter().any(|owed| owed.covers(entry));
            if is_due && !published.is_over(entry) && !published.has_ceiling() {
                assert!(self.got.contains(&entry.number), "not given to who was live: {entry:?}");
            }
        }
    }

    /// Everything owed up to the position was given, told as missing, or left out by its policy.
    fn settle(&mut self, published: &Published) {
        let held = if self.overflow == Overflow::Latest { published.check_held() } else { Vec::new() };
        for entry in &published.all[self.settled as usize..self.seen as usize] {
            let is_owed = entry.retain && self.owed.iter().any(|owed| owed.covers(entry));
            let is_told = self.told.iter().any(|(gap, to)| *to >= entry.number && covers(gap, entry));
            let is_left_out = self.overflow == Overflow::Latest
                && (self.conflated.contains(&entry.number) || !held.contains(&entry.number));
            let is_fine = !is_owed || self.got.contains(&entry.number) || is_told || is_left_out;
            assert!(is_fine, "lost in silence: {entry:?} told {:?}", self.told);
        }
        self.settled = self.seen;
    }

    /// Comes back with the cursor it got last: without loss, without repeats.
    pub(crate) fn reconnect(&mut self, published: &Published) {
        let selectors: Vec<_> = self.owed.iter().map(|owed| owed.selector.clone()).collect();
        let cursor = Cursor::parse(&self.cursor().to_string()).expect("one of ours");
        let held = published.check_held();
        self.subscriber = connect(&published.hub);
        let start = self.subscriber.open(&selectors, Since::Cursor(cursor), Some(self.overflow)).expect("opened");
        check_start(published, &selectors, Since::Cursor(cursor), &start, &held);
        let (head, since) = (published.head(), Since::Cursor(cursor));
        // All up to the cursor was settled: whatever comes from there is a repeat that nobody asked for.
        self.owed = selectors.iter().map(|s| Owed::new(published, s, since, cursor.number, &held)).collect();
        self.got.clear();
        self.told.extend(start.gaps.into_iter().map(|gap| (gap, head)));
        self.seen = start.cursor.number;
        self.conflate_through = 0;
    }

    pub(crate) fn add(&mut self, published: &Published, selector: Selector, since: Since, budget: Budget) {
        let held = published.check_held();
        if self.subscriber.is_subscribed(&selector) {
            let again = self.subscriber.add(&selector, since, None);
            assert!(matches!(again, Err(SubscribeError::AlreadySubscribed)));
            return;
        }
        let (start, mut recovery) = self.subscriber.add(&selector, since, Some(self.overflow)).expect("added");
        check_start(published, std::slice::from_ref(&selector), since, &start, &held);
        let head = published.head();
        if self.owed.is_empty() {
            self.seen = head;
        }
        self.owed.push(Owed::new(published, &selector, since, start.cursor.number, &held));
        self.told.extend(start.gaps.into_iter().map(|gap| (gap, head)));
        let mut last = start.cursor.number;
        loop {
            let batch = self.subscriber.recover(&mut recovery, budget);
            assert_eq!(batch.ending, None);
            for publication in &batch.publications {
                assert!(publication.number() > last && publication.number() <= self.seen);
                assert!(publication.is_retained() && selector.matches(publication.channel()));
                last = publication.number();
                self.take(published, publication);
            }
            self.hear(published, &batch.gaps);
            assert!(batch.cursor.number >= last);
            if !batch.more {
                break;
            }
        }
        self.settled = self.settled.min(start.cursor.number);
        if self.subscriber.cursor().number == head {
            self.settle(published);
        }
    }

    pub(crate) fn remove(&mut self, published: &Published, selector: &Selector) {
        let was_subscribed = self.subscriber.is_subscribed(selector);
        assert_eq!(self.subscriber.remove(selector), was_subscribed);
        self.owed.retain(|owed| owed.selector != *selector);
        // Subscribed anew from an earlier point it comes again, except what others of the connection have given.
        let owed = &self.owed;
        self.got.retain(|number| owed.iter().any(|owed| owed.covers(&published.all[*number as usize - 1])));
    }
}

/// How a subscription begins: the outcome, and the point behind which everything follows.
fn check_start(published: &Published, selectors: &[Selector], since: Since, start: &Start, held: &[u64]) {
    published.check_outcome(since, selectors, start.outcome, &start.gaps, held);
    let head = published.head();
    let is_wanted = |number: &&u64| {
        let entry = &published.all[**number as usize - 1];
        selectors.iter().any(|selector| selector.matches(&entry.channel))
    };
    let wanted: Vec<u64> = held.iter().filter(is_wanted).copied().collect();
    let before = |number: Option<&u64>| number.map_or(head, |number| number - 1);
    let expected = match since {
        Since::Now => head,
        Since::Last(n) => before(wanted[wanted.len().saturating_sub(n as usize)..].first()),
        Since::Cursor(cursor) if start.outcome == Outcome::Complete => {
            assert_eq!(start.cursor, cursor);
            cursor.number
        }
        Since::Cursor(cursor) if published.is_mine(cursor) => {
            before(wanted.iter().find(|number| **number > cursor.number))
        }
        Since::Start | Since::Cursor(_) => before(wanted.first()),
    };
    assert_eq!(start.cursor.number, expected, "{since:?}");
}
