//! Marks of messages, as a device sees and sets them.

use crate::store::Flags;
use crate::wbxml::Element;
use crate::wbxml::tags::{email, email2};

/// The marks whose change a device can see.
pub(crate) const SHOWN: Flags = Flags::SEEN.with(Flags::ANSWERED).with(Flags::FLAGGED).with(Flags::FORWARDED);

/// What a device does to the marks of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) add: Flags,
    pub(crate) remove: Flags,
}

impl Marks {
    /// Whether it is nothing.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn set(&mut self, mark: Flags, is_set: bool) {
        if is_set {
            self.add = self.add.with(mark);
        } else {
            self.remove = self.remove.with(mark);
        }
    }
}

/// What the `ApplicationData` of a device's change does to a message; `None` if it is none of what a message has.
pub(crate) fn marks(data: &Element) -> Option<Marks> {
    let mut marks = Marks::default();
    if let Some(read) = data.child_text(email::READ) {
        match read.trim() {
            // An element without text says what it is called.
            "1" | "" => marks.set(Flags::SEEN, true),
            "0" => marks.set(Flags::SEEN, false),
            _ => return None,
        }
    }
    if let Some(flag) = data.child(email::FLAG) {
        marks.set(Flags::FLAGGED, is_flagged(flag)?);
    }
    // [MS-ASEMAIL] 2.2.2.43, LastVerbExecuted: 1 and 2 for answers, 3 for forwarding.
    match data.child_text(email2::LAST_VERB_EXECUTED).as_deref().map(str::trim) {
        Some("1" | "2") => marks.set(Flags::ANSWERED, true),
        Some("3") => marks.set(Flags::FORWARDED, true),
        _ => {}
    }
    Some(marks)
}

/// [MS-ASEMAIL] 2.2.2.76.2, Status of a Flag: 0 cleared, 1 complete, 2 active; an empty Flag is none.
fn is_flagged(flag: &Element) -> Option<bool> {
    if flag.is_empty() {
        return Some(false);
    }
    match flag.child_text(email::STATUS)?.trim() {
        "2" => Some(true),
        "0" | "1" => Some(false),
        _ => None,
    }
}

/// What a device is told of the marks of a message that it has.
pub(crate) fn changed_data(flags: Flags) -> Vec<Element> {
    let mut data = vec![read(flags), flag(flags)];
    data.extend(last_verb(flags));
    data
}

pub(super) fn read(flags: Flags) -> Element {
    Element::text(email::READ, u8::from(flags.contains(Flags::SEEN)))
}

pub(super) fn flag(flags: Flags) -> Element {
    let flag = Element::new(email::FLAG);
    if flags.contains(Flags::FLAGGED) {
        flag.with_text(email::STATUS, 2).with_text(email::FLAG_TYPE, "Flag for follow up")
    } else {
        flag
    }
}

pub(super) fn last_verb(flags: Flags) -> Option<Element> {
    let verb = match (flags.contains(Flags::ANSWERED), flags.contains(Flags::FORWARDED)) {
        (true, _) => 1,
        (false, true) => 3,
        (false, false) => return None,
    };
    Some(Element::text(email2::LAST_VERB_EXECUTED, verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::tags::air_sync;

    fn data(children: Vec<Element>) -> Element {
        Element::new(air_sync::APPLICATION_DATA).with_all(children)
    }

    fn with_status(status: &str) -> Element {
        Element::new(email::FLAG).with_text(email::STATUS, status)
    }

    #[test]
    fn what_a_device_marks_is_added_or_taken_away_and_the_rest_stays() {
        let none = Flags::default();
        for (children, add, remove) in [
            (vec![], none, none),
            (vec![Element::text(email::READ, 1)], Flags::SEEN, none),
            (vec![Element::text(email::READ, 0)], none, Flags::SEEN),
            (vec![with_status("2")], Flags::FLAGGED, none),
            (vec![with_status("1")], none, Flags::FLAGGED),
            (vec![with_status("0")], none, Flags::FLAGGED),
            (vec![Element::new(email::FLAG)], none, Flags::FLAGGED),
            (vec![Element::text(email::READ, 0), with_status("2")], Flags::FLAGGED, Flags::SEEN),
            (vec![Element::text(email2::LAST_VERB_EXECUTED, 3)], Flags::FORWARDED, none),
            (vec![Element::text(email::SUBJECT, "x")], none, none),
        ] {
            assert_eq!(marks(&data(children.clone())), Some(Marks { add, remove }), "{children:?}");
        }
        for wrong in [
            Element::text(email::READ, 2),
            with_status("3"),
            Element::new(email::FLAG).with_text(email::FLAG_TYPE, "x"),
        ] {
            assert_eq!(marks(&data(vec![wrong.clone()])), None, "{wrong:?}");
        }
    }

    #[test]
    fn marks_that_are_told_are_read_back() {
        for bits in 0..64 {
            let flags = Flags(bits);
            let told = marks(&data(changed_data(flags))).expect("marks");
            assert!(flags.contains(told.add), "{flags:?}");
            assert!(!told.remove.contains(Flags::SEEN) || !flags.contains(Flags::SEEN));
            assert_eq!(told.add.contains(Flags::SEEN), flags.contains(Flags::SEEN));
            assert_eq!(told.add.contains(Flags::FLAGGED), flags.contains(Flags::FLAGGED));
        }
    }
}
