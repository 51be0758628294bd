//! A case on each way of serving, as tests of their own.

/// `every:` each case by tasks, by lots on two workers, and by one lot on a single thread; `both:` for those that take long,
/// without the last.
macro_rules! on_paths {
    (every: $($case:ident),+ $(,)?) => { $(
        mod $case {
            on_paths!(@tasks_and_lots $case);

            #[tokio::test]
            async fn by_one_lot_on_one_thread() {
                super::$case(Path::OneLot).await;
            }
        }
    )+ };
    (both: $($case:ident),+ $(,)?) => { $(
        mod $case {
            on_paths!(@tasks_and_lots $case);
        }
    )+ };
    (@tasks_and_lots $case:ident) => {
        use crate::serving::Path;

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn by_tasks() {
            super::$case(Path::Tasks).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn by_lots() {
            super::$case(Path::Lots).await;
        }
    };
}
