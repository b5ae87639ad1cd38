//! What all requests share.

use std::sync::Arc;

use headwater_engine::Engine;
use headwater_objects::Properties;
use headwater_query::Sql;
use headwater_snapshot::Maker;
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
    snapshots: Option<Snapshots>,
    stopping: watch::Sender<bool>,
}

/// What snapshots are made with.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// The maker, of the engine's own stores.
    pub maker: Maker,
    /// How object storage is reached.
    pub properties: Properties,
}

impl ApiState {
    /// The state of a server of this engine, which makes no snapshots.
    pub fn new(engine: Engine, sql: Arc<Sql>) -> Self {
        Self::of(engine, sql, None)
    }

    /// The state of a server that makes snapshots, too.
    pub fn with_snapshots(engine: Engine, sql: Arc<Sql>, snapshots: Snapshots) -> Self {
        Self::of(engine, sql, Some(snapshots))
    }

    fn of(engine: Engine, sql: Arc<Sql>, snapshots: Option<Snapshots>) -> Self {
        let metrics = Metrics::new();
        let stopping = watch::Sender::new(false);
        Self(Arc::new(Inner { engine, sql, metrics, snapshots, stopping }))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What answers queries.
    pub fn sql(&self) -> &Arc<Sql> {
        &self.0.sql
    }

    pub(crate) fn snapshots(&self) -> Option<&Snapshots> {
        self.0.snapshots.as_ref()
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
