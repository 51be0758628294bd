//! inotify.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inotify::{Event, EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use rustix::event::{PollFd, PollFlags, poll};

use super::{Listener, Notice, Spot};
use crate::store::maildir::scan::What;

/// Room for some hundred events, whose names have at most 255 bytes.
const BUFFER_BYTES: usize = 32 * 1024;

/// The queue of the process, from its first use to its end.
static SHARED: Mutex<Option<Arc<Notices>>> = Mutex::new(None);

/// A directory that is watched by somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct Watch(WatchDescriptor, Spot);

/// The queue.
pub(in crate::store) struct Notices {
    registry: Mutex<Registry>,
    watches: Watches,
}

struct Registry {
    inotify: Inotify,
    buffer: Vec<u8>,
    /// A directory has one descriptor, however many watch it.
    listeners: Listeners,
}

impl Notices {
    /// The queue of this process.
    ///
    /// # Errors
    ///
    /// Where the system has none left for this user (`fs.inotify.max_user_instances`), or no thread can be started.
    pub(in crate::store) fn shared() -> io::Result<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notices) = &*shared {
            return Ok(Arc::clone(notices));
        }
        let inotify = Inotify::init()?;
        let readable = inotify.as_fd().try_clone_to_owned()?;
        let watches = inotify.watches();
        let registry = Registry { inotify, buffer: vec![0; BUFFER_BYTES], listeners: HashMap::new() };
        let notices = Arc::new(Self { registry: Mutex::new(registry), watches });
        let reader = Arc::clone(&notices);
        let thread = std::thread::Builder::new().name("push-mail-inotify".to_owned());
        thread.spawn(move || reader.run(&readable))?;
        *shared = Some(Arc::clone(&notices));
        Ok(notices)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, readable: &OwnedFd) {
        loop {
            // Interrupted, it is asked again.
            let _ = poll(&mut [PollFd::new(readable, PollFlags::IN)], None);
            self.drain();
        }
    }

    /// Tells everybody what has happened up to now: what a program did before this call began is told when it returns.
    pub(in crate::store) fn drain(&self) {
        let mut registry = self.registry();
        let Registry { inotify, buffer, listeners } = &mut *registry;
        // It ends where nothing is waiting.
        while let Ok(events) = inotify.read_events(buffer) {
            events.for_each(|event| dispatch(listeners, event));
        }
    }

    /// Watches a directory. The same again changes nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or the user has no watches left ([`io::ErrorKind::StorageFull`],
    /// `fs.inotify.max_user_watches`).
    pub(in crate::store) fn add(&self, dir: &Path, spot: Spot, listener: &Arc<dyn Listener>) -> io::Result<Watch> {
        let mask = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::CLOSE_WRITE
            | WatchMask::DELETE
            | WatchMask::MOVE_SELF
            | WatchMask::DELETE_SELF
            | WatchMask::ONLYDIR;
        // Held, so that no event is told before it is known to whom.
        let mut registry = self.registry();
        let descriptor = self.watches.clone().add(dir, mask)?;
        let listeners = registry.listeners.entry(descriptor.clone()).or_default();
        if !listeners.iter().any(|(known, other)| *known == spot && Arc::ptr_eq(other, listener)) {
            listeners.push((spot, Arc::clone(listener)));
        }
        Ok(Watch(descriptor, spot))
    }

    /// Watches it no more.
    pub(in crate::store) fn remove(&self, Watch(descriptor, spot): &Watch, listener: &Arc<dyn Listener>) {
        let mut registry = self.registry();
        let Some(listeners) = registry.listeners.get_mut(descriptor) else { return };
        listeners.retain(|(known, other)| known != spot || !Arc::ptr_eq(other, listener));
        if listeners.is_empty() {
            registry.listeners.remove(descriptor);
            // Of a directory that is gone there is nothing to remove.
            let _ = self.watches.clone().remove(descriptor.clone());
        }
    }
}

/// Who is told of which directory.
type Listeners = HashMap<WatchDescriptor, Vec<(Spot, Arc<dyn Listener>)>>;

fn dispatch(listeners: &mut Listeners, event: Event<&std::ffi::OsStr>) {
    if event.mask.contains(EventMask::Q_OVERFLOW) {
        tracing::warn!("the queue of inotify ran over: all watched folders are read again");
        listeners.values().flatten().for_each(|(_, listener)| listener.overflow());
        return;
    }
    let Some(told) = listeners.get(&event.wd) else { return };
    let is_dir = event.mask.contains(EventMask::ISDIR);
    let notice = match (event.name, what(event.mask)) {
        (Some(name), Some(_)) if is_dir => Some(Notice::Dir(name)),
        (Some(name), Some(what)) => Some(Notice::File(what, name)),
        _ if event.mask.intersects(EventMask::MOVE_SELF | EventMask::DELETE_SELF | EventMask::UNMOUNT) => {
            Some(Notice::Itself)
        }
        _ => None,
    };
    if let Some(notice) = notice {
        told.iter().for_each(|(spot, listener)| listener.notice(*spot, notice));
    }
    if event.mask.contains(EventMask::IGNORED) {
        told.iter().for_each(|(spot, listener)| listener.notice(*spot, Notice::Itself));
        listeners.remove(&event.wd);
    }
}

fn what(mask: EventMask) -> Option<What> {
    if mask.intersects(EventMask::CREATE | EventMask::MOVED_TO | EventMask::CLOSE_WRITE) {
        Some(What::Came)
    } else if mask.contains(EventMask::MOVED_FROM) {
        Some(What::Left)
    } else if mask.contains(EventMask::DELETE) {
        Some(What::Deleted)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::state::State;
    use crate::store::maildir::{MaildirConfig, MaildirStore};
    use crate::store::{Hint, MailStore as _, Token};

    /// Events that a queue holds, by the system's settings.
    fn longest() -> usize {
        let setting = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("a setting");
        setting.trim().parse().expect("a number")
    }

    /// 1. A folder is watched. 2. More happens than the queue holds while nobody reads it; what is lost is the end.
    /// 3. The queue says so: everything is looked at again, and nothing is missing.
    #[tokio::test]
    async fn what_a_queue_that_ran_over_has_lost_is_found_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::open(&State::in_memory().expect("a state"), "alice").await.expect("a journal");
        let config = MaildirConfig { create: true, ..MaildirConfig::default() };
        let store = MaildirStore::open(dir.path(), journal, config).await.expect("a store");
        let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
        let mut hints = store.watch(&[]);
        assert_eq!(hints.next().await, Hint::Ready);
        let token = store.changes(inbox, Token::START, 10).await.expect("changes").token;
        {
            let notices = Notices::shared().expect("a queue");
            let _held = notices.registry();
            let (one, other) = (dir.path().join("cur/1.a:2,"), dir.path().join("cur/1.a:2,S"));
            std::fs::write(&one, "x").expect("written");
            for _ in 0..longest() / 4 + 1 {
                std::fs::rename(&one, &other).expect("renamed");
                std::fs::rename(&other, &one).expect("renamed");
            }
            std::fs::write(dir.path().join("new/2.lost"), "x").expect("written");
        }
        let told = store.changes(inbox, token, 10).await.expect("changes");
        assert_eq!(told.changes.len(), 2, "{told:?}");
        let mut hinted = Vec::new();
        while let Some(hint) = hints.try_next() {
            hinted.push(hint);
        }
        assert!(hinted.contains(&Hint::All), "{hinted:?}");
    }
}
