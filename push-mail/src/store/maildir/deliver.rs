//! Delivery: messages as they are received.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;

use super::MaildirStore;
use crate::store::{Flags, Hierarchy, MailStore as _, StoreError, StoreErrorKind, Uid};

/// How much of a file is copied at once.
const COPIED_BYTES: usize = 64 * 1024;

/// A message on its way into a mailbox: lines that the receiver puts before it, and what was received. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Letter {
    head: Bytes,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Memory(Bytes),
    File(Arc<File>),
}

impl Letter {
    /// A message in memory.
    pub fn new(raw: Bytes) -> Self {
        Self { head: Bytes::new(), body: Body::Memory(raw) }
    }

    /// A message in a file, from its beginning.
    pub fn in_file(file: File) -> Self {
        Self { head: Bytes::new(), body: Body::File(Arc::new(file)) }
    }

    /// With these lines before it, each ended as the message's are.
    #[must_use]
    pub fn with_head(mut self, head: Bytes) -> Self {
        self.head = head;
        self
    }

    /// Its bytes in all.
    ///
    /// # Errors
    ///
    /// Where its file cannot be asked.
    pub fn size(&self) -> io::Result<u64> {
        let body = match &self.body {
            Body::Memory(raw) => raw.len() as u64,
            Body::File(file) => file.metadata()?.len(),
        };
        Ok(self.head.len() as u64 + body)
    }

    /// Writes it; blocks.
    ///
    /// # Errors
    ///
    /// Those of `out` and of its file.
    pub fn write_to(&self, out: &mut impl io::Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        let file = match &self.body {
            Body::Memory(raw) => return out.write_all(raw),
            Body::File(file) => file,
        };
        let mut buffer = vec![0; COPIED_BYTES];
        let mut at = 0;
        loop {
            // Several recipients are delivered to from one file.
            match file.read_at(&mut buffer, at) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    out.write_all(&buffer[..read])?;
                    at += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl MaildirStore {
    /// Delivers a message into the inbox: it is on the disk, and recorded, when this returns. `None` if somebody took it
    /// away at once.
    ///
    /// Cancel safety: dropped, it is delivered or not.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] where the Maildir cannot be written.
    pub async fn deliver(&self, letter: Letter) -> Result<Option<Uid>, StoreError> {
        let Hierarchy { folders, .. } = self.hierarchy().await?;
        let inbox = folders.first().ok_or_else(|| StoreError::new(StoreErrorKind::Unavailable, "there is no inbox"))?;
        self.0.put(inbox.id, Flags::default(), move |file| letter.write_to(file)).await
    }
}
