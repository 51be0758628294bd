//! What must not be shown.

use std::fmt;

/// Longer ones do not fit into heads beside everything else.
pub(crate) const MAX_SECRET_BYTES: usize = 4096;

/// A password or a token. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// What was read, if it may be one.
    pub(crate) fn read(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_SECRET_BYTES || text.contains(char::is_control) {
            return Err(format!("it is 1..={MAX_SECRET_BYTES} bytes without control characters"));
        }
        Ok(Self(text))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
