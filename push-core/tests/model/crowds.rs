//! Connections that read alone, in crowds, and alone again, each beside a twin that was opened at the same moment and
//! only ever read by itself: both must be given the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::sample::Index;
use push_core::*;

use crate::published::{Entry, Published, covers};
use crate::support::*;

/// What a member gets of its crowd's batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share {
    Stay,
    All,
    Part(Index),
    Nothing,
    Leave,
}

enum Place {
    Alone(Subscriber),
    Seated(usize, Seat),
}

/// A connection and its twin.
pub(crate) struct Pair {
    twin: Subscriber,
    place: Option<Place>,
    overflow: Overflow,
    since: u64,
    selectors: Vec<Selector>,
    got: BTreeSet<u64>,
    gaps: Vec<Gap>,
    /// How many of the gaps were held against what was published.
    checked: usize,
    /// Told already, and to the twin only when it reads next.
    ahead: Vec<Gap>,
}

#[derive(Default)]
pub(crate) struct Crowds {
    pub(crate) pairs: Vec<Pair>,
    crowds: Vec<(Vec<(Selector, Overflow)>, Crowd)>,
    /// Whose last batch said that there is more: they may have told what lies ahead.
    unfinished: BTreeSet<usize>,
}

impl Crowds {
    /// Both begin live, so that what is owed is plain.
    pub(crate) fn open(&mut self, published: &Published, selectors: &[Selector], overflow: Overflow, user: bool) {
        let client = Client { transport: "ws", user: user.then(|| "ann".into()), ..Client::default() };
        let [twin, own] = [Client::default(), client].map(|client| {
            let mut subscriber = published.hub.connect(client).expect("room");
            subscriber.open(selectors, Since::Now, Some(overflow)).expect("opened");
            subscriber
        });
        let (since, selectors) = (published.head(), selectors.to_vec());
        let (place, got, gaps, ahead) = (Some(Place::Alone(own)), BTreeSet::new(), Vec::new(), Vec::new());
        self.pairs.push(Pair { twin, place, overflow, since, selectors, got, gaps, checked: 0, ahead });
    }

    /// A connection comes back with a cursor from the past, so that it has to settle first.
    pub(crate) fn reopen(&mut self, published: &Published, index: usize) {
        let pair = &mut self.pairs[index];
        let Some(Place::Alone(own)) = &mut pair.place else { return };
        let since = Since::Cursor(Cursor::new(published.hub.head().epoch, pair.twin.cursor().number));
        if !pair.ahead.is_empty() || pair.overflow != Overflow::Gap {
            return; // its gaps would be told once more
        }
        for subscriber in [own, &mut pair.twin] {
            *subscriber = connect(&published.hub);
            let start = subscriber.open(&pair.selectors, since, Some(pair.overflow)).expect("opened");
            pair.gaps.extend(start.gaps);
        }
    }

    pub(crate) fn read_alone(&mut self, published: &Published, index: usize, budget: Budget, blocked: bool) {
        let pair = &mut self.pairs[index];
        let Some(Place::Alone(own)) = &mut pair.place else { return };
        let batch = own.read(budget, blocked);
        if !pair.note(published, &batch, budget, blocked) {
            self.pairs.swap_remove(index);
        }
    }

    /// Reads on to where a crowd of the same subscriptions stands, and joins it; or founds it.
    pub(crate) fn join(&mut self, published: &Published, index: usize) {
        let pair = &mut self.pairs[index];
        let mut own = match pair.place.take() {
            Some(Place::Alone(own)) => own,
            other => {
                pair.place = other;
                return;
            }
        };
        let mut key: Vec<_> = own.policies().map(|(selector, overflow)| (selector.clone(), overflow)).collect();
        key.sort_by(|(one, _), (other, _)| one.cmp(other));
        let found = self.crowds.iter().position(|(of, _)| *of == key);
        let Some(at) = found else {
            let is_settled = own.is_settled();
            match Crowd::of(own) {
                Ok((crowd, seat)) => {
                    assert!(is_settled);
                    pair.place = Some(Place::Seated(self.crowds.len(), seat));
                    self.crowds.push((key, crowd));
                }
                Err(back) => {
                    assert!(!is_settled);
                    pair.place = Some(Place::Alone(*back));
                }
            }
            return;
        };
        let crowd = &mut self.crowds[at].1;
        let everything = crate::published::EVERYTHING;
        if crowd.members() > 0 && own.position() < crowd.position() {
            let batch = own.read_through(crowd.position(), everything, false);
            if !pair.note_through(published, &batch, crowd.position(), everything) {
                self.pairs.swap_remove(index);
                return;
            }
        }
        let is_level = crowd.members() == 0 || own.position() == crowd.position();
        let may_join = is_level && own.is_settled();
        match crowd.join(own) {
            Ok(seat) => {
                assert!(may_join);
                pair.place = Some(Place::Seated(at, seat));
            }
            Err(back) => {
                assert!(!may_join || self.unfinished.contains(&at));
                pair.place = Some(Place::Alone(*back));
            }
        }
    }

    /// Reads a crowd, and gives each of its members its share.
    pub(crate) fn read(&mut self, published: &Published, at: usize, budget: Budget, shares: &[Share]) {
        let crowd = &mut self.crowds[at].1;
        let batch = crowd.read(budget);
        let _ = if batch.more { self.unfinished.insert(at) } else { self.unfinished.remove(&at) };
        let is_member = |pair: &Pair| matches!(&pair.place, Some(Place::Seated(of, _)) if *of == at);
        let mut shares = shares.iter().cycle().copied();
        for index in (0..self.pairs.len()).rev().filter(|index| is_member(&self.pairs[*index])).collect::<Vec<_>>() {
            let pair = &mut self.pairs[index];
            let share = if batch.ending.is_some() { Share::Stay } else { shares.next().expect("a cycle") };
            let stays = pair.share(published, crowd, &batch, budget, share);
            if !stays {
                self.pairs.swap_remove(index);
            }
        }
    }

    /// A member goes its own way between two reads: it has got everything.
    pub(crate) fn split(&mut self, index: usize) {
        let pair = &mut self.pairs[index];
        match pair.place.take() {
            Some(Place::Seated(at, seat)) => {
                pair.place = Some(Place::Alone(self.crowds[at].1.split(seat, Given::All)));
            }
            other => pair.place = other,
        }
    }

    pub(crate) fn crowds(&self) -> usize {
        self.crowds.len()
    }

    /// Every connection counts once, twins too.
    pub(crate) fn check(&mut self, published: &Published) {
        self.pairs.iter_mut().for_each(|pair| pair.check_gaps(published));
        self.check_counts(published);
    }

    fn check_counts(&self, published: &Published) {
        assert_eq!(published.hub.connections(), 2 * self.pairs.len());
        assert_eq!(published.hub.stats().connections.values().sum::<usize>(), 2 * self.pairs.len());
        for info in published.hub.channels("", "", usize::MAX) {
            let is_of = |pair: &&Pair| pair.selectors.iter().any(|selector| selector.matches(&info.channel));
            assert_eq!(info.subscribers, 2 * self.pairs.iter().filter(is_of).count(), "{}", info.channel);
        }
        let mut members = BTreeMap::new();
        for pair in &self.pairs {
            if let Some(Place::Seated(at, _)) = &pair.place {
                *members.entry(*at).or_insert(0) += 1;
            }
        }
        for (at, (_, crowd)) in self.crowds.iter().enumerate() {
            assert_eq!(crowd.members(), members.get(&at).copied().unwrap_or(0));
        }
    }

    /// Everybody reads to the end by itself; then all have everything.
    pub(crate) fn finish(mut self, published: &Published) {
        for index in (0..self.pairs.len()).rev() {
            self.split(index);
            self.read_alone(published, index, crate::published::EVERYTHING, false);
        }
        self.pairs.iter().for_each(|pair| pair.check_complete(published));
        self.check_counts(published);
        let hub = published.hub.clone();
        drop(self);
        assert_eq!(hub.connections(), 0);
    }
}

impl Pair {
    /// False when its connection ended.
    fn share(&mut self, published: &Published, crowd: &mut Crowd, batch: &Batch, budget: Budget, share: Share) -> bool {
        let Some(Place::Seated(at, seat)) = self.place.take() else { panic!("a member") };
        match share {
            Share::Stay => {
                let goes_on = self.note(published, batch, budget, false);
                self.place = Some(Place::Seated(at, seat));
                if !goes_on && let Some(Place::Seated(_, seat)) = self.place.take() {
                    crowd.leave(seat);
                }
                goes_on
            }
            Share::All => {
                self.place = Some(Place::Alone(crowd.split(seat, Given::All)));
                self.note(published, batch, budget, false)
            }
            Share::Part(count) => {
                let count = count.index(batch.publications.len() + 1);
                let part = &batch.publications[..count];
                self.place = Some(Place::Alone(crowd.split(seat, Given::Part(part))));
                if part.is_empty() {
                    self.hear(&batch.gaps);
                    self.ahead.extend(batch.gaps.iter().cloned());
                    return true;
                }
                let batch = Batch { publications: part.to_vec(), ..batch.clone() };
                self.note(published, &batch, Budget { publications: count, bytes: usize::MAX }, false)
            }
            Share::Nothing => {
                self.place = Some(Place::Alone(crowd.split(seat, Given::Nothing)));
                true
            }
            Share::Leave => {
                crowd.leave(seat);
                false
            }
        }
    }

    /// The connection was given `batch`; its twin, that reads now, must be given the same. False when they are ended.
    fn note(&mut self, published: &Published, batch: &Batch, budget: Budget, blocked: bool) -> bool {
        let twin = self.twin.read(budget, blocked);
        self.compare(published, batch, &twin)
    }

    fn note_through(&mut self, published: &Published, batch: &Batch, through: u64, budget: Budget) -> bool {
        let twin = self.twin.read_through(through, budget, false);
        self.compare(published, batch, &twin)
    }

    fn compare(&mut self, published: &Published, batch: &Batch, twin: &Batch) -> bool {
        let numbers = |batch: &Batch| batch.publications.iter().map(|p| p.number()).collect::<Vec<_>>();
        assert_eq!((numbers(batch), &batch.ending), (numbers(twin), &twin.ending));
        self.hear(&batch.gaps);
        let was_ahead = !self.ahead.is_empty();
        let (own, other) = (merged(self.ahead.drain(..).chain(batch.gaps.clone())), merged(twin.gaps.iter().cloned()));
        assert!(other.keys().all(|channel| own.contains_key(channel)), "{own:?} {other:?}");
        for (channel, own) in &own {
            let Some(other) = other.get(channel) else {
                // Told when it was trimmed; the twin hears of it when the channel is forgotten.
                let is_of = |gap: &Gap| {
                    Selector::parse(&gap.channel).is_ok_and(|told| told.matches(&crate::support::channel(channel)))
                };
                assert!(was_ahead && other.values().any(|gap| gap.to.is_none() && is_of(gap)), "{own:?} {other:?}");
                continue;
            };
            // It may know more of where it was than its twin: never less.
            let knows = other.from.is_none_or(|from| own.from.is_some_and(|own| own >= from));
            let counts = other.missed.is_none_or(|missed| own.missed.is_some_and(|own| own <= missed));
            assert!(knows && counts && (own.to, own.outcome) == (other.to, other.outcome), "{own:?} {other:?}");
            if let ([Selector::Channel(_)], Some(_)) = (self.selectors.as_slice(), other.missed) {
                assert_eq!(own, other, "exact, for one channel");
            }
        }
        for publication in &batch.publications {
            published.check_same(publication);
            let entry = &published.all[publication.number() as usize - 1];
            assert!(self.got.last().is_none_or(|last| *last < entry.number), "out of order or twice: {entry:?}");
            assert!(self.is_owed(entry), "nobody asked for {entry:?}");
            self.got.insert(entry.number);
        }
        batch.ending.is_none()
    }

    fn hear(&mut self, gaps: &[Gap]) {
        assert!(gaps.is_empty() || self.overflow == Overflow::Gap);
        self.gaps.extend(gaps.iter().cloned());
    }

    /// Not between two reads that are to be alike: looking trims what is past its age.
    fn check_gaps(&mut self, published: &Published) {
        let held = if self.checked < self.gaps.len() { published.check_held() } else { Vec::new() };
        self.gaps[self.checked..].iter().for_each(|gap| published.check_gap(gap, &held));
        self.checked = self.gaps.len();
    }

    fn is_owed(&self, entry: &Entry) -> bool {
        entry.number > self.since && self.selectors.iter().any(|selector| selector.matches(&entry.channel))
    }

    fn check_complete(&self, published: &Published) {
        let position = self.twin.position();
        let owed = published.all[..position as usize].iter().filter(|entry| entry.retain && self.is_owed(entry));
        for entry in owed.filter(|_| self.overflow == Overflow::Gap) {
            let is_told = self.gaps.iter().any(|gap| covers(gap, entry));
            assert!(self.got.contains(&entry.number) || is_told, "lost in silence: {entry:?} {:?}", self.gaps);
        }
    }
}

/// The gaps of each channel as one.
fn merged(gaps: impl Iterator<Item = Gap>) -> BTreeMap<String, Gap> {
    let mut merged: BTreeMap<String, Gap> = BTreeMap::new();
    for gap in gaps {
        match merged.get_mut(&*gap.channel) {
            Some(known) => {
                known.to = gap.to;
                known.missed = known.missed.zip(gap.missed).map(|(known, more)| known + more);
            }
            None => drop(merged.insert(gap.channel.to_string(), gap)),
        }
    }
    merged
}
