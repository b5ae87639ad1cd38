//! `GET /livez` and `GET /readyz`: whether to restart the process, and whether to send it requests.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use headwater_engine::PartitionStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ApiState,
    problem::{Kind, Problem},
};

/// A server that does what it should.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// 200 as long as the process answers at all.
#[utoipa::path(get, path = "/livez", tag = "about", responses((status = 200, body = Health)))]
pub(crate) async fn livez() -> Json<Health> {
    Json(Health { status: "live" })
}

/// 200 when every partition works and has folded what was on the log at the start.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "about",
    responses(
        (status = 200, body = Health),
        (status = 503, description = "What is missing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Response {
    let engine = state.engine();
    if engine.is_ready() {
        return Json(Health { status: "ready" }).into_response();
    }
    let missing: Vec<String> = engine.status().iter().map(tell).collect();
    Problem::new(Kind::Unavailable, missing.join("; ")).into_response()
}

fn tell(status: &PartitionStatus) -> String {
    match (&status.failed, status.position) {
        (Some(why), _) => format!("partition {} has stopped: {why}", status.id),
        (None, Some(at)) => format!("partition {} has folded up to offset {at}", status.id),
        (None, None) => format!("partition {} has folded nothing", status.id),
    }
}
