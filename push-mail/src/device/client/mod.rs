//! A device: lists the folders of an account, syncs them, waits by ping, syncs what changed, and so on.
//!
//! ```text
//!   folders -> sync each until no more -> ping --- no changes ----.
//!      ^            ^                      ^                      |
//!      |            '------- changes ------+----------------------'
//!      '------- folders_stale -------------'
//! ```
//!
//! It speaks the JSON calls `{base}/mail/folders`, `/mail/sync` and `/mail/ping` over HTTP/1.1, `http` or `https`, and
//! keeps one connection, whose silence it watches itself: how long it may last is the [`Heartbeat`]'s to say.

mod error;
mod link;
mod outcome;
mod pause;
mod ping;
mod settings;
mod sync;
mod wire;

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;

pub use self::{
    error::{ClientError, ClientErrorKind},
    settings::{ClientSettings, Credentials, DeviceState},
    wire::{Folder, Item, ItemChange},
};
use self::{link::Link, pause::Pause, sync::MOST_FOLDERS};
use super::{
    heartbeat::{Event, Heartbeat},
    log::PingEntry,
};

/// What a [`DirectPushClient`] tells its caller.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeviceEvent<'a> {
    /// The folders were listed.
    Folders(&'a [Folder]),
    /// An item is new, changed or gone.
    Item {
        /// In this folder.
        folder: &'a Folder,
        /// This one.
        item: &'a Item,
    },
    /// The server no longer knows what the device holds of this folder: it is to be thrown away, everything follows anew.
    Restarted(&'a Folder),
    /// A ping ended.
    Ping(&'a PingEntry),
    /// What the device should store, if it stores anything. Comes after the items that it stands for, so that what is
    /// told after a crash may be told again, but never left out.
    State(&'a DeviceState),
    /// Something went wrong that waiting may mend.
    Trouble {
        /// What.
        what: &'a str,
        /// How long it waits before it goes on.
        wait: Duration,
    },
}

/// A device that waits for mail.
pub struct DirectPushClient {
    settings: ClientSettings,
    link: Link,
    heartbeat: Heartbeat,
    state: DeviceState,
    folders: Vec<Folder>,
    /// The folders are as the server last listed them.
    listed: bool,
    /// Ids of the folders to be synced before the next ping.
    due: BTreeSet<String>,
    /// Folders the server watches in one ping; the others are looked at between pings.
    most: usize,
    pause: Pause,
    /// The last ping announced changes, and whether any was found since.
    announced: Option<bool>,
    false_alarms: u32,
    alarm_pause: Pause,
    /// Bounds named in a row.
    bounds_told: u32,
}

impl fmt::Debug for DirectPushClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectPushClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a step of the loop leaves to be awaited.
type Step = Result<Option<Duration>, ClientError>;

impl DirectPushClient {
    /// A client that goes on from `state`, or begins with the default.
    ///
    /// # Errors
    /// [`ClientErrorKind::Settings`] if the URL, the credentials or the certificates cannot be used.
    pub fn new(settings: ClientSettings, state: DeviceState) -> Result<Self, ClientError> {
        Ok(Self {
            link: Link::new(&settings)?,
            heartbeat: Heartbeat::restore(settings.heartbeat.clone(), state.memory.clone()),
            settings,
            state,
            folders: Vec::new(),
            listed: false,
            due: BTreeSet::new(),
            most: MOST_FOLDERS,
            pause: Pause::default(),
            announced: None,
            false_alarms: 0,
            alarm_pause: Pause::default(),
            bounds_told: 0,
        })
    }

    /// What the device should store.
    #[must_use]
    pub fn state(&self) -> &DeviceState {
        &self.state
    }

    /// Tells that the device is in another network now, by any name that stays the same for it; the connection is given
    /// up. Drop [`DirectPushClient::run`] first, and call it again after.
    pub fn network_changed(&mut self, network: &str) {
        self.link.close();
        self.heartbeat.on(&Event::NetworkChanged(network.to_owned()));
        self.state.memory = self.heartbeat.memory();
    }

    /// Waits for mail and tells it, until something happens that no waiting will mend.
    ///
    /// Must be polled within a tokio runtime with time and I/O. Trouble that may pass is waited out, longer each time and
    /// at least as long as the server orders. A lost answer is asked for again with the same key, so that nothing is left
    /// out.
    ///
    /// # Cancel safety
    /// May be dropped at any time: what was told is kept, what was being asked is asked again by the next call.
    pub async fn run(&mut self, mut on: impl FnMut(DeviceEvent<'_>)) -> ClientError {
        loop {
            let step = match self.due.first().cloned() {
                _ if !self.listed => self.list(&mut on).await,
                Some(folder) => self.sync(&folder, &mut on).await,
                None => self.ping(&mut on).await,
            };
            match step {
                Ok(None) => {}
                Ok(Some(wait)) => sleep(wait).await,
                Err(error) => return error,
            }
        }
    }
}

fn json(request: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(request).expect("requests have text for keys")
}

#[expect(clippy::disallowed_methods, reason = "the client is the shell that knows what time it is, for people")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
