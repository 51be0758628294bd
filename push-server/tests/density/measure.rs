//! A server whose memory is looked at.

use std::ops::RangeInclusive;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::process::Launch;
use testkit::{PushServer, Request, api};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

/// Held by the test that runs.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Nothing that is measured is to be ended, or written to, while it waits.
const PATIENT: &str = "demo = false\nheader_timeout_s = 3600\nkeep_alive_s = 3600\nheartbeat_s = 3600\n";

/// A mailbox in which nothing lies.
const MAILBOX: &str = "[[mail.account]]\nname = \"alice\"\nkind = \"memory\"\n";

/// Looks without a change after which memory has settled, most looks, and the time between two.
const SAME: usize = 5;
const LOOKS: usize = 100;
const LOOK_EACH: Duration = Duration::from_millis(50);

/// A server, and the right to fill it.
pub(crate) struct Measured {
    pub(crate) server: PushServer,
    _alone: MutexGuard<'static, ()>,
}

impl Measured {
    pub(crate) async fn start(lots: usize) -> Self {
        Self::start_with(lots, "").await
    }

    /// With more behind the last table.
    pub(crate) async fn start_with(lots: usize, more: &str) -> Self {
        let alone = ALONE.lock().await;
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
            .expect("up to the hard limit it may be raised");
        let config = format!("{PATIENT}lots = {lots}\n{MAILBOX}{more}");
        let server = Launch::new(env!("CARGO_BIN_EXE_push-server")).config(&config).start().await;
        Self { server, _alone: alone }
    }

    /// Waits until a line of `/metrics` has one of these values.
    pub(crate) async fn becomes(&self, name: &str, values: RangeInclusive<usize>) {
        api::eventually(&format!("{name} within {values:?}"), || async {
            let page = Request::get("/metrics").send(self.server.addr()).await.text();
            let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.is_some_and(|value| values.contains(&value))
        })
        .await;
    }

    /// Resident memory in bytes once it stays the same.
    ///
    /// From `smaps_rollup`, which counts pages: `status` sums up counters of each processor, which may be off by hundreds
    /// of kilobytes.
    pub(crate) async fn settled(&self) -> u64 {
        let look = || {
            let path = format!("/proc/{}/smaps_rollup", self.server.pid());
            let text = std::fs::read_to_string(path).expect("it runs");
            let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).expect("a process has memory");
            let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
            kib * 1024
        };
        let (mut last, mut same) = (look(), 0);
        for _ in 0..LOOKS {
            sleep(LOOK_EACH).await;
            let now = look();
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same == SAME {
                break;
            }
        }
        last
    }
}

/// As many connections as were wanted, as far as a process may have so many descriptors.
pub(crate) fn as_far_as_allowed(wanted: usize) -> usize {
    /// For all that is no connection.
    const BESIDE: u64 = 1000;
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let room = usize::try_from(limit.saturating_sub(BESIDE)).unwrap_or(usize::MAX);
    if room < wanted {
        println!("the limit of open files allows {room} connections only");
    }
    wanted.min(room)
}
