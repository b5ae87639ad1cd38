//! Serving: from a listener until a shutdown, which ends within seconds.

use std::{future::IntoFuture as _, io};

use tokio::net::TcpListener;

use crate::{ApiState, limits::SHUTDOWN_WAIT, router};

/// Serves until `shutdown` comes, then lets answers under way end for a few seconds.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stopped = state.stopped();
    let stopping = state.clone();
    let signal = async move {
        shutdown.await;
        stopping.stop();
    };
    let server = axum::serve(listener, router(state)).with_graceful_shutdown(signal).into_future();
    let too_long = async {
        stopped.await;
        tokio::time::sleep(SHUTDOWN_WAIT).await;
    };
    tokio::select! {
        ended = server => ended,
        () = too_long => {
            tracing::warn!("answers that were under way at the shutdown were cut off");
            Ok(())
        }
    }
}
