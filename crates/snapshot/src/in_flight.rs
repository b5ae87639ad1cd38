//! Files a few at a time: after an error no more are begun, and those under way are waited for, so that
//! none appears where the caller has cleaned up.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt as _, stream};

use crate::{error::Result, limits::FILES_IN_FLIGHT_MAX};

/// Does `work` on each item, a few at a time; answers the first error.
pub(crate) async fn each<T, F, Fut>(items: Vec<T>, work: F) -> Result<()>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let failed = AtomicBool::new(false);
    let (work, failed) = (&work, &failed);
    stream::iter(items)
        .map(|item| async move {
            if failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let done = work(item).await;
            if done.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
            done
        })
        .buffer_unordered(FILES_IN_FLIGHT_MAX)
        .fold(Ok(()), |first: Result<()>, next| async { first.and(next) })
        .await
}
