//! The list for stores of calendars, address books, tasks and notes. To add one: implement [`ItemWorld`], and name it at
//! the end.

mod cases;
mod worlds;

use push_mail::store::MailStore;

/// Collections with a store over them, and with other programs that change files behind the store's back.
pub(crate) trait ItemWorld: Sized {
    /// Whether items outlive a restart of the store.
    const SURVIVES: bool;

    /// A calendar without items, called [`CALENDAR`], and its store.
    async fn new() -> Self;

    /// The store.
    ///
    /// # Panics
    /// While it is down.
    fn store(&self) -> &dyn MailStore;

    /// Ends the store. Other programs go on.
    async fn down(&mut self);

    /// Opens the store over the state that it left.
    async fn up(&mut self);

    /// An item is there from now on, or says this from now on; items are named by their UID.
    async fn put(&self, uid: &str, raw: &str);

    /// An item is removed.
    async fn remove(&self, uid: &str);
}

/// The calendar that there is.
pub(crate) const CALENDAR: &str = "calendar";

/// An appointment of an hour.
pub(crate) fn event(uid: &str, summary: &str, begin: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{begin}\r\n\
         DURATION:PT1H\r\nSUMMARY:{summary}\r\nX-KEEP;X-A=b:c\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

macro_rules! lists {
    ($($(#[$condition:meta])* $store:ident: $world:ty;)+) => {
        $($(#[$condition])* lists!(@one $store, $world, [
            an_item_is_told_with_its_class_and_end,
            another_content_is_told_as_a_change,
            an_item_that_went_is_told,
            what_happens_while_it_is_down_is_told_afterwards,
            whatever_happens_to_items_is_hinted,
            items_are_put_changed_and_deleted_by_command,
            what_is_no_item_of_the_folder_is_refused,
            folders_of_a_class_are_made_used_renamed_and_removed,
        ]);)+
    };
    (@one $store:ident, $world:ty, [$($case:ident),+ $(,)?]) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::cases::$case::<$world>().await;
                }
            )+
        }
    };
}

lists! {
    memory: super::worlds::MemoryItems;
    #[cfg(unix)]
    vdir: super::worlds::VdirItems<true>;
    #[cfg(unix)]
    vdir_polled: super::worlds::VdirItems<false>;
    #[cfg(unix)]
    joined: super::worlds::JoinedItems;
}
