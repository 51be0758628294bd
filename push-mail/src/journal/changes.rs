//! What is told behind a token: one look along the log.

use redb::ReadTransaction;

use super::folders;
use super::items::{numbers, open};
use super::tables::{At, LOG};
use crate::store::{Change, ChangeKind, Flags, FolderId, Page, Paging, StoreError, StoreErrorKind, Token, Uid};

/// An entry of the log.
#[derive(Clone, Copy)]
struct Entry {
    modseq: u64,
    created: u64,
    is_gone: bool,
}

/// Where a page begins, and what the pages before it have told.
#[derive(Clone, Copy)]
struct Place {
    /// All up to it was told, or need not be.
    since: u64,
    /// Of the whole sequence of pages.
    paging: Paging,
}

impl Place {
    /// What an entry behind the place means for who was told all before it.
    ///
    /// A message is always told where it came, with its marks of that moment, if it is still there then. So one that
    /// came before this page is known to who asks, except that it may have gone in the meantime.
    fn kind(self, entry: Entry) -> Option<ChangeKind> {
        let Paging { base, target } = self.paging;
        let came_on_this_page = entry.created > self.since;
        // Told in this sequence, when this change had already happened.
        let was_told_with_it = entry.created > base && entry.modseq <= target;
        if entry.modseq == entry.created {
            return Some(ChangeKind::New);
        }
        if came_on_this_page || was_told_with_it {
            return None;
        }
        Some(if entry.is_gone { ChangeKind::Deleted } else { ChangeKind::Changed })
    }
}

/// Behind which change deletions matter to who is at `since`; none do to who has seen nothing.
fn seen_before(since: u64, paging: Paging) -> Option<u64> {
    match paging.base {
        0 if since == 0 => None,
        // It only knows what was there when the first page was made.
        0 => Some(paging.target),
        _ => Some(since),
    }
}

pub(super) fn changes(
    transaction: &ReadTransaction,
    at: At,
    since: Token,
    limit: usize,
) -> Result<Result<Page, StoreError>, redb::Error> {
    let Some((epoch, head, _, floor, _)) = numbers(transaction, at)? else {
        return Ok(Err(StoreError::no_such_folder(FolderId(at.1))));
    };
    let paging = since.paging.unwrap_or(Paging { base: since.modseq, target: head });
    let is_known = since == Token::START || since.epoch == epoch && since.modseq <= head;
    if !is_known || seen_before(since.modseq, paging).is_some_and(|seen| seen < floor) {
        let detail = "it is no longer known what has changed since then";
        return Ok(Err(StoreError::new(StoreErrorKind::TokenExpired, detail)));
    }
    let place = Place { since: since.modseq, paging };
    let between = Token { epoch, modseq: since.modseq, paging: Some(paging) };
    let mut page = Page { token: between, ..Page::default() };
    if let Some(log) = open(transaction, LOG)? {
        let class = folders::class(transaction, at)?;
        for row in log.range((at.0, at.1, since.modseq + 1)..=(at.0, at.1, u64::MAX))? {
            let (key, row) = row?;
            let (uid, created, flags, identity, received_ms, is_gone) = row.value();
            let modseq = key.value().2;
            let Some(kind) = place.kind(Entry { modseq, created, is_gone }) else { continue };
            if page.changes.len() == limit.max(1) {
                page.more = true;
                return Ok(Ok(page));
            }
            let identity = (identity != 0).then_some(identity);
            let (uid, flags) = (Uid(uid), Flags(flags));
            page.changes.push(Change { kind, uid, modseq, class, flags, identity, received_ms });
            page.token.modseq = modseq;
        }
    }
    page.token = Token { epoch, modseq: head, paging: None };
    Ok(Ok(page))
}
