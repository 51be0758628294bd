//! What Microsoft's published scenarios check, in our own words, and the traps of Direct Push.
//!
//! The scenarios are those of the interoperability test suites of Exchange ActiveSync (MS-ASCMD, MS-ASPROV, MS-ASHTTP,
//! MS-ASEMAIL, MS-ASAIRS); `s11_tc06` in a test's name is test case 6 of MS-ASCMD's scenario 11, `R5636` a requirement that
//! it checks. Each runs over a mailbox in memory served by lots and over a Maildir served by tasks. The phone itself
//! ([`crate::client`]) checks more, at each answer: that nothing is told twice or of what it does not hold, that keys are new
//! when anything is told and never come again, that a ping's changes are found by the sync behind it.
//!
//! | scenario | where | left out, and why |
//! | --- | --- | --- |
//! | S01 Autodiscover | `eas/http/` in the crate | |
//! | S02 FolderCreate 1, 3..6, 8 | [`folders`] | 7: there is no recipient information cache to make a folder in |
//! | S03 FolderDelete 1..5 | [`folders`] | |
//! | S04 FolderSync 1..10 | [`folders`] | |
//! | S05 FolderUpdate 1..7 | [`folders`] | 8: no recipient information cache |
//! | S06 GetAttachment | | a command of versions that are not spoken |
//! | S07 GetItemEstimate 1, 2, 4, 9..11 | [`moves`] | 3, 5..8, 12..16: other classes, SMS, and limits of one server |
//! | S08 ItemOperations 1..5, 7, 8, 10, 14, 17, 18 | [`item_operations`] | 6, 19: conversations are not moved; 9: no recipient information cache; 11..13, 15, 16, 20: document libraries |
//! | S09 MeetingResponse | | refused: there is nobody who would tell the organizer |
//! | S10 MoveItems 1..6 | [`moves`] | 7: as many as are asked for are moved |
//! | S11 Ping 1..8 | [`ping`], [`traps`] | |
//! | S12 Provision 1..3 | [`provision`] | |
//! | S13 ResolveRecipients, S14 Search, S23 Find, S20 ValidateCert | | see the commands' own tests, as far as a mailbox allows them |
//! | S15 SendMail 1, 2 | [`compose`] | |
//! | S16 Settings 4 and device information | [`provision`] | out of office: no mailbox here answers for its owner |
//! | S17 SmartForward 1, 2, 7 | [`compose`] | 3..6: calendars |
//! | S18 SmartReply 1, 2 | [`compose`] | 3: calendars |
//! | S19 Sync 1..6, 9..11, 14, 16, 17, 19..23, 25..38, 40, 41, 46..49, 52 | [`sync_keys`], [`sync_items`], [`sync_rules`], [`sync_waits`] | 7: as 32 and 33; 8, 12, 13, 15, 24, 39, 50, 51: other classes; 18: S/MIME as any message; 42: SMS; 43, 44: `eas/email/` in the crate; 45: conversations |
//! | S21 common statuses 3, 6, 8, 9, 13 | [`provision`], [`compose`] | 1: as S15 TC02; 2, 4, 5, 7, 10..12, 14: pictures, caches and directories that are not here, or `eas/http/` in the crate |
//! | S22 GetHierarchy | | a command of versions that are not spoken |
//! | MS-ASPROV S01, S03 | [`provision`] | S02, remote wipe: never asked for |
//! | MS-ASHTTP S01..S04 | [`provision`], [`ping`], `eas/http/` in the crate | |
//! | MS-ASEMAIL S03, flags | [`sync_items`] | flags with dates, and tasks: mailboxes know marks |
//! | MS-ASAIRS S02 bodies, S03 attachments | [`item_operations`], [`sync_items`] | body parts, locations |
//!
//! [`random`] has no scenario to it: others, and phones that lose answers, do whatever comes.

mod compose;
mod folders;
mod item_operations;
mod moves;
mod others;
mod people;
mod ping;
mod provision;
mod random;
mod sync_items;
mod sync_keys;
mod sync_rules;
mod sync_waits;
mod traps;

/// Runs scenarios over a mailbox of every kind, behind a server of every kind.
macro_rules! in_every_world {
    (by $make:ident: $($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            use crate::world::{Kind, World};

            #[tokio::test]
            async fn memory() {
                super::$scenario(World::$make(Kind::Memory).await).await;
            }

            #[tokio::test]
            async fn maildir() {
                super::$scenario(World::$make(Kind::Maildir).await).await;
            }
        }
    )*};
    ($($scenario:ident),* $(,)?) => {
        crate::scenarios::in_every_world!(by new: $($scenario),*);
    };
}
pub(crate) use in_every_world;
