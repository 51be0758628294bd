//! What can be set about Exchange ActiveSync.

use std::time::Duration;

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
    pub max_sync_answer: usize,
    /// Bytes of items and attachments in one answer to ItemOperations; 64 MiB by default. What does not fit is answered
    /// with status 11. Source: [MS-ASCMD] 2.2.3.177.8.
    pub max_answer: usize,
    /// Whether a device has to be provisioned, by an empty policy that it must accept, before it gets mail; `true` by
    /// default, as phones expect it.
    pub provision: bool,
    /// Devices of one user at one account; 100 by default, as with Exchange. One more is answered status 177, unless one
    /// that was not heard for 30 days can be forgotten for it.
    pub max_devices_per_user: usize,
    /// Devices that get nothing (status 129), by their own names or their kinds (`iPhone`), in any case; none by default.
    pub blocked: Vec<String>,
    /// The only devices that get something, named alike; all that are not blocked by default, and if empty.
    pub allowed: Vec<String>,
    /// Wrong logins of one name from one address after which the next are answered 503 without a look, and ten times as
    /// many of all names from there; 10 by default, 0 for never. One that was right since the start is never refused.
    pub login_failures: u32,
    /// How long that lasts after the last wrong one; 10 min by default.
    pub login_forget: Duration,
    /// For how long what a mail server says of a login holds; 10 min by default. See [`MailBuilder::login_by_imap`].
    ///
    /// [`MailBuilder::login_by_imap`]: crate::MailBuilder::login_by_imap
    pub login_cache: Duration,
    /// Where phones reach this server, as Autodiscover tells them: `https://mail.example.org/Microsoft-Server-ActiveSync`.
    /// By default the host that they asked, with `https` unless that is a loopback address.
    pub external_url: Option<String>,
}

impl Default for EasConfig {
    fn default() -> Self {
        Self {
            max_body: 32 << 20,
            max_window: 512,
            max_sync_answer: 4 << 20,
            max_answer: 64 << 20,
            provision: true,
            max_devices_per_user: 100,
            blocked: Vec::new(),
            allowed: Vec::new(),
            login_failures: 10,
            login_forget: Duration::from_secs(600),
            login_cache: Duration::from_secs(600),
            external_url: None,
        }
    }
}

impl EasConfig {
    /// Whether a device of this name and kind gets something.
    pub(super) fn allows(&self, device: &str, device_type: &str) -> bool {
        let is_in = |list: &[String]| {
            list.iter().any(|entry| [device, device_type].iter().any(|name| entry.eq_ignore_ascii_case(name)))
        };
        !is_in(&self.blocked) && (self.allowed.is_empty() || is_in(&self.allowed))
    }
}
