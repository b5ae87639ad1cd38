//! `GET /metrics`, for Prometheus.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use headwater_engine::PartitionStatus;
use headwater_event::{Offset, PartitionId};

use crate::{
    ApiState,
    metrics::{PartitionSample, Sample},
    problem::{Kind, Problem},
};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics of the log, the folds and the requests, as OpenMetrics text.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "about",
    responses((status = 200, content_type = "application/openmetrics-text", body = String))
)]
pub(crate) async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let engine = state.engine();
    let status = engine.status();
    let clock = status
        .iter()
        .find(|partition| partition.id == PartitionId::Control)
        .and_then(|control| control.head.clock);
    let partitions = futures::future::join_all(status.iter().map(|p| sample(&state, p))).await;
    let sample = Sample {
        ready: engine.is_ready(),
        clock: clock.map(|clock| clock.time),
        partitions,
        builds: engine.builds(),
        sources: engine.sources(),
        publications: engine.publications(),
        // What can't be read is left out of one scrape.
        effects: engine.effect_totals().unwrap_or_default(),
    };
    let text = state
        .metrics()
        .encode(&sample)
        .map_err(|_| Problem::new(Kind::Failed, "the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

async fn sample(state: &ApiState, status: &PartitionStatus) -> PartitionSample {
    PartitionSample {
        partition: status.id.to_string(),
        next: status.position.map_or(Offset(0), Offset::next),
        end: state.engine().log().end(status.id).await.ok(),
        counts: status.head.counts,
        failed: status.failed.is_some(),
    }
}
