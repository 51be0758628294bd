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
    /// Bytes of an answer to a sync, beyond which the rest comes with the next one; 4 MiB by default. An item that is
    /// larger comes alone.
    pub max_answer: usize,
    /// Whether a device has to be provisioned, by an empty policy that it must accept, before it gets mail; `true` by
    /// default, as phones expect it.
    pub provision: bool,
}

impl Default for EasConfig {
    fn default() -> Self {
        Self { max_body: 32 << 20, max_window: 512, max_answer: 4 << 20, provision: true }
    }
}
