//! What all requests share.

use std::sync::Arc;

use headwater_engine::Engine;
use headwater_query::Sql;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// What all requests share. Clones are the same state.
#[derive(Debug, Clone)]
pub struct ApiState(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    sql: Arc<Sql>,
    metrics: Metrics,
    stopping: watch::Sender<bool>,
}

impl ApiState {
    /// The state of a server of this engine.
    pub fn new(engine: Engine, sql: Arc<Sql>) -> Self {
        let metrics = Metrics::new();
        Self(Arc::new(Inner { engine, sql, metrics, stopping: watch::Sender::new(false) }))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What answers queries.
    pub fn sql(&self) -> &Arc<Sql> {
        &self.0.sql
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Ends the answers that have no end of their own.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Comes when the server is asked to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.0.stopping.subscribe();
        async move {
            // The sender lives as long as the state; without it there is nothing to wait for.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }
}
