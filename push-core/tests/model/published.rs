//! Everything ever published, and what of it must still be held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use push_core::*;

use crate::support::*;

pub(crate) const CHANNELS: [&str; 4] = ["a/1", "a/2", "b", "c/d"];

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) channel: ChannelName,
    pub(crate) key: Option<Key>,
    pub(crate) retain: bool,
    text: String,
    time_ms: u64,
}

pub(crate) struct Published {
    pub(crate) hub: Hub,
    clock: Arc<ManualClock>,
    config: HubConfig,
    /// By number, from 1.
    pub(crate) all: Vec<Entry>,
    /// By channel, the number up to which its history was forgotten on demand.
    cleared: BTreeMap<&'static str, u64>,
}

pub(crate) const EVERYTHING: Budget = Budget { publications: usize::MAX, bytes: usize::MAX };

impl Published {
    pub(crate) fn new(config: HubConfig) -> Self {
        let (hub, clock) = hub(config.clone());
        Self { hub, clock, config, all: Vec::new(), cleared: BTreeMap::new() }
    }

    fn retention(&self) -> Retention {
        self.config.namespaces[0].retention
    }

    pub(crate) fn has_ceiling(&self) -> bool {
        self.config.max_history_bytes < 1 << 20
    }

    pub(crate) fn head(&self) -> u64 {
        self.all.len() as u64
    }

    /// All of `channel`, oldest first.
    pub(crate) fn of<'a>(&'a self, channel: &'a str) -> impl DoubleEndedIterator<Item = &'a Entry> {
        self.all.iter().filter(move |entry| entry.channel.as_str() == channel)
    }

    pub(crate) fn publish(&mut self, name: &'static str, key: u8, retain: bool, pad: usize) -> Cursor {
        let listed = self.hub.channels(name, "", usize::MAX);
        let held = listed.iter().find(|info| info.channel.as_str() == name && info.offset > 0);
        let expected = held.map_or(self.hub.stats().floor, |info| info.offset) + 1;
        let text = format!("{:0pad$}", self.all.len());
        let key = (key > 0).then(|| Key::parse(&key.to_string()).expect("a key"));
        let draft = Draft::text(text.clone()).retain(retain);
        let draft = key.iter().fold(draft, |draft, key| draft.key(key.clone()));
        let receipt = try_publish(&self.hub, name, draft).expect("published");
        assert_eq!(receipt.id.number, self.head() + 1);
        assert!(receipt.offset <= receipt.id.number);
        if let Some(info) = held {
            assert_eq!(self.of(name).next_back().map(|last| last.offset), Some(info.offset));
        }
        let last_offset = self.of(name).next_back().map_or(0, |last| last.offset);
        assert!(receipt.offset > last_offset, "an offset used again: {receipt:?}");
        let dense = held.is_some() || !listed.iter().any(|info| info.channel.as_str() == name);
        assert!(!dense || receipt.offset == expected, "{receipt:?} {expected}");
        let (number, offset, time_ms) = (receipt.id.number, receipt.offset, self.clock.unix_ms());
        let retain = retain && self.retention().count > 0;
        self.all.push(Entry { number, offset, channel: channel(name), key, retain, text, time_ms });
        assert!(self.hub.stats().history_bytes <= self.config.max_history_bytes);
        receipt.id
    }

    pub(crate) fn forget(&mut self, name: &'static str) {
        self.hub.forget_history(&channel(name));
        self.cleared.insert(name, self.head());
    }

    pub(crate) fn advance(&self, by: Duration, maintain: bool) {
        self.clock.advance(by);
        if maintain {
            (0..16).for_each(|_| self.hub.maintain());
        }
        let stats = self.hub.stats();
        assert!(stats.floor <= stats.head);
    }

    /// Whether age or demand took it, whatever its channel's retention says.
    pub(crate) fn is_over(&self, entry: &Entry) -> bool {
        let age = self.retention().age.as_millis() as u64;
        let cleared = self.cleared.get(entry.channel.as_str()).copied().unwrap_or(0);
        entry.time_ms + age < self.clock.unix_ms() || entry.number <= cleared
    }

    /// What the retention of `name` keeps, newest first, if there is no ceiling.
    fn kept<'a>(&'a self, name: &'a str) -> Vec<&'a Entry> {
        let retention = self.retention();
        let mut kept: Vec<&Entry> = Vec::new();
        let mut bytes = 0;
        for entry in self.of(name).filter(|entry| entry.retain).rev() {
            bytes += entry.text.len() as u64;
            let fits = kept.len() < retention.count && (bytes <= retention.bytes || kept.is_empty());
            if !fits || self.is_over(entry) {
                break;
            }
            kept.push(entry);
        }
        kept
    }

    /// What the hub's history of `name` holds, in numbers. Checked against the model.
    fn held_of(&self, name: &str) -> Vec<u64> {
        let page = self.hub.history(&channel(name), Since::Start, EVERYTHING);
        assert_eq!((page.outcome, page.more), (Outcome::Complete, false));
        let held: Vec<u64> = page.publications.iter().map(|publication| publication.number()).collect();
        page.publications.iter().for_each(|publication| self.check_same(publication));
        let kept: Vec<u64> = self.kept(name).iter().rev().map(|entry| entry.number).collect();
        if self.has_ceiling() {
            assert!(kept.ends_with(&held), "{name}: {held:?} is no end of {kept:?}");
        } else {
            assert_eq!(held, kept, "{name}");
        }
        held
    }

    /// The numbers that history holds over all channels, in order.
    pub(crate) fn check_held(&self) -> Vec<u64> {
        let by_channel: Vec<_> = CHANNELS.iter().map(|name| (name, self.held_of(name))).collect();
        let mut held: Vec<u64> = by_channel.iter().flat_map(|(_, held)| held.iter().copied()).collect();
        held.sort_unstable();
        // What the ceiling took was older than all that is left.
        for (name, of_channel) in by_channel {
            let gone = self.kept(name).into_iter().find(|entry| !of_channel.contains(&entry.number));
            assert!(gone.is_none_or(|gone| held.iter().all(|number| *number > gone.number)), "{name}: {gone:?}");
        }
        held
    }

    /// A publication as it was published.
    pub(crate) fn check_same(&self, publication: &Publication) {
        let entry = &self.all[publication.number() as usize - 1];
        assert_eq!(publication.channel(), &entry.channel);
        assert_eq!((publication.offset(), publication.key()), (entry.offset, entry.key.as_ref()));
        assert_eq!((publication.payload().as_ref(), publication.is_retained()), (entry.text.as_bytes(), entry.retain));
        assert_eq!(publication.id().offset_in(entry.channel.as_str()), Some(entry.offset));
    }

    pub(crate) fn is_mine(&self, cursor: Cursor) -> bool {
        cursor.epoch == self.hub.head().epoch && cursor.number <= self.head()
    }

    /// A gap that says numbers says the truth: what it names was published to be kept and is not there.
    pub(crate) fn check_gap(&self, gap: &Gap, held: &[u64]) {
        if let (Some(from), Some(to)) = (gap.from, gap.to) {
            assert!(from <= to, "{gap:?}");
            let missing: Vec<_> = self.of(&gap.channel).filter(|e| (from..=to).contains(&e.offset)).collect();
            assert!(missing.iter().all(|entry| !held.contains(&entry.number)), "held, yet told as missing: {gap:?}");
            if let Some(missed) = gap.missed {
                assert_eq!(missed, missing.iter().filter(|entry| entry.retain).count() as u64, "{gap:?} {missing:?}");
            }
        }
        assert!(gap.missed.is_none() || gap.from.is_some() && gap.to.is_some());
    }

    pub(crate) fn check_history(&self, name: &'static str, since: Since, budget: Budget) -> HistoryPage {
        let held = self.held_of(name);
        let page = self.hub.history(&channel(name), since, budget);
        let all = self.hub.history(&channel(name), since, EVERYTHING);
        let numbers = |page: &HistoryPage| page.publications.iter().map(|p| p.number()).collect::<Vec<_>>();
        let (got, expected) = (numbers(&page), numbers(&all));
        assert!(expected.starts_with(&got) && (page.more == (got.len() < expected.len())));
        assert!(!got.is_empty() || expected.is_empty());
        let wanted: Vec<u64> = match since {
            Since::Now => Vec::new(),
            Since::Last(n) => held[held.len().saturating_sub(n as usize)..].to_vec(),
            Since::Cursor(cursor) if self.is_mine(cursor) => {
                held.iter().copied().filter(|number| *number > cursor.number).collect()
            }
            Since::Start | Since::Cursor(_) => held.clone(),
        };
        assert_eq!(expected, wanted);
        self.check_outcome(since, &[crate::support::selector(name)], page.outcome, &page.gaps, &held);
        // Where a page ends the next begins.
        let next = self.hub.history(&channel(name), Since::Cursor(page.cursor), EVERYTHING);
        assert_eq!((next.outcome, numbers(&next)), (Outcome::Complete, expected[got.len()..].to_vec()));
        page
    }

    /// The outcome of beginning at `since`, when `held` are held.
    pub(crate) fn check_outcome(
        &self,
        since: Since,
        selectors: &[Selector],
        outcome: Outcome,
        gaps: &[Gap],
        held: &[u64],
    ) {
        assert_eq!(outcome == Outcome::Complete, gaps.is_empty());
        assert_eq!(outcome, gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default());
        gaps.iter().for_each(|gap| self.check_gap(gap, held));
        let cursor = match since {
            Since::Cursor(cursor) if self.is_mine(cursor) => cursor,
            Since::Cursor(_) => return assert_eq!((outcome, gaps.len()), (Outcome::Lost, selectors.len())),
            _ => return assert_eq!(outcome, Outcome::Complete),
        };
        assert_ne!(outcome, Outcome::Lost);
        let is_wanted = |entry: &&Entry| selectors.iter().any(|selector| selector.matches(&entry.channel));
        let behind = self.all[cursor.number as usize..].iter().filter(is_wanted);
        let missing: Vec<_> = behind.filter(|entry| entry.retain && !held.contains(&entry.number)).collect();
        for entry in &missing {
            assert!(gaps.iter().any(|gap| covers(gap, entry)), "lost in silence: {entry:?} since {cursor:?}");
        }
        self.check_exact(cursor, selectors, gaps, &missing);
    }

    /// A cursor of the only channel, which was never forgotten and keeps everything, is told exactly what it misses.
    fn check_exact(&self, cursor: Cursor, selectors: &[Selector], gaps: &[Gap], missing: &[&Entry]) {
        let ([Selector::Channel(channel)], [first, ..]) = (selectors, missing) else { return };
        let is_plain = self.of(channel.as_str()).enumerate().all(|(n, e)| e.retain && e.offset == n as u64 + 1);
        if is_plain && self.hub.stats().floor == 0 && cursor.offset_in(channel.as_str()).is_some() {
            let to = missing.last().map(|entry| entry.offset);
            assert_eq!(gaps, [partial(channel.as_str(), first.offset, to)]);
        }
    }
}

pub(crate) fn covers(gap: &Gap, entry: &Entry) -> bool {
    let is_of = Selector::parse(&gap.channel).is_ok_and(|told| told.matches(&entry.channel));
    is_of && gap.from.is_none_or(|from| from <= entry.offset) && gap.to.is_none_or(|to| to >= entry.offset)
}
