//! What Microsoft's published scenarios check, in our own words, and the traps of Direct Push.
mod compose;
mod folders;
mod item_operations;
mod moves;
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
