//! Messages, as far as they are wanted.

use std::collections::HashMap;

use super::command::{Command, set};
use super::session::Session;
use super::wire::{Event, Fetched};
use crate::message;
use crate::store::{Item, StoreError, StoreErrorKind, Uid, Wanted};

/// Of a message of which a summary is wanted, so many bytes are read.
const BEGINNING: u32 = 64 << 10;
/// Messages that are asked for at once.
const AT_ONCE: usize = 100;

impl Session {
    /// Messages of a mailbox in the order asked for; those that are gone are left out.
    pub(super) async fn fetch(
        &mut self,
        name: &str,
        uids: &[Uid],
        wanted: Wanted,
        max_message: u32,
    ) -> Result<Vec<Item>, StoreError> {
        let numbers: Vec<u32> = uids.iter().filter_map(|uid| u32::try_from(uid.0).ok()).collect();
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        self.need(name, false).await?;
        let mut found = HashMap::new();
        for some in numbers.chunks(AT_ONCE) {
            let items = match wanted {
                Wanted::Flags | Wanted::Whole => "UID FLAGS RFC822.SIZE".to_owned(),
                Wanted::Summary { .. } => format!("UID FLAGS RFC822.SIZE BODY.PEEK[]<0.{BEGINNING}>"),
            };
            for fetched in self.fetch_some(some, &items).await? {
                let has_all = matches!(wanted, Wanted::Flags | Wanted::Whole) || fetched.body.is_some();
                if let Some(uid) = fetched.uid.filter(|_| has_all && fetched.flags.is_some()) {
                    found.insert(uid, fetched);
                }
            }
        }
        let mut answer = Vec::with_capacity(found.len());
        for uid in numbers {
            let Some(mut fetched) = found.remove(&uid) else { continue };
            if wanted == Wanted::Whole {
                let Some(body) = self.whole(uid, &fetched, max_message).await? else { continue };
                fetched.body = Some(body);
            }
            answer.push(item(uid, fetched, wanted));
        }
        Ok(answer)
    }

    /// RFC 9051 §6.4.5. Messages that are gone are left out by the server.
    async fn fetch_some(&mut self, uids: &[u32], items: &str) -> Result<Vec<Fetched>, StoreError> {
        let mut found = Vec::new();
        let mut sink = |event| match event {
            Event::Fetch(fetched)
                if fetched.uid.is_some_and(|uid| uids.contains(&uid)) && found.len() < 2 * AT_ONCE =>
            {
                found.push(fetched);
                None
            }
            other => Some(other),
        };
        let command = Command::new(format!("UID FETCH {} ({items})", set(uids)));
        self.run(command, &mut sink).await?.ok("read messages")?;
        Ok(found)
    }

    async fn whole(&mut self, uid: u32, known: &Fetched, limit: u32) -> Result<Option<bytes::Bytes>, StoreError> {
        let size = known.size.unwrap_or(0);
        if size > limit {
            let detail = format!("the message {uid} has {size} bytes, and {limit} are allowed");
            return Err(StoreError::new(StoreErrorKind::Invalid, detail));
        }
        let found = self.fetch_some(&[uid], &format!("UID BODY.PEEK[]<0.{limit}>")).await?;
        Ok(found.into_iter().find_map(|fetched| fetched.body))
    }
}

fn item(uid: u32, fetched: Fetched, wanted: Wanted) -> Item {
    let body = fetched.body.unwrap_or_default();
    let summary = match wanted {
        Wanted::Summary { preview_bytes } => message::summary(&body, preview_bytes),
        Wanted::Flags | Wanted::Whole => Default::default(),
    };
    Item {
        received_ms: 0,
        uid: Uid(uid.into()),
        flags: fetched.flags.unwrap_or_default(),
        size: fetched.size.map(u64::from),
        summary,
        raw: (wanted == Wanted::Whole).then_some(body),
    }
}
