//! A look at a folder: what is there now that the journal does not know.
//!
//! ```text
//!  QRESYNC   EXAMINE (QRESYNC (validity modseq)) ─▶ VANISHED, FETCH
//!  CONDSTORE UID FETCH 1:* (FLAGS) (CHANGEDSINCE modseq); UID SEARCH where messages are missing
//!  neither   UID FETCH 1:* (FLAGS), compared with all that is known
//! ```

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use super::command::Command;
use super::mark::Mark;
use super::session::{Opened, Session};
use super::wire::{Event, Fetched};
use crate::journal::{Known, Look, SeenItem};
use crate::store::{StoreError, StoreErrorKind, Uid};

/// Messages that went are looked up one by one up to here; beyond, all that are known are compared.
const FEW: u64 = 1000;

impl Session {
    /// Looks at the mailbox; `None` if it is as it was. `known` is asked for what is known, where that matters.
    pub(super) async fn look(
        &mut self,
        name: &str,
        mark: Option<Mark>,
        max_messages: usize,
        known: &(dyn Fn() -> Result<Vec<Known>, StoreError> + Sync),
    ) -> Result<Option<Look>, StoreError> {
        let is_open = self.open.as_ref().is_some_and(|open| open.name == name);
        if let Some(mark) = mark.filter(|mark| !is_open && mark.modseq != 0) {
            let (counts, _) = self.status(name).await?;
            if mark.is_still(&counts) {
                self.ledger.looked(name, counts);
                return Ok(None);
            }
        }
        let since = mark.filter(|mark| mark.modseq != 0 && mark.validity != 0);
        let qresync = since.filter(|_| self.can.has("QRESYNC")).map(|mark| (mark.validity, mark.modseq));
        let opened = self.select(name, false, qresync).await?;
        let messages = opened.counts.messages.unwrap_or(0);
        if messages as usize > max_messages {
            let detail = format!("the folder has {messages} messages, and {max_messages} are allowed");
            return Err(StoreError::new(StoreErrorKind::Invalid, detail));
        }
        let now = Mark {
            validity: opened.counts.validity.unwrap_or(0),
            next: opened.counts.next.unwrap_or(0),
            messages,
            modseq: opened.counts.modseq.unwrap_or(0),
        };
        let same = mark.filter(|mark| mark.validity == now.validity);
        let since = since.filter(|_| same.is_some() && now.modseq != 0);
        let mut look = match (since, qresync) {
            (Some(mark), Some(_)) => self.dated(resynced(opened, known)?, mark.next).await?,
            (Some(mark), None) => self.changed_since(mark.modseq, messages, max_messages, known).await?,
            (None, _) => self.all(messages, max_messages, known, same.is_some()).await?,
        };
        look.reset = mark.is_some() && same.is_none();
        look.mark = Some(now.to_bytes());
        self.ledger.looked(name, now.counts());
        Ok(Some(look))
    }

    async fn flags(&mut self, modifier: &str, max_messages: usize) -> Result<Vec<SeenItem>, StoreError> {
        let mut seen = Vec::new();
        let mut unread = false;
        let mut sink = |event| match event {
            Event::Fetch(fetched) => {
                seen.extend(item(&fetched).filter(|_| seen.len() <= max_messages));
                None
            }
            Event::Odd(words) if words.contains(" FETCH ") => {
                unread = true;
                None
            }
            other => Some(other),
        };
        let command = Command::new(format!("UID FETCH 1:* (UID FLAGS INTERNALDATE){modifier}"));
        self.run(command, &mut sink).await?.ok("list messages")?;
        let wrong = |detail: &str| Err(StoreError::new(StoreErrorKind::Unavailable, detail));
        if unread {
            return wrong("the server lists messages in a way that is not understood");
        }
        if seen.len() > max_messages { wrong("the server lists more messages than it counts") } else { Ok(seen) }
    }

    /// With the moment at which each message from `next` on came: the server told of new ones without it.
    async fn dated(&mut self, mut look: Look, next: u32) -> Result<Look, StoreError> {
        let is_new = |item: &&mut SeenItem| item.uid.is_some_and(|uid| uid.0 >= next.into());
        let mut new: HashMap<Uid, &mut SeenItem> =
            look.seen.iter_mut().filter(is_new).filter_map(|item| Some((item.uid?, item))).collect();
        let numbers: Vec<u32> = new.keys().filter_map(|uid| u32::try_from(uid.0).ok()).collect();
        let (Some(first), Some(last)) = (numbers.iter().min(), numbers.iter().max()) else { return Ok(look) };
        let mut sink = |event| match event {
            Event::Fetch(Fetched { uid: Some(uid), received_ms, .. }) if received_ms.is_some() => {
                if let Some(item) = new.get_mut(&Uid(uid.into())) {
                    item.received_ms = received_ms;
                }
                None
            }
            other => Some(other),
        };
        let command = Command::new(format!("UID FETCH {first}:{last} (UID INTERNALDATE)"));
        self.run(command, &mut sink).await?.ok("list messages")?;
        Ok(look)
    }

    /// RFC 7162 §3.1.4.1, where the server cannot tell what went.
    async fn changed_since(
        &mut self,
        modseq: u64,
        messages: u32,
        max_messages: usize,
        known: &(dyn Fn() -> Result<Vec<Known>, StoreError> + Sync),
    ) -> Result<Look, StoreError> {
        let known = known()?;
        let seen = match messages {
            0 => Vec::new(),
            _ => self.flags(&format!(" (CHANGEDSINCE {modseq})"), max_messages).await?,
        };
        // All that is there is known or was just told: if they are as many as there are, none is missing.
        let mut all: HashSet<Uid> = known.iter().map(|known| known.uid).collect();
        all.extend(seen.iter().filter_map(|item| item.uid));
        if all.len() == messages as usize {
            return Ok(Look { seen, ..Look::default() });
        }
        let mut present = HashSet::new();
        let mut sink = |event| match event {
            Event::Search(uids) => {
                present.extend(uids.into_iter().map(|uid| Uid(uid.into())));
                None
            }
            other => Some(other),
        };
        self.run(Command::new("UID SEARCH ALL"), &mut sink).await?.ok("list messages")?;
        let is_listed = |item: &SeenItem| item.uid.is_some_and(|uid| present.contains(&uid));
        let gone = known.iter().map(|known| known.uid).filter(|uid| !present.contains(uid)).collect();
        Ok(Look { seen: seen.into_iter().filter(is_listed).collect(), gone, ..Look::default() })
    }

    async fn all(
        &mut self,
        messages: u32,
        max_messages: usize,
        known: &(dyn Fn() -> Result<Vec<Known>, StoreError> + Sync),
        is_same: bool,
    ) -> Result<Look, StoreError> {
        let seen = match messages {
            0 => Vec::new(),
            _ => self.flags("", max_messages).await?,
        };
        let known = if is_same { known()? } else { Vec::new() };
        let present: HashSet<_> = seen.iter().filter_map(|item| item.uid).collect();
        let gone = known.iter().map(|known| known.uid).filter(|uid| !present.contains(uid)).collect();
        Ok(Look { seen, gone, ..Look::default() })
    }
}

/// RFC 7162 §3.2.5.1: what the server told when the mailbox was opened is all there is to know.
fn resynced(opened: Opened, known: &(dyn Fn() -> Result<Vec<Known>, StoreError> + Sync)) -> Result<Look, StoreError> {
    let length = |range: &RangeInclusive<u32>| u64::from(range.end() - range.start()) + 1;
    // A server that has forgotten tells far more than what was there.
    let gone = match opened.vanished.iter().map(length).sum::<u64>() {
        0..=FEW => opened.vanished.into_iter().flatten().map(|uid| Uid(uid.into())).collect(),
        _ => {
            let went = |uid: &Uid| {
                opened
                    .vanished
                    .iter()
                    .any(|range| (u64::from(*range.start())..=u64::from(*range.end())).contains(&uid.0))
            };
            known()?.into_iter().map(|known| known.uid).filter(went).collect()
        }
    };
    Ok(Look { seen: opened.changed.iter().filter_map(item).collect(), gone, ..Look::default() })
}

fn item(fetched: &Fetched) -> Option<SeenItem> {
    let uid = fetched.uid.filter(|&uid| uid != 0)?;
    let (key, flags, received_ms) = (uid.to_string(), fetched.flags?, fetched.received_ms);
    Some(SeenItem { uid: Some(Uid(uid.into())), key, flags, identity: None, received_ms })
}
