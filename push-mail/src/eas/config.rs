//! What can be set about Exchange ActiveSync.

/// Settings of the EAS endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EasConfig {
    /// Bytes of a request's body, and of a message that is sent; 32 MiB by default.
    pub max_body: usize,
    /// Most changes of one folder in one answer, whatever a device names; 512 by default. Source: [MS-ASCMD] 2.2.3.199
    /// (WindowSize).
    pub max_window: usize,
    /// Whether a device has to be provisioned, by an empty policy that it must accept, before it gets mail; `true` by
    /// default, as phones expect it.
    pub provision: bool,
    /// Bytes of items and attachments in one answer to ItemOperations; 64 MiB by default. What does not fit is answered
    /// with status 11. Source: [MS-ASCMD] 2.2.3.177.8.
    pub max_answer: usize,
}

impl Default for EasConfig {
    fn default() -> Self {
        Self { max_body: 32 << 20, max_window: 512, provision: true, max_answer: 64 << 20 }
    }
}
