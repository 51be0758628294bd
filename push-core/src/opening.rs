//! How a subscription begins: from a wish (`start`, `now`, a cursor, the newest N) to a position and what is told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::channel::{Channel, Log};
use crate::cursor::{Cursor, Mark, Since, channel_hash};
use crate::hub::Inner;
use crate::reader::Reader;
use crate::recovery::{Gap, MAX_GAPS, Outcome, Start};
use crate::source::{Feed, Source};
use crate::sync::Ordering;

/// Sets the position of `reader`, whose sources are attached; `head` was read after that.
pub(crate) fn open(hub: &Inner, reader: &mut Reader, since: Since, head: u64) -> Start {
    for source in &mut reader.sources {
        source.live_from = head;
    }
    let known = match since {
        Since::Cursor(given) if given.epoch == hub.epoch && given.number <= head => Some(given),
        _ => None,
    };
    let after = if since == Since::Now { head } else { known.map_or(0, |given| given.number) };
    expire(hub, reader, after);
    // Before the position is chosen: what is trimmed from here on is told by reads.
    let mut gaps = take_stock(hub, reader, after, head, known);
    let mut cursor = None;
    match since {
        Since::Now => reader.seen = head,
        Since::Start => from_oldest(reader, head),
        Since::Last(n) => from_newest(reader, head, n as usize),
        Since::Cursor(given) if known.is_some() => {
            reader.seen = given.number;
            if gaps.is_empty() {
                cursor = Some(given);
            } else {
                reader.seen = reader.first_after(head).map_or(head, |first| first - 1);
                // Once more: what was trimmed while the oldest was looked for lies before the new position.
                reader.told.clear();
                gaps = take_stock(hub, reader, after, head, known);
            }
        }
        Since::Cursor(_) => {
            gaps = reader.sources.iter().map(|source| source.gap(Outcome::Lost)).collect();
            from_oldest(reader, head);
        }
    }
    know_offsets(reader);
    let outcome = gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default();
    Start { cursor: cursor.unwrap_or_else(|| cursor_of(hub, reader)), outcome, gaps }
}

/// Publications past their age are not given, whether maintenance came by or not. Channels with nothing behind
/// `after` are left alone: asking again and again must not cost a visit to each channel of a pattern.
fn expire(hub: &Inner, reader: &Reader, after: u64) {
    for source in &reader.sources {
        source.channels_after(after).iter().for_each(|channel| hub.expire(channel));
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

/// Notes what was trimmed up to now, and returns what of it a cursor of this epoch misses, by channel where known.
///
/// A channel is looked at once: what is told here and what reads take as told is one and the same.
fn take_stock(hub: &Inner, reader: &mut Reader, after: u64, head: u64, cursor: Option<Cursor>) -> Vec<Gap> {
    let Reader { sources, told, .. } = reader;
    let mut gaps = Vec::new();
    for source in sources {
        let of_pattern = matches!(source.feed, Feed::Pattern(_));
        let mut found = Vec::new();
        for channel in source.channels_after(after) {
            let log = channel.lock();
            // Without a cursor nobody asked for what is gone; but what was published and trimmed since is news.
            let past = if cursor.is_some() { log.trimmed.number } else { log.trimmed.number.min(head) };
            let is_news = past > after && (!of_pattern || log.was_trimmed());
            // A channel of two sources is looked at once: what is trimmed until the second look is told by reads.
            if is_news && let Entry::Vacant(vacant) = told.entry(channel.id) {
                vacant.insert(past);
                found.extend(cursor.map(|cursor| gap_of(&channel, &log, cursor)));
            }
        }
        if let Feed::Pattern(feed) = &source.feed {
            // After the channels were listed: one that was not among them any more has left its number here.
            let forgotten = feed.forgotten().max(hub.floor.load(Ordering::Acquire));
            source.told_forgotten = if cursor.is_some() { forgotten } else { forgotten.min(head) };
            let is_missed = cursor.is_some_and(|cursor| cursor.number < forgotten);
            if is_missed || found.len() > MAX_GAPS {
                found.truncate(if found.len() > MAX_GAPS { 0 } else { MAX_GAPS });
                found.push(source.gap(Outcome::Partial));
            }
        }
        gaps.append(&mut found);
    }
    gaps
}

fn gap_of(channel: &Channel, log: &Log, cursor: Cursor) -> Gap {
    let (from, to, missed) = log.missed_since(cursor.offset_in(channel.name.as_str()));
    Gap { channel: channel.name.as_str().into(), outcome: Outcome::Partial, from, to, missed }
}

/// The last offset before the position, for channels subscribed by name: a later gap begins behind it.
fn know_offsets(reader: &mut Reader) {
    let Reader { sources, seen, told, .. } = reader;
    for source in sources {
        if let Feed::Channel(channel) = &source.feed {
            // Where the position was trimmed away, the next to come is the oldest held.
            let position = told.get(&channel.id).map_or(*seen, |told| (*told).max(*seen));
            source.offset = channel.lock().offset_at(position);
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
