//! The names that devices get for what is in a mailbox: opaque to them, at most 64 bytes each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::store::{FolderId, Uid};

/// A message, wherever it is asked for: `folder:uid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ItemId {
    pub(crate) folder: FolderId,
    pub(crate) uid: Uid,
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.folder, self.uid)
    }
}

/// A text that was never given to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeverGiven;

/// Digits as they are written, and no others.
fn number<T: FromStr + fmt::Display>(digits: &str) -> Result<T, NeverGiven> {
    digits.parse().ok().filter(|number: &T| number.to_string() == digits).ok_or(NeverGiven)
}

impl FromStr for ItemId {
    type Err = NeverGiven;

    fn from_str(text: &str) -> Result<Self, NeverGiven> {
        let (folder, uid) = text.split_once(':').ok_or(NeverGiven)?;
        Ok(Self { folder: FolderId(number(folder)?), uid: Uid(number(uid)?) })
    }
}

/// A part of a message, an attachment for instance: `folder:uid:part`, the part numbered as the message is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileReference {
    pub(crate) item: ItemId,
    pub(crate) part: u32,
}

impl fmt::Display for FileReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.item, self.part)
    }
}

impl FromStr for FileReference {
    type Err = NeverGiven;

    fn from_str(text: &str) -> Result<Self, NeverGiven> {
        let (item, part) = text.rsplit_once(':').ok_or(NeverGiven)?;
        Ok(Self { item: item.parse()?, part: number(part)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_nothing_else_is_one() {
        let item = ItemId { folder: FolderId(7), uid: Uid(1 << 53) };
        assert_eq!(item.to_string().parse(), Ok(item));
        let file = FileReference { item, part: 3 };
        assert_eq!(file.to_string(), "7:9007199254740992:3");
        assert_eq!(file.to_string().parse(), Ok(file));
        for wrong in ["", ":", "7", "7:", ":7", "07:1", "7:+1", "7:1:2", "a:b", " 7:1"] {
            assert_eq!(wrong.parse::<ItemId>(), Err(NeverGiven), "{wrong:?}");
        }
        for wrong in ["", "7:1", "7:1:", "7:1:-1", "7:1:01"] {
            assert_eq!(wrong.parse::<FileReference>(), Err(NeverGiven), "{wrong:?}");
        }
    }
}
