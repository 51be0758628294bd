//! While somebody watches, the mailbox is looked at now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{FolderId, Hint, HintSender, Pop3Store, Shared};
use crate::store::StoreError;
use crate::store::pace::Pace;
use crate::store::retry::Retry;

/// So often messages are listed although there are as many, and of the same size together, as before.
const LISTED: u32 = 8;

/// All who watch.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    /// Those who were told that they watch.
    ready: Vec<HintSender>,
    new: Vec<HintSender>,
    is_polled: bool,
    has_changed: bool,
}

impl Watchers {
    /// Something was recorded, or is to be.
    pub(super) fn changed(&mut self, folder: FolderId) {
        self.has_changed = true;
        self.ready.retain(|sender| sender.send(Hint::Folder(folder)));
    }

    fn drop_those_gone(&mut self) {
        self.ready.retain(HintSender::is_watched);
        self.new.retain(HintSender::is_watched);
    }
}

impl Pop3Store {
    pub(super) fn add_watcher(&self, sender: HintSender) {
        let mut watchers = self.0.watchers();
        watchers.new.push(sender);
        self.0.news.notify_one();
        if !std::mem::replace(&mut watchers.is_polled, true) {
            tokio::spawn(poll(Arc::clone(&self.0)));
        }
    }
}

/// Looks at the mailbox for as long as somebody watches.
async fn poll(shared: Arc<Shared>) {
    let mut pace = Pace::new(shared.config.poll, Instant::now().into_std());
    let mut retry = Retry::new(shared.config.retry);
    let mut looks = 0;
    loop {
        {
            let mut watchers = shared.watchers();
            watchers.drop_those_gone();
            if watchers.new.is_empty() && watchers.ready.is_empty() {
                watchers.is_polled = false;
                return;
            }
            watchers.has_changed = false;
        }
        let looked = look(&shared, looks).await;
        let is_welcome = looked.is_ok();
        let pause = match looked {
            Ok(()) => {
                retry.reset();
                let now = Instant::now().into_std();
                if shared.watchers().has_changed {
                    pace.arrived(now);
                }
                pace.interval(now)
            }
            Err(error) => {
                tracing::info!(account = %shared.journal.account(), %error, "the POP3 server cannot be asked");
                retry.failed(error.kind())
            }
        };
        looks = (looks + 1) % LISTED;
        wait(&shared, pause, is_welcome).await;
    }
}

/// Waits, but not when nobody watches any more; nor, if `is_welcome`, when somebody new does.
async fn wait(shared: &Shared, pause: Duration, is_welcome: bool) {
    let end = Instant::now() + pause;
    loop {
        let first = {
            let mut watchers = shared.watchers();
            watchers.drop_those_gone();
            if is_welcome && !watchers.new.is_empty() {
                return;
            }
            match watchers.ready.first().or(watchers.new.first()) {
                Some(first) => first.clone(),
                None => return,
            }
        };
        tokio::select! {
            () = sleep_until(end) => return,
            () = first.closed() => {}
            () = shared.news.notified() => {}
        }
    }
}

async fn look(shared: &Shared, looks: u32) -> Result<(), StoreError> {
    let inbox = shared.inbox().await?;
    // Who watches from here on is hinted at whatever is recorded behind this look.
    let new: Vec<_> = std::mem::take(&mut shared.watchers().new);
    let looked = shared.look(inbox, looks != 0).await;
    let mut watchers = shared.watchers();
    match looked {
        Ok(()) => {
            for sender in new {
                sender.send(Hint::Ready);
                watchers.ready.push(sender);
            }
            Ok(())
        }
        Err(error) => {
            watchers.new.extend(new);
            Err(error)
        }
    }
}
