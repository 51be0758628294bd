//! What is known of one connection, shared by its socket, its driver and the requests it carries.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::readiness::Readiness;

/// What a request, its handler and its response body may ask of the connection they are on.
///
/// [`serve`](super::serve) puts one into the extensions of each request. A clone is one reference more to the same state; it
/// may outlive the connection and then tells how that ended. What it counts begins with the connection; under lots
/// ([`ServeConfig::lots`](super::ServeConfig::lots)) with the end of its last idle time, because a connection that waits keeps no counts.
///
/// ```
/// use push_transports::server::ConnectionInfo;
///
/// fn client_is_slow<B>(request: &http::Request<B>) -> bool {
///     request.extensions().get::<ConnectionInfo>().is_some_and(ConnectionInfo::blocked)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionInfo(Arc<State>);

#[derive(Debug)]
struct State {
    peer: SocketAddr,
    /// Under TLS that ends here.
    secured: AtomicBool,
    /// The last write found no room.
    blocked: AtomicBool,
    /// How often `blocked` began.
    times_blocked: AtomicU64,
    written: AtomicU64,
    read: AtomicU64,
    /// `read` at the moment hyper began to wait for the latest head: more than this means that the client has begun it.
    read_at_head: AtomicU64,
    /// A request has been handed on and its answer is not all out.
    answering: AtomicBool,
    /// Heads that hyper has waited for.
    heads: AtomicU32,
    /// What is left of the time for the first head, in ms; [`NO_LIMIT`] where it begins with its first byte.
    owed_within_ms: AtomicU32,
    /// What a lot heard of the socket; unused where a runtime watches it.
    readiness: Readiness,
    phase: AtomicU8,
    /// Tasks that must notice a new phase, by [`Side`].
    wakers: Mutex<[Option<Waker>; 3]>,
}

/// How far a connection is on its way to its end; it only ever moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// Served without end.
    Open,
    /// Finishes the request it has and takes no other.
    Draining,
    /// Every read and write fails.
    Cut,
}

/// No limit of its own.
const NO_LIMIT: u32 = u32::MAX;

impl Phase {
    pub(super) const fn from_u8(phase: u8) -> Self {
        match phase {
            0 => Self::Open,
            1 => Self::Draining,
            _ => Self::Cut,
        }
    }
}

/// Who waits: reads and writes of an upgraded connection may be polled by different tasks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Driver,
    Read,
    Write,
}

impl ConnectionInfo {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self(Arc::new(State {
            peer,
            secured: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            times_blocked: AtomicU64::new(0),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            read_at_head: AtomicU64::new(0),
            answering: AtomicBool::new(false),
            heads: AtomicU32::new(0),
            owed_within_ms: AtomicU32::new(NO_LIMIT),
            readiness: Readiness::default(),
            phase: AtomicU8::new(Phase::Open as u8),
            wakers: Mutex::default(),
        }))
    }

    /// The other end's address, as the kernel tells it: behind a proxy the proxy's.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Whether TLS is spoken on the connection, up to this server. What a proxy spoke before it, it does not tell.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.0.secured.load(Relaxed)
    }

    /// TLS is spoken from here on.
    pub(super) fn secured(&self) {
        self.0.secured.store(true, Relaxed);
    }

    /// Whether a write is pending now because the client does not take what it was sent.
    ///
    /// It holds from the first write that finds no room until one succeeds again. `false` says that the kernel took the last
    /// write, not that the client has read it.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.0.blocked.load(Relaxed)
    }

    /// Bytes the kernel has taken for this connection so far, heads and framing included; never falls. Under TLS what was
    /// enciphered is counted before.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.0.written.load(Relaxed)
    }

    /// Bytes the client has sent on this connection so far, as far as they were read; never falls.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.0.read.load(Relaxed)
    }

    /// How often the client did not take at once what it was sent; never falls. A body that sees another number than
    /// before knows that the connection was blocked meanwhile, also if it no longer is.
    #[must_use]
    pub fn times_blocked(&self) -> u64 {
        self.0.times_blocked.load(Relaxed)
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        if blocked && !self.0.blocked.swap(true, Relaxed) {
            self.0.times_blocked.fetch_add(1, Relaxed);
        } else if !blocked {
            self.0.blocked.store(false, Relaxed);
        }
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn has_read(&self, bytes: usize) {
        self.0.read.fetch_add(bytes as u64, Relaxed);
    }

    /// A request was handed on.
    pub(super) fn begin_answer(&self) {
        self.0.answering.store(true, Relaxed);
    }

    /// Whether a request was handed on since hyper last began to wait for a head, which it does once the answer is out.
    pub(super) fn is_answering(&self) -> bool {
        self.0.answering.load(Relaxed)
    }

    /// The answer is out.
    pub(super) fn end_answer(&self) {
        self.0.answering.store(false, Relaxed);
    }

    /// The connection speaks another protocol from now on, in which who ends its direction is gone.
    pub(crate) fn upgraded(&self) {
        self.0.answering.store(false, Relaxed);
    }

    /// hyper waits for a head from here on.
    pub(super) fn expect_head(&self) {
        self.0.heads.fetch_add(1, Relaxed);
        self.0.answering.store(false, Relaxed);
        self.0.read_at_head.store(self.bytes_read(), Relaxed);
    }

    /// Whether hyper has answered a request and waits for the next head.
    pub(super) fn has_answered(&self) -> bool {
        self.0.heads.load(Relaxed) > 1 && !self.is_answering()
    }

    /// Nothing of this connection was handed to hyper yet.
    pub(super) fn begin_anew(&self) {
        self.0.heads.store(0, Relaxed);
    }

    /// The first head is owed within what is left of its time.
    pub(super) fn owe_head_within(&self, left: Duration) {
        self.0.owed_within_ms.store(u32::try_from(left.as_millis()).unwrap_or(NO_LIMIT), Relaxed);
    }

    /// What is left for the head that has begun, if it began before its first byte.
    pub(super) fn head_owed_within(&self) -> Option<Duration> {
        let left = self.0.owed_within_ms.swap(NO_LIMIT, Relaxed);
        (left != NO_LIMIT).then(|| Duration::from_millis(left.into()))
    }

    /// What a lot heard of the socket.
    pub(super) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// Whether the client has sent anything since hyper last began to wait for a head.
    pub(super) fn head_begun(&self) -> bool {
        self.bytes_read() > self.0.read_at_head.load(Relaxed)
    }

    pub(crate) fn draining(&self) -> bool {
        self.0.phase.load(SeqCst) >= Phase::Draining as u8
    }

    pub(super) fn cut(&self) -> bool {
        self.0.phase.load(SeqCst) >= Phase::Cut as u8
    }

    /// Moves to `phase`, unless it is there or past it, and wakes whoever waits.
    pub(super) fn advance(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, SeqCst);
        let wakers = std::mem::take(&mut *self.wakers());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Asks for a wake-up at the next change of phase. To be called before the phase is looked at, so that none is missed.
    pub(super) fn register(&self, side: Side, waker: &Waker) {
        let mut wakers = self.wakers();
        let is_known = |side: Side| wakers[side as usize].as_ref().is_some_and(|known| known.will_wake(waker));
        if !is_known(side) && !is_known(Side::Driver) {
            wakers[side as usize] = Some(waker.clone());
        }
    }

    /// Forgets a task that has ended: a waker keeps the memory of its task, and an upgraded connection may live for days.
    pub(super) fn forget(&self, waker: &Waker) {
        for known in self.wakers().iter_mut() {
            *known = known.take().filter(|known| !known.will_wake(waker));
        }
    }

    fn wakers(&self) -> MutexGuard<'_, [Option<Waker>; 3]> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn info() -> ConnectionInfo {
        ConnectionInfo::new(([127, 0, 0, 1], 1).into())
    }

    #[test]
    fn a_phase_never_goes_back_and_wakes_both_sides_of_an_upgraded_connection() {
        let info = info();
        let (reader, writer) = (Arc::new(Count::default()), Arc::new(Count::default()));
        info.register(Side::Read, &reader.clone().into());
        info.register(Side::Write, &writer.clone().into());
        info.advance(Phase::Cut);
        assert_eq!((reader.0.load(SeqCst), writer.0.load(SeqCst)), (1, 1));
        info.advance(Phase::Draining);
        assert!(info.cut() && info.draining());
    }

    #[test]
    fn a_driver_that_ended_is_not_kept_by_its_connection() {
        let info = info();
        let driver = Arc::new(Count::default());
        let waker: Waker = driver.clone().into();
        info.register(Side::Driver, &waker);
        info.register(Side::Read, &waker);
        info.forget(&waker);
        drop(waker);
        assert_eq!(Arc::strong_count(&driver), 1);
    }

    #[test]
    fn a_head_has_begun_once_a_byte_came_after_the_wait_for_it() {
        let info = info();
        info.has_read(10);
        info.expect_head();
        assert!(!info.head_begun());
        info.has_read(1);
        assert!(info.head_begun());
    }
}
