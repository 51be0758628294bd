//! The conformance list: what every store of mail must do, over every store there is.
//!
//! To add a store: implement [`World`] for it, in a file of `worlds`, and name it in `stores!` below.

#![forbid(unsafe_code)]

mod cases;
mod items;
mod tester;
mod world;
mod worlds;

use world::{Abilities, World};

/// The list for one store.
macro_rules! list {
    ($store:ident, $world:ty, [$($file:ident: $($case:ident),+;)+]) => {
        mod $store {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::cases::$file::$case::<$world>().await;
                }
            )+)+
        }
    };
}

macro_rules! stores {
    ($($(#[$condition:meta])* $store:ident: $world:ty;)+) => {
        $(
            $(#[$condition])*
            list!($store, $world, [
                changes:
                    an_empty_folder_has_nothing_to_tell,
                    a_new_message_is_told_once,
                    messages_are_told_in_the_order_in_which_they_came,
                    a_mark_is_told_as_a_change,
                    many_marks_are_told_as_one_change,
                    a_message_that_was_marked_since_it_came_is_new_with_its_marks,
                    a_deleted_message_is_told,
                    a_message_that_was_marked_and_deleted_is_deleted,
                    what_came_and_went_is_not_told;
                dates:
                    a_message_is_told_with_the_time_at_which_it_came,
                    a_message_that_comes_now_is_dated_now,
                    a_moved_message_keeps_its_date;
                tokens:
                    the_same_token_tells_the_same_again,
                    pages_tell_everything_once,
                    pages_tell_what_happens_between_them,
                    a_token_of_another_epoch_has_expired,
                    what_was_recorded_is_told_without_a_look,
                    all_who_ask_at_once_are_told_the_same,
                    an_unknown_folder_is_refused_everywhere;
                fetch:
                    messages_are_fetched_in_the_order_asked_for_without_those_that_are_gone,
                    a_whole_message_is_what_was_delivered,
                    a_summary_shows_what_was_written,
                    a_message_is_found_after_it_was_marked;
                watch:
                    the_first_hint_is_ready,
                    whatever_happens_to_messages_is_hinted,
                    whatever_happens_to_folders_is_hinted,
                    mail_into_a_folder_that_was_just_made_is_hinted,
                    a_burst_of_mail_is_told_completely,
                    two_watch_and_one_goes;
                restarts:
                    what_happens_while_it_is_down_is_told_afterwards,
                    nothing_is_told_again_after_a_restart,
                    a_uid_is_never_given_again,
                    folders_that_change_while_it_is_down_keep_their_ids;
                commands:
                    an_appended_message_is_told_with_its_uid,
                    marks_are_added_and_removed,
                    a_moved_message_leaves_here_and_comes_there,
                    a_deleted_message_is_gone,
                    what_is_not_there_is_refused,
                    what_a_store_cannot_do_it_says;
                folders:
                    the_inbox_is_first_and_there,
                    a_folder_is_made_and_used,
                    a_renamed_folder_keeps_its_id_and_its_messages,
                    a_folder_that_others_rename_keeps_its_id,
                    folders_below_are_renamed_with_it,
                    a_removed_folder_is_gone_and_its_id_with_it,
                    paths_that_cannot_be_are_refused;
            ]);
        )+
    };
}

stores! {
    memory: crate::worlds::memory::MemoryWorld;
    #[cfg(unix)]
    maildir: crate::worlds::maildir::MaildirWorld<crate::worlds::maildir::Inbox>;
    #[cfg(unix)]
    maildir_subfolder: crate::worlds::maildir::MaildirWorld<crate::worlds::maildir::Subfolder>;
    #[cfg(unix)]
    maildir_polled: crate::worlds::maildir::MaildirWorld<crate::worlds::maildir::Polled>;
    #[cfg(unix)]
    joined: crate::worlds::joined::JoinedWorld;
    #[cfg(unix)]
    imap_notify: crate::worlds::imap::ImapWorld<crate::worlds::imap::Notify>;
    #[cfg(unix)]
    imap_idle: crate::worlds::imap::ImapWorld<crate::worlds::imap::Idle>;
    #[cfg(unix)]
    imap_polled: crate::worlds::imap::ImapWorld<crate::worlds::imap::Polled>;
    #[cfg(unix)]
    pop3: crate::worlds::pop3::Pop3World;
}
