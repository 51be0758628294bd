//! What every `HistoryStore` promises, and what a hub makes of one that fails or recovers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use push_core::*;

use crate::durable::Durable;
use crate::support::*;

/// Publications of one channel, every third number taken by another: what a store is given.
fn publications(count: usize) -> Vec<Arc<Publication>> {
    let (hub, _) = hub(keeping_count(usize::MAX));
    for n in 0..count {
        publish(&hub, "a", &"x".repeat(n + 1));
        if n % 2 == 0 {
            publish(&hub, "other", "");
        }
    }
    hub.history(&channel("a"), Since::Start, Budget { publications: usize::MAX, bytes: usize::MAX }).publications
}

fn filled(store: &dyn HistoryStore, publications: &[Arc<Publication>]) -> Box<dyn ChannelHistory> {
    let mut history = store.open(&channel("a")).expect("opened");
    publications.iter().for_each(|publication| history.append(Arc::clone(publication)).expect("appended"));
    history
}

fn numbers(history: &dyn ChannelHistory, after: u64, through: u64, limit: usize, back: bool) -> Vec<u64> {
    let mut found = Vec::new();
    if limit > 0 {
        let mut visit = |publication: &Arc<Publication>| {
            found.push(publication.number());
            found.len() < limit
        };
        if back { history.read_back(after, through, &mut visit) } else { history.read(after, through, &mut visit) }
    }
    found
}

pub(crate) fn a_channel_begins_empty(store: &dyn HistoryStore) {
    let history = store.open(&channel("a")).expect("opened");
    assert_eq!((history.len(), history.bytes(), history.is_empty()), (0, 0, true));
    assert!(history.oldest().is_none());
    assert!(numbers(&*history, 0, u64::MAX, usize::MAX, false).is_empty());
}

pub(crate) fn what_was_appended_is_read_in_both_directions(store: &dyn HistoryStore) {
    let publications = publications(10);
    let all: Vec<u64> = publications.iter().map(|p| p.number()).collect();
    let history = filled(store, &publications);
    assert_eq!((history.len(), history.bytes()), (10, (1..=10).sum()));
    assert_eq!(history.oldest().map(|p| p.number()), Some(all[0]));
    let last = all[9] + 2;
    for (after, through) in (0..=last).flat_map(|after| (0..=last).map(move |through| (after, through))) {
        let mut wanted: Vec<u64> = all.iter().copied().filter(|n| *n > after && *n <= through).collect();
        assert_eq!(numbers(&*history, after, through, usize::MAX, false), wanted, "{after} {through}");
        assert_eq!(numbers(&*history, after, through, 2, false), wanted[..wanted.len().min(2)]);
        wanted.reverse();
        assert_eq!(numbers(&*history, after, through, usize::MAX, true), wanted, "{after} {through}");
        assert_eq!(numbers(&*history, after, through, 2, true), wanted[..wanted.len().min(2)]);
    }
}

pub(crate) fn a_trim_removes_what_was_asked_and_no_more(store: &dyn HistoryStore) {
    let publications = publications(10);
    let all: Vec<u64> = publications.iter().map(|p| p.number()).collect();
    let mut history = filled(store, &publications);
    for through in 0..=all[9] + 1 {
        history.trim(through);
        let left: Vec<_> = publications.iter().filter(|p| p.number() > through).collect();
        assert_eq!(numbers(&*history, 0, u64::MAX, usize::MAX, false).len(), left.len());
        assert_eq!(history.oldest().map(|p| p.number()), left.first().map(|p| p.number()));
        assert_eq!(history.len(), left.len());
        assert_eq!(history.bytes(), left.iter().map(|p| p.payload().len() as u64).sum::<u64>());
    }
    let next = self::publications(12).pop().expect("a later one");
    history.append(Arc::clone(&next)).expect("appended");
    assert_eq!(numbers(&*history, 0, u64::MAX, 9, false), [next.number()], "an emptied log goes on");
}

pub(crate) fn channels_are_apart(store: &dyn HistoryStore) {
    let publications = publications(3);
    let mut history = filled(store, &publications);
    let other = store.open(&channel("b")).expect("opened");
    assert!(other.is_empty());
    drop(other);
    history.trim(publications[0].number());
    assert_eq!(history.len(), 2);
}

pub(crate) fn a_hub_serves_from_it(store: Arc<dyn HistoryStore>) {
    let hub = Hub::builder(keeping_count(3)).history(store).build().expect("built");
    let (mut live, _) = open(&hub, &["a", "*"], Since::Now);
    let ids: Vec<_> = (0..5).map(|n| publish(&hub, ["a", "b"][n % 2], &n.to_string()).id).collect();
    assert_eq!(read(&mut live), ["0", "1", "2", "3", "4"]);
    publish(&hub, "a", "5");
    let (mut late, start) = open(&hub, &["a"], Since::Cursor(Cursor::new(ids[0].epoch, 0)));
    assert_eq!(start.gaps, [partial("a", None, 1)]);
    assert_eq!(read(&mut late), ["2", "4", "5"]);
}

/// The list, over one store.
macro_rules! history_store_contract {
    ($name:ident, $store:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn a_channel_begins_empty() {
                super::a_channel_begins_empty(&$store);
            }

            #[test]
            fn what_was_appended_is_read_in_both_directions() {
                super::what_was_appended_is_read_in_both_directions(&$store);
            }

            #[test]
            fn a_trim_removes_what_was_asked_and_no_more() {
                super::a_trim_removes_what_was_asked_and_no_more(&$store);
            }

            #[test]
            fn channels_are_apart() {
                super::channels_are_apart(&$store);
            }

            #[test]
            fn a_hub_serves_from_it() {
                super::a_hub_serves_from_it(Arc::new($store));
            }
        }
    };
}

history_store_contract!(memory, MemoryHistory);
history_store_contract!(durable, Durable::default());

fn on(store: &Durable) -> Hub {
    Hub::builder(keeping_count(3)).history(Arc::new(store.clone())).build().expect("built")
}

#[test]
fn a_failed_append_uses_up_a_number_but_no_offset_and_wakes_nobody() {
    let store = Durable::default();
    let hub = on(&store);
    let (mut live, _) = open(&hub, &["a", "*"], Since::Now);
    publish(&hub, "a", "1");
    assert_eq!(read(&mut live), ["1"]);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(live.poll_moved(&mut cx), Poll::Ready(()));
    store.fails.store(true, Ordering::Relaxed);
    let id = PushId::parse("id").expect("an id");
    for _ in 0..2 {
        let refused = try_publish(&hub, "a", Draft::text("2").push_id(id.clone())).expect_err("the disk is full");
        assert_eq!((refused.kind(), refused.is_retryable()), (PublishErrorKind::Storage, true));
    }
    assert!(live.poll_moved(&mut cx).is_pending());
    assert!(read(&mut live).is_empty());
    assert_eq!((hub.stats().publications, hub.stats().history_bytes), (1, 257));
    store.fails.store(false, Ordering::Relaxed);
    let receipt = try_publish(&hub, "a", Draft::text("2").push_id(id)).expect("published");
    assert_eq!((receipt.id.number, receipt.offset, receipt.duplicate), (4, 2, false));
    assert_eq!(live.poll_moved(&mut cx), Poll::Ready(()));
    assert_eq!(read(&mut live), ["2"]);
    // Nothing is missing between them: the numbers that failed are nobody's.
    let (mut again, start) = open(&hub, &["a"], Since::Cursor(Cursor::new(hub.head().epoch, 1)));
    assert_eq!((start.outcome, read(&mut again)), (Outcome::Complete, vec!["2".to_owned()]));
}

#[test]
fn after_a_restart_epoch_numbers_offsets_and_trims_go_on() {
    let store = Durable::default();
    let first = on(&store);
    let ids: Vec<_> = (0..5).map(|n| publish(&first, "a", &n.to_string()).id).collect();
    let other = publish(&first, "b/1", "b").id;
    store.fails.store(true, Ordering::Relaxed);
    try_publish(&first, "a", Draft::text("lost")).expect_err("the disk is full");
    store.fails.store(false, Ordering::Relaxed);
    let stats = first.stats();
    drop(first);

    let second = on(&store);
    assert_eq!(second.head(), Cursor::new(other.epoch, 7));
    let after = second.stats();
    assert_eq!((after.publications, after.history_bytes), (stats.publications, stats.history_bytes));
    let (mut all, start) = open(&second, &["a", "b/*"], Since::Cursor(ids[1]));
    assert_eq!(start.outcome, Outcome::Complete);
    assert_eq!(read(&mut all), ["2", "3", "4", "b"]);
    let (_, start) = open(&second, &["a"], Since::Cursor(ids[0]));
    assert_eq!((start.outcome, start.gaps[0].to), (Outcome::Partial, Some(2)));
    let (_, start) = open(&second, &["b/1"], Since::Cursor(Cursor::new(other.epoch, 0)));
    assert_eq!(start.outcome, Outcome::Complete);
    let receipt = publish(&second, "a", "5");
    assert_eq!((receipt.id.number, receipt.offset), (8, 6));
    assert_eq!(read(&mut all), ["5"]);
}

#[test]
fn after_a_restart_a_channel_that_holds_nothing_reuses_no_offset_and_hides_no_loss() {
    let store = Durable::default();
    let first = on(&store);
    let ids: Vec<_> = (0..3).map(|n| publish(&first, "a", &n.to_string()).id).collect();
    first.forget_history(&channel("a"));
    drop(first);

    let clock = Arc::new(ManualClock::new(UNIX_MS));
    let builder = Hub::builder(keeping_count(3)).history(Arc::new(store.clone())).clock(clock.clone());
    let second = builder.build().expect("built");
    assert_eq!(second.channels("", "", 9)[0].offset, 3);
    let (_, start) = open(&second, &["a"], Since::Cursor(ids[0]));
    assert_eq!(start.outcome, Outcome::Partial);
    clock.advance(std::time::Duration::from_secs(61));
    (0..16).for_each(|_| second.maintain());
    assert_eq!((second.stats().channels, second.stats().floor), (0, 3));
    let (_, start) = open(&second, &["a", "*"], Since::Cursor(ids[0]));
    assert_eq!(start.outcome, Outcome::Partial);
    assert_eq!(publish(&second, "a", "3").offset, 4);
}

#[test]
fn a_recovered_history_above_the_ceiling_is_trimmed_to_it() {
    let store = Durable::default();
    let first = on(&store);
    (0..3).for_each(|n| drop(publish(&first, "a", &n.to_string())));
    drop(first);
    let mut config = keeping_count(3);
    config.max_history_bytes = 2 * 257;
    let second = Hub::builder(config).history(Arc::new(store)).build().expect("built");
    assert_eq!(second.stats().publications, 2);
}
