//! How a device wants a folder: remembered, since it says so only when that changes.

use serde::{Deserialize, Serialize};

use crate::eas::email::View;
use crate::store::Class;
use crate::wbxml::Element;
use crate::wbxml::tags::air_sync;

/// Changes of one answer where the device names no number ([MS-ASCMD] 2.2.3.199, WindowSize).
const WINDOW: usize = 100;

/// What a device has said of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// How far back ([MS-ASCMD] 2.2.3.68.2, FilterType); 0 for all.
    pub(crate) filter: u8,
    /// Most changes of one answer.
    pub(crate) window: usize,
    /// Whether what the server has wins over what the device changed meanwhile ([MS-ASCMD] 2.2.3.34, Conflict).
    pub(crate) server_wins: bool,
    /// What of messages.
    pub(crate) view: View,
    /// Page and token of each property that the device keeps, where it has said so ([MS-ASCMD] 2.2.3.180, Supported).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supported: Option<Vec<(u8, u8)>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: 0, window: WINDOW, server_wins: true, view: View::default(), supported: None }
    }
}

/// A number of days that cannot be asked for in that class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrong;

/// Days of each filter, 0 for all ([MS-ASCMD] 2.2.3.68.2): one, three, seven, fourteen days, one, three, six months.
const DAYS: [u32; 8] = [0, 1, 3, 7, 14, 31, 92, 184];

impl Options {
    /// These options where the device says nothing, else what it says.
    ///
    /// # Errors
    ///
    /// [`Wrong`] for what [MS-ASCMD] has no meaning for.
    pub(crate) fn with(&self, asked: &Element, class: Class) -> Result<Self, Wrong> {
        let view = View::parse(Some(asked)).map_err(|_| Wrong)?;
        let mut options = Self { view, ..self.clone() };
        options.filter = match asked.child_text(air_sync::FILTER_TYPE) {
            None => 0,
            Some(text) => {
                let filter = text.trim().parse().map_err(|_| Wrong)?;
                let is_right = match class {
                    Class::Email => matches!(filter, 0..=5),
                    Class::Calendar => matches!(filter, 0 | 4..=7),
                    Class::Tasks => matches!(filter, 0 | 8),
                    Class::Contacts | Class::Notes => true,
                };
                if is_right { filter } else { return Err(Wrong) }
            }
        };
        if let Some(conflict) = asked.child_text(air_sync::CONFLICT) {
            options.server_wins = match conflict.trim() {
                "0" => false,
                "1" => true,
                _ => return Err(Wrong),
            };
        }
        Ok(options)
    }

    /// The first day that passes the filter, as seen from `today`; days are counted from 1970.
    pub(crate) fn first_day(&self, today: u32) -> u32 {
        match DAYS.get(usize::from(self.filter)) {
            Some(0) | None => 0,
            Some(days) => today.saturating_sub(*days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_of_its_class_and_what_is_not_said_is_everything() {
        let asked = |filter: &str| Element::new(air_sync::OPTIONS).with_text(air_sync::FILTER_TYPE, filter);
        let email = Options::default().with(&asked("2"), Class::Email).expect("right");
        assert_eq!((email.filter, email.first_day(20_000)), (2, 19_997));
        for (wrong, class) in [("6", Class::Email), ("1", Class::Calendar), ("x", Class::Email), ("9", Class::Tasks)] {
            assert_eq!(Options::default().with(&asked(wrong), class), Err(Wrong), "{wrong}");
        }
        let all = email.with(&Element::new(air_sync::OPTIONS), Class::Email).expect("right");
        assert_eq!(all.first_day(20_000), 0);
    }
}
