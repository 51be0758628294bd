//! The thread that writes: everything that waits goes into one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use redb::{Database, WriteTransaction};
use tokio::sync::oneshot;

use super::error::StateError;
use super::{Durability, LAZY, Shared};
use crate::state::Durability::{Disk, Later};

/// Writes of one transaction: more would keep those who wait for the first.
const AT_ONCE: usize = 512;

/// How long is waited before failed storage is opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// Something to be written, and who waits for it.
pub(super) struct Job(Box<dyn Work>);

/// A write in two steps: into the transaction, and the answer once that is over.
trait Work: Send {
    fn run(&mut self, transaction: &WriteTransaction) -> Result<Durability, redb::Error>;
    fn answer(self: Box<Self>, outcome: Result<(), StateError>);
}

struct Write<F, T> {
    write: Option<F>,
    written: Option<T>,
    answer: oneshot::Sender<Result<T, StateError>>,
}

impl<F, T> Work for Write<F, T>
where
    F: FnOnce(&WriteTransaction) -> Result<(T, Durability), redb::Error> + Send,
    T: Send,
{
    fn run(&mut self, transaction: &WriteTransaction) -> Result<Durability, redb::Error> {
        let Some(write) = self.write.take() else { return Ok(Later) };
        let (written, durability) = write(transaction)?;
        self.written = Some(written);
        Ok(durability)
    }

    fn answer(self: Box<Self>, outcome: Result<(), StateError>) {
        let Self { written, answer, .. } = *self;
        // Who no longer waits has what was written all the same.
        let _ = answer.send(outcome.and_then(|()| written.ok_or_else(StateError::failed)));
    }
}

impl Job {
    pub(super) fn new<F, T>(write: F, answer: oneshot::Sender<Result<T, StateError>>) -> Self
    where
        F: FnOnce(&WriteTransaction) -> Result<(T, Durability), redb::Error> + Send + 'static,
        T: Send + 'static,
    {
        Self(Box::new(Write { write: Some(write), written: None, answer }))
    }
}

/// Hands over to the thread, which ends once all of these are gone.
#[derive(Clone, Debug)]
pub(super) struct Writer(Sender<Job>);

impl Writer {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, StateError> {
        let (sender, jobs) = channel();
        let thread = std::thread::Builder::new().name("push-mail-state".to_owned());
        thread.spawn(move || run(&shared, &jobs)).map_err(StateError::thread)?;
        Ok(Self(sender))
    }

    pub(super) fn send(&self, job: Job) -> Result<(), StateError> {
        self.0.send(job).map_err(|_| StateError::ended())
    }
}

/// What the thread remembers between transactions.
struct Turn<'a> {
    shared: &'a Shared,
    /// Since when something is written that is not durable.
    lazy_since: Option<Instant>,
    /// When the storage failed.
    failed_at: Option<Instant>,
}

#[expect(clippy::disallowed_methods, reason = "the shell of the database: how long a commit may be put off")]
fn now() -> Instant {
    Instant::now()
}

fn run(shared: &Shared, jobs: &Receiver<Job>) {
    let mut turn = Turn { shared, lazy_since: None, failed_at: None };
    loop {
        let first = match turn.rest() {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(rest) => jobs.recv_timeout(rest),
        };
        match first {
            Ok(first) => turn.batch(std::iter::once(first).chain(jobs.try_iter()).take(AT_ONCE).collect()),
            Err(RecvTimeoutError::Timeout) => turn.batch(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => {
                if turn.lazy_since.is_some() {
                    turn.batch(Vec::new());
                }
                return;
            }
        }
    }
}

impl Turn<'_> {
    /// How long there is nothing to be done if nobody writes. Storage that has failed is opened again without being
    /// asked: who reads first, and that are all, would find it failed for ever.
    fn rest(&self) -> Option<Duration> {
        let (since, rest) = match (self.failed_at, self.lazy_since) {
            (Some(since), _) => (since, REOPEN),
            (None, since) => (since?, LAZY),
        };
        Some(rest.saturating_sub(now().saturating_duration_since(since)))
    }

    /// Writes them all in one transaction. None at all makes durable what was written before.
    fn batch(&mut self, mut jobs: Vec<Job>) {
        let had_failed = self.failed_at.is_some();
        let outcome = self.reopen_if_failed().and_then(|()| self.transact(&mut jobs));
        match &outcome {
            Err(error) if !had_failed => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(cause, "{error}");
            }
            Ok(()) if had_failed => tracing::info!("the state's storage works again"),
            _ => {}
        }
        jobs.into_iter().for_each(|job| job.0.answer(outcome.clone()));
    }

    fn transact(&mut self, jobs: &mut [Job]) -> Result<(), StateError> {
        let shared = self.shared;
        let database = shared.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(StateError::failed)?;
        let is_due = self.lazy_since.is_some_and(|since| now().saturating_duration_since(since) >= LAZY);
        let durability = if jobs.is_empty() || is_due { Disk } else { Later };
        // After a panic redb undoes the transaction and goes on: what one job does must not be the end of all others.
        match catch_unwind(AssertUnwindSafe(|| write(database, jobs, durability))) {
            Ok(Ok(Disk)) => self.lazy_since = None,
            Ok(Ok(Later)) => self.lazy_since = self.lazy_since.or_else(|| Some(now())),
            Err(_) => return Err(StateError::panicked()),
            Ok(Err(error)) => {
                // After a failed write redb refuses everything until it is opened again.
                self.failed_at = Some(now());
                self.lazy_since = None;
                return Err(StateError::writing(error));
            }
        }
        Ok(())
    }

    fn reopen_if_failed(&mut self) -> Result<(), StateError> {
        let Some(failed_at) = self.failed_at else { return Ok(()) };
        if now().saturating_duration_since(failed_at) < REOPEN {
            return Err(StateError::failed());
        }
        let mut database = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = None;
        self.failed_at = Some(now());
        *database = Some((self.shared.opener)()?);
        self.shared.opened.fetch_add(1, Ordering::AcqRel);
        self.failed_at = None;
        Ok(())
    }
}

fn write(database: &Database, jobs: &mut [Job], mut durability: Durability) -> Result<Durability, redb::Error> {
    let mut transaction = database.begin_write()?;
    for job in jobs {
        if job.0.run(&transaction)? == Disk {
            durability = Disk;
        }
    }
    transaction.set_durability(match durability {
        Disk => redb::Durability::Immediate,
        Later => redb::Durability::None,
    })?;
    transaction.commit()?;
    Ok(durability)
}
