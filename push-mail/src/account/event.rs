//! Changes as publications (wire.md §9).

use push_core::{Draft, EventName, Key};
use serde::Serialize;

use crate::described::Described;
use crate::store::{Change, ChangeKind, FolderId, Item, Uid};

/// Where a message was, or is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) folder: FolderId,
    pub(super) uid: Uid,
}

/// A change with what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) folder: FolderId,
    pub(super) change: Change,
    /// For a message that was moved: of the one that is gone where it is, of the one that came where it was.
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) item: Option<Item>,
}

#[derive(Serialize)]
struct Data<'a> {
    folder: String,
    #[serde(flatten)]
    described: Described<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<Place>,
}

#[derive(Serialize)]
struct Place {
    folder: String,
    uid: Uid,
}

impl Told {
    fn event(&self) -> &'static str {
        match self.change.kind {
            _ if self.elsewhere.is_some() => "mail.moved",
            ChangeKind::New => "mail.new",
            ChangeKind::Changed => "mail.changed",
            ChangeKind::Deleted => "mail.deleted",
        }
    }

    /// Whether it is gone, and may turn out to be somewhere else.
    pub(super) fn may_be_elsewhere(&self) -> bool {
        self.change.kind == ChangeKind::Deleted && self.change.identity.is_some() && self.elsewhere.is_none()
    }

    /// The publication. Its key is the message's uid: whoever reads slowly with `latest` gets the newest of each.
    pub(super) fn draft(&self) -> Draft {
        let change = &self.change;
        let item = self.item.as_ref();
        let is_gone = change.kind == ChangeKind::Deleted;
        let place = |there: Elsewhere| Place { folder: there.folder.to_string(), uid: there.uid };
        let data = Data {
            folder: self.folder.to_string(),
            described: Described::new(change, item.map(|item| &item.summary), item.and_then(|item| item.size)),
            moved_from: self.elsewhere.filter(|_| !is_gone).map(place),
            moved_to: self.elsewhere.filter(|_| is_gone).map(place),
        };
        draft(self.event(), &data).key(Key::parse(&change.uid.to_string()).expect("digits are a key"))
    }
}

/// What happened to the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TreeData {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

impl TreeData {
    pub(super) fn draft(&self) -> Draft {
        let event = match (&self.from, &self.to) {
            (None, _) => "mail.folder.added",
            (Some(_), None) => "mail.folder.removed",
            (Some(_), Some(_)) => "mail.folder.renamed",
        };
        draft(event, self)
    }
}

#[derive(Serialize)]
struct ResetData {
    folder: String,
}

/// What a folder tells when uids mean other messages than before: whoever keeps a copy begins again.
pub(super) fn reset(folder: FolderId) -> Draft {
    draft("mail.reset", &ResetData { folder: folder.to_string() })
}

fn draft(event: &str, data: &impl Serialize) -> Draft {
    let json = serde_json::to_vec(data).expect("plain data is JSON");
    Draft::json(json).event(EventName::parse(event).expect("it is an event's name"))
}

/// Finds messages that are gone in one folder and new in another.
pub(super) fn pair_moves(told: &mut [Told]) {
    let mut gone = std::collections::HashMap::new();
    for (place, one) in told.iter().enumerate() {
        if let (ChangeKind::Deleted, Some(identity)) = (one.change.kind, one.change.identity) {
            gone.insert(identity, place);
        }
    }
    for here in 0..told.len() {
        let change = told[here].change;
        let Some(identity) = change.identity.filter(|_| change.kind == ChangeKind::New) else { continue };
        let Some(there) = gone.get(&identity).copied().filter(|there| told[*there].folder != told[here].folder) else {
            continue;
        };
        gone.remove(&identity);
        let place = |one: &Told| Some(Elsewhere { folder: one.folder, uid: one.change.uid });
        (told[here].elsewhere, told[there].elsewhere) = (place(&told[there]), place(&told[here]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Class, Flags, Summary};

    fn told(folder: u32, kind: ChangeKind, uid: u64, identity: Option<u64>) -> Told {
        let change = Change {
            kind,
            uid: Uid(uid),
            modseq: uid + 10,
            class: Class::Email,
            flags: Flags::SEEN,
            identity,
            received_ms: 0,
        };
        Told { folder: FolderId(folder), change, elsewhere: None, item: None }
    }

    fn json(one: &Told) -> String {
        String::from_utf8_lossy(one.draft().payload()).into_owned()
    }

    #[test]
    fn a_message_gone_here_and_new_there_was_moved() {
        let mut all = [
            told(1, ChangeKind::Deleted, 5, Some(77)),
            told(2, ChangeKind::New, 9, Some(77)),
            told(2, ChangeKind::New, 10, Some(78)),
            told(1, ChangeKind::Deleted, 6, None),
        ];
        pair_moves(&mut all);
        assert_eq!(all.each_ref().map(Told::event), ["mail.moved", "mail.moved", "mail.new", "mail.deleted"]);
        let expected = r#"{"folder":"1","uid":5,"modseq":15,"class":"Email","moved_to":{"folder":"2","uid":9}}"#;
        assert_eq!(json(&all[0]), expected);
        assert!(json(&all[1]).ends_with(r#""flags":["seen"],"moved_from":{"folder":"1","uid":5}}"#));
    }

    #[test]
    fn what_is_known_of_a_message_stands_beside_its_change() {
        let mut one = told(1, ChangeKind::New, 5, None);
        let summary = Summary { from: Some("Bob <b@x>".into()), subject: Some("hi".into()), ..Summary::default() };
        one.item = Some(Item { uid: Uid(5), flags: Flags::SEEN, size: Some(99), received_ms: 0, summary, raw: None });
        let expected = concat!(
            r#"{"folder":"1","uid":5,"modseq":15,"class":"Email","flags":["seen"],"#,
            r#""from":"Bob <b@x>","subject":"hi","size":99}"#
        );
        assert_eq!(json(&one), expected);
    }
}
