//! What Microsoft's published scenarios check, in our own words, and the traps of Direct Push.
mod folders;
mod item_operations;
mod moves;
mod ping;
mod provision;
mod sync_items;
mod sync_keys;
mod sync_rules;
mod sync_waits;
mod traps;

/// Runs scenarios over a mailbox of every kind, behind a server of every kind.
macro_rules! in_every_world {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            #[tokio::test]
            async fn memory() {
                super::$scenario(crate::world::World::new(crate::world::Kind::Memory).await).await;
            }

            #[tokio::test]
            async fn maildir() {
                super::$scenario(crate::world::World::new(crate::world::Kind::Maildir).await).await;
            }
        }
    )*};
}
pub(crate) use in_every_world;
