//! How a subscription begins: from a wish (`start`, `now`, a cursor, the newest N) to a position and what is told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::channel::Channel;
use crate::cursor::{Cursor, Mark, Since, channel_hash};
use crate::hub::Inner;
use crate::reader::Reader;
use crate::recovery::{Gap, Outcome, Start};
use crate::source::{Feed, Source};
use crate::sync::Ordering;

/// More gaps than this are told as one of the whole pattern: an answer stays bounded.
const MAX_GAPS: usize = 128;

/// Sets the position of `reader`, whose sources are attached; `head` was read after that.
pub(crate) fn open(hub: &Inner, reader: &mut Reader, since: Since, head: u64) -> Start {
    expire(hub, reader);
    for source in &mut reader.sources {
        source.live_from = head;
    }
    let mut gaps = Vec::new();
    let mut cursor = None;
    match since {
        Since::Now => reader.seen = head,
        Since::Start => from_oldest(reader, head),
        Since::Last(n) => from_newest(reader, head, n as usize),
        Since::Cursor(given) if given.epoch == hub.epoch && given.number <= head => {
            reader.seen = given.number;
            cursor = Some(given);
            gaps = gaps_since(hub, reader, given);
            if !gaps.is_empty() {
                reader.seen = reader.first_after(head).map_or(head, |first| first - 1);
                cursor = None;
            }
        }
        Since::Cursor(_) => {
            gaps = reader.sources.iter().map(|source| source.gap(Outcome::Lost)).collect();
            from_oldest(reader, head);
        }
    }
    tell_past(hub, reader);
    let outcome = gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default();
    Start { cursor: cursor.unwrap_or_else(|| cursor_of(hub, reader)), outcome, gaps }
}

/// Publications past their age are not given, whether maintenance came by or not.
fn expire(hub: &Inner, reader: &Reader) {
    for source in &reader.sources {
        match &source.feed {
            Feed::Channel(channel) => hub.expire(channel),
            Feed::Pattern(feed) => feed.channels_after(0).iter().for_each(|channel| hub.expire(channel)),
        }
    }
}

/// Just before the oldest publication held; the head if there is none.
fn from_oldest(reader: &mut Reader, head: u64) {
    reader.seen = 0;
    reader.seen = reader.first_after(head).map_or(head, |first| first - 1);
}

/// Just before the N-th newest retained publication of all channels together.
fn from_newest(reader: &mut Reader, head: u64, n: usize) {
    let mut channels: Vec<(u64, Arc<Channel>)> = Vec::new();
    for source in &reader.sources {
        match &source.feed {
            Feed::Channel(channel) => channels.push((channel.head(), Arc::clone(channel))),
            Feed::Pattern(feed) => channels.extend(feed.channels_with_heads()),
        }
    }
    // A channel may be matched twice; its publications count once.
    channels.sort_by_key(|(channel_head, channel)| (channel.id, *channel_head));
    channels.dedup_by_key(|(_, channel)| channel.id);
    channels.sort_by_key(|(channel_head, _)| Reverse(*channel_head));
    let mut newest: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    for (channel_head, channel) in channels {
        let oldest_wanted = newest.peek().map_or(0, |Reverse(number)| *number);
        if newest.len() >= n && channel_head < oldest_wanted {
            break; // this channel and all after it are older than what was found
        }
        collect_newest(&channel, head, n, &mut newest);
    }
    reader.seen = newest.peek().map_or(head, |Reverse(number)| number - 1);
}

fn collect_newest(channel: &Channel, head: u64, n: usize, newest: &mut BinaryHeap<Reverse<u64>>) {
    channel.lock().history.read_back(0, head, &mut |publication| {
        let number = publication.number();
        if newest.len() >= n && newest.peek().is_none_or(|Reverse(oldest)| number < *oldest) {
            return false;
        }
        newest.push(Reverse(number));
        if newest.len() > n {
            newest.pop();
        }
        true
    });
}

/// What a cursor of this epoch misses, by channel where known.
fn gaps_since(hub: &Inner, reader: &Reader, cursor: Cursor) -> Vec<Gap> {
    let floor = hub.floor.load(Ordering::Acquire);
    let mut gaps = Vec::new();
    for source in &reader.sources {
        match &source.feed {
            Feed::Channel(channel) => gaps.extend(gap_of(channel, cursor, false)),
            Feed::Pattern(feed) => {
                let channels = feed.channels_after(cursor.number);
                let found: Vec<Gap> = channels.iter().filter_map(|c| gap_of(c, cursor, true)).collect();
                let too_many = found.len() > MAX_GAPS;
                if !too_many {
                    gaps.extend(found);
                }
                if too_many || cursor.number < floor.max(feed.forgotten()) {
                    gaps.push(source.gap(Outcome::Partial));
                }
            }
        }
    }
    // A channel may be matched twice.
    gaps.dedup_by(|a, b| a == b);
    gaps
}

fn gap_of(channel: &Channel, cursor: Cursor, of_pattern: bool) -> Option<Gap> {
    let log = channel.lock();
    if log.trimmed.number <= cursor.number || (of_pattern && !log.was_trimmed()) {
        return None;
    }
    let (from, to, missed) = log.missed_since(cursor.offset_in(channel.name.as_str()));
    Some(Gap { channel: channel.name.as_str().into(), outcome: Outcome::Partial, from, to, missed })
}

/// Everything trimmed so far is told, or was asked for by nobody: only later trims are news.
fn tell_past(hub: &Inner, reader: &mut Reader) {
    let Reader { sources, seen, told, .. } = reader;
    for source in sources {
        let channels: Vec<Arc<Channel>> = match &source.feed {
            Feed::Channel(channel) => vec![Arc::clone(channel)],
            Feed::Pattern(feed) => {
                source.told_forgotten = feed.forgotten().max(hub.floor.load(Ordering::Acquire));
                feed.channels_after(*seen)
            }
        };
        for channel in channels {
            let log = channel.lock();
            if log.trimmed.number > *seen {
                told.insert(channel.id, log.trimmed.number);
            }
            if matches!(source.feed, Feed::Channel(_)) {
                // Where the position was trimmed away, the next to come is the oldest held.
                source.offset = log.offset_at((*seen).max(log.trimmed.number));
            }
        }
    }
}

/// With a single channel the cursor carries its offset, so that a later gap can be told exactly.
fn cursor_of(hub: &Inner, reader: &Reader) -> Cursor {
    let mut cursor = Cursor::new(hub.epoch, reader.seen);
    if let [Source { feed: Feed::Channel(channel), offset: Some(offset), .. }] = reader.sources.as_slice() {
        cursor.mark = Some(Mark { offset: *offset, channel: channel_hash(channel.name.as_str()) });
    }
    cursor
}
