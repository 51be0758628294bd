//! Where a message is kept while it is received: in memory, and what goes beyond in a file without a name.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;

use super::{Letter, LmtpConfig};

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Spool {
    config: Arc<LmtpConfig>,
    memory: Vec<u8>,
    file: Option<File>,
    /// Once it could not be written, nothing of it is kept.
    failure: Option<io::Error>,
}

impl Spool {
    pub(super) fn new(config: Arc<LmtpConfig>) -> Self {
        Self { config, memory: Vec::new(), file: None, failure: None }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(Arc::clone(&self.config));
    }

    pub(super) async fn keep(&mut self, part: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        self.memory.extend_from_slice(part);
        if self.memory.len() > self.config.memory_bytes
            && let Err(error) = self.write_out().await
        {
            self.memory = Vec::new();
            self.file = None;
            self.failure = Some(error);
        }
    }

    async fn write_out(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.memory);
        let file = self.file.take();
        let dir = self.config.spool.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.map_or_else(|| tempfile::tempfile_in(dir), Ok)?;
            file.write_all(&part)?;
            io::Result::Ok(file)
        });
        self.file = Some(written.await.map_err(io::Error::other)??);
        Ok(())
    }

    /// The message. Nothing is kept any more.
    ///
    /// # Errors
    ///
    /// Where it could not be kept.
    pub(super) async fn letter(&mut self) -> io::Result<Letter> {
        let mut spool = std::mem::replace(self, Self::new(Arc::clone(&self.config)));
        if let Some(failure) = spool.failure {
            return Err(failure);
        }
        if spool.file.is_some() {
            spool.write_out().await?;
        }
        Ok(match spool.file {
            Some(file) => Letter::in_file(file),
            None => Letter::new(Bytes::from(spool.memory)),
        })
    }
}
