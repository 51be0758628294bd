//! What can be set about mail.

use std::time::Duration;

/// Settings of [`Mail`](crate::Mail).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MailConfig {
    /// Shortest heartbeat that a device may ask for; 60 s by default, 1 s at least. Asked for less, it is told both
    /// bounds. Source: [MS-ASCMD] 2.2.3.79.1 (HeartbeatInterval, Ping).
    pub heartbeat_min: Duration,
    /// Longest one; 59 min by default, and at most.
    pub heartbeat_max: Duration,
    /// Folders of one ping; 200 by default. Source: [MS-ASCMD] 2.2.3.95 (MaxFolders).
    pub max_folders: usize,
    /// How long a ping that has something to tell waits for more of the same burst; 50 ms by default.
    pub linger: Duration,
    /// Readable text in a publication and in what is synced, in bytes; 2,048 by default. 0 for none.
    pub preview_bytes: usize,
    /// How long a mailbox that is not local is watched on after the last who waited is gone; 60 s by default.
    pub watch_linger: Duration,
    /// How long a ping waits for a mailbox to be watched before it is told `server_error`; 15 s by default.
    pub ready_timeout: Duration,
    /// Changes of one sync where the device names no window; 100 by default.
    pub window: usize,
    /// Most changes of one sync, whatever it names; 512 by default.
    pub max_window: usize,
    /// Devices of one account that are remembered; those not seen for longest are forgotten beyond it. 20,000 by
    /// default.
    pub max_devices: usize,
    /// Answers `changes` in a row without a sync between them after which a device is made to wait; 8 by default. Each
    /// further one waits twice as long, up to a minute, and after four times as many it is refused (`rate_limited`).
    pub fast_loop: u32,
    /// Of Exchange ActiveSync.
    pub eas: crate::eas::EasConfig,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            heartbeat_min: Duration::from_secs(60),
            heartbeat_max: Duration::from_secs(3540),
            max_folders: 200,
            linger: Duration::from_millis(50),
            preview_bytes: 2048,
            watch_linger: Duration::from_secs(60),
            ready_timeout: Duration::from_secs(15),
            window: 100,
            max_window: 512,
            max_devices: 20_000,
            fast_loop: 8,
            eas: crate::eas::EasConfig::default(),
        }
    }
}
