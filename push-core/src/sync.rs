//! The one door to locks and atomics, so that the interleavings of the hub can be searched by a
//! model checker: `RUSTFLAGS="--cfg push_shuttle"` swaps them for its own.
//!
//! A poisoned lock is taken all the same: what a lock guards here is valid between any two statements
//! that could panic, and one panicking task must not stop everybody else's channel.

#[cfg(push_shuttle)]
use shuttle::sync as imp;
#[cfg(not(push_shuttle))]
use std::sync as imp;

pub(crate) use imp::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use imp::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
use std::sync::PoisonError;

/// A mutex whose poison is ignored.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader-writer lock whose poison is ignored.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(imp::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
