//! One ping: what is asked, and what follows from how it ended.

use std::time::Duration;

use super::{
    DeviceEvent, DirectPushClient, Step, json,
    outcome::{Then, of_ping},
    wall_clock,
    wire::{PingFolder, PingRequest},
};
use crate::device::{
    heartbeat::{Next, Why},
    log::{End, PingEntry},
};

/// Announced changes in a row of which nothing was found until it waits before it asks again.
const FALSE_ALARMS: u32 = 2;
/// Bounds in a row that a server may name until it waits; two are enough for one that means them.
const BOUNDS: u32 = 4;

impl DirectPushClient {
    pub(super) async fn ping(&mut self, on: &mut impl FnMut(DeviceEvent<'_>)) -> Step {
        if let Some(wait) = self.after_false_alarms(on) {
            return Ok(Some(wait));
        }
        let Next { interval, socket_timeout, .. } = self.heartbeat.next();
        let body = self.ping_body(interval);
        let answer = self.link.post("/mail/ping", body, socket_timeout).await;
        // From here on nothing is awaited, so that what was learnt is learnt wholly or not at all.
        let after = answer.as_ref().map_or_else(|lost| lost.after, |answer| answer.after);
        let outcome = of_ping(answer, interval, after);
        let next = match &outcome.event {
            Some(event) => self.heartbeat.on(event),
            None => Next { why: Why::Same, ..self.heartbeat.next() },
        };
        self.state.memory = self.heartbeat.memory();
        let end = self.named(outcome.end);
        let entry = PingEntry::new(wall_clock(), self.state.memory.network(), interval, after, end, next);
        on(DeviceEvent::Ping(&entry));
        on(DeviceEvent::State(&self.state));
        self.due.extend(self.folders.iter().skip(self.most).map(|folder| folder.id.clone()));
        self.bounds_told =
            if matches!(entry.end, End::OutOfRange { .. }) { self.bounds_told.saturating_add(1) } else { 0 };
        match outcome.then {
            Then::Ping if self.bounds_told > BOUNDS => return Ok(Some(self.pause.next(None))),
            Then::Ping => self.pause.end(),
            Then::Sync(ids) => self.changed(ids),
            Then::List => {
                self.listed = false;
                // The first listing after trouble comes at once, the next ones do not.
                return Ok(Some(self.pause.next(None)));
            }
            Then::Fewer(most) if most > 0 && most < self.most => self.most = most,
            Then::Fewer(_) => return Ok(Some(self.trouble("the server watches no folders", None, on))),
            Then::Wait(ordered) => return Ok(Some(self.pause.next(ordered))),
            Then::End(error) => return Err(error),
        }
        Ok(None)
    }

    fn ping_body(&self, interval: Duration) -> Vec<u8> {
        let seconds = interval.as_secs().into();
        // Rules keep to whole seconds wherever seconds are small against the interval.
        let fraction = || serde_json::Number::from_f64(interval.as_secs_f64());
        let heartbeat_s = if interval.subsec_nanos() == 0 { seconds } else { fraction().unwrap_or(seconds) };
        let folders = self.folders.iter().take(self.most).map(|folder| PingFolder {
            id: &folder.id,
            class: &folder.class,
            sync_key: self.state.keys.get(&folder.id).map_or("0", String::as_str),
        });
        json(&PingRequest {
            account: self.settings.account.as_deref(),
            device: &self.settings.device,
            heartbeat_s,
            folders: folders.collect(),
        })
    }

    fn changed(&mut self, ids: Vec<String>) {
        self.pause.end();
        self.announced = Some(false);
        for id in ids {
            if self.folders.iter().any(|folder| folder.id == id) {
                self.due.insert(id);
            } else {
                self.listed = false;
            }
        }
    }

    /// Changes announced again and again of which nothing is found would drain the battery: the next ping waits.
    fn after_false_alarms(&mut self, on: &mut impl FnMut(DeviceEvent<'_>)) -> Option<Duration> {
        if self.announced.take()? {
            self.false_alarms = 0;
            self.alarm_pause.end();
            return None;
        }
        self.false_alarms = self.false_alarms.saturating_add(1);
        if self.false_alarms < FALSE_ALARMS {
            return None;
        }
        let wait = self.alarm_pause.next(None);
        on(DeviceEvent::Trouble { what: "changes were announced and none was found", wait });
        Some(wait)
    }

    /// The folders of an end by their paths, for people.
    fn named(&self, end: End) -> End {
        let End::Changed { folders } = end else { return end };
        let name = |id: String| {
            let known = self.folders.iter().find(|folder| folder.id == id && !folder.path.is_empty());
            known.map_or(id, |folder| folder.path.clone())
        };
        End::Changed { folders: folders.into_iter().map(name).collect() }
    }
}
