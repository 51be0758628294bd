//! Answers that come later: the same under every server, and parked where there are lots.

#[path = "../serving/paths.rs"]
#[macro_use]
mod paths;
#[path = "../serving/mod.rs"]
mod serving;

mod bells;

/// Each case under `axum::serve`, by tasks, by lots on two workers, and by one lot on a single thread.
macro_rules! under_every_server {
    ($($case:ident),+ $(,)?) => { $(
        mod $case {
            use crate::bells::Under;
            use crate::serving::Path;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn by_axum() {
                super::$case(Under::Axum).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn by_tasks() {
                super::$case(Under::Ours(Path::Tasks)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn by_lots() {
                super::$case(Under::Ours(Path::Lots)).await;
            }

            #[tokio::test]
            async fn by_one_lot_on_one_thread() {
                super::$case(Under::Ours(Path::OneLot)).await;
            }
        }
    )+ };
}

mod answers;
mod endings;
mod middleware;
