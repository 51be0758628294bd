//! All groups of a lot, and those that have something to go on with.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use super::group::Group;
use crate::proto::lot::ticks::NEVER;
use crate::server::lot::inbox::{GroupWaker, Inbox};

#[derive(Debug)]
pub(in crate::server::lot) struct Groups<H, I> {
    list: Vec<Option<Box<Group<H, I>>>>,
    free: Vec<u32>,
    by_key: HashMap<Arc<[u8]>, u32>,
    /// Those with a pass on its way, or an end, in turn.
    queue: VecDeque<u32>,
    /// No group's silence is to be broken earlier.
    next_beat: u32,
}

impl<H, I> Groups<H, I> {
    pub(in crate::server::lot) fn new() -> Self {
        Self { list: Vec::new(), free: Vec::new(), by_key: HashMap::new(), queue: VecDeque::new(), next_beat: NEVER }
    }

    /// Whether a group has something to go on with.
    pub(in crate::server::lot) fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How many groups have something to go on with.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The next of those.
    pub(super) fn next(&mut self) -> Option<u32> {
        self.queue.pop_front()
    }

    /// Ends all groups.
    pub(in crate::server::lot) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Groups there are, those that are lent included.
    pub(in crate::server::lot) fn len(&self) -> usize {
        self.list.len() - self.free.len()
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// Takes a place for a group that `make` makes from its waker.
    pub(super) fn insert(&mut self, inbox: &Arc<Inbox<H, I>>, make: impl FnOnce(Waker) -> Group<H, I>) -> u32
    where
        H: Send + 'static,
        I: Send + 'static,
    {
        let id = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            u32::try_from(self.list.len() - 1).expect("groups have members, whose keys are of 32 bits")
        });
        let waker = Waker::from(Arc::new(GroupWaker { inbox: Arc::clone(inbox), group: id }));
        let group = make(waker);
        self.by_key.insert(Arc::clone(&group.key), id);
        self.list[id as usize] = Some(Box::new(group));
        id
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Group<H, I>> {
        self.list.get_mut(id as usize)?.as_deref_mut()
    }

    /// Lends a group, for work that needs the rest of the lot as well; to be put back.
    pub(super) fn lend(&mut self, id: u32) -> Option<Box<Group<H, I>>> {
        self.list.get_mut(id as usize)?.take()
    }

    pub(super) fn put_back(&mut self, id: u32, group: Box<Group<H, I>>) {
        self.list[id as usize] = Some(group);
    }

    /// Nobody else joins it.
    pub(super) fn hide(&mut self, id: u32, key: &[u8]) {
        if self.by_key.get(key) == Some(&id) {
            self.by_key.remove(key);
        }
    }

    /// Ends a group that was lent.
    pub(super) fn remove(&mut self, id: u32, group: Box<Group<H, I>>) {
        self.hide(id, &group.key);
        self.free.push(id);
        let (held, used) = (self.by_key.capacity(), self.by_key.len());
        if held > 1024 && used * 8 < held {
            self.by_key.shrink_to(used * 2);
        }
        if self.free.len() == self.list.len() {
            self.list = Vec::new();
            self.free = Vec::new();
        }
        drop(group);
    }

    /// Puts a group into the queue, once.
    pub(super) fn enqueue(&mut self, id: u32) {
        if let Some(group) = self.get_mut(id)
            && !group.is_queued
        {
            group.is_queued = true;
            self.queue.push_back(id);
        }
    }

    /// A group's silence is to be broken at `tick`.
    pub(super) fn note_beat(&mut self, tick: u32) {
        self.next_beat = self.next_beat.min(tick);
    }

    pub(in crate::server::lot) fn next_beat(&self) -> Option<u32> {
        (self.next_beat != NEVER).then_some(self.next_beat)
    }

    /// The groups whose silence is to be broken.
    pub(in crate::server::lot) fn due(&mut self, now: u32, due: &mut Vec<u32>) {
        if now < self.next_beat {
            return;
        }
        self.next_beat = NEVER;
        for (id, group) in self.list.iter().enumerate() {
            let Some(group) = group else { continue };
            if group.beat_at <= now {
                due.push(id as u32);
            } else {
                self.next_beat = self.next_beat.min(group.beat_at);
            }
        }
    }
}
