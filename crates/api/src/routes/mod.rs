//! The routes, one file each; every one is described where it is handled.

mod builds_get;
mod event_get;
mod events_get;
mod events_post;
mod health;
mod log_trim_post;
mod metrics;
mod openapi;
mod outcome;
mod plan_post;
mod publications_get;
mod receipt;
mod scan;
mod shown;
mod snapshots;
mod sources_get;
mod sql;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::ApiState;

/// Every route with its description. A route that is not added here is not served.
pub(crate) fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::about())
        .routes(routes!(events_post::post_events, events_get::get_events))
        .routes(routes!(event_get::get_event))
        .routes(routes!(sql::post_sql))
        .routes(routes!(snapshots::post_snapshots, snapshots::get_snapshots))
        .routes(routes!(log_trim_post::post_log_trim))
        .routes(routes!(builds_get::get_builds))
        .routes(routes!(publications_get::get_publications))
        .routes(routes!(sources_get::get_sources))
        .routes(routes!(plan_post::post_plan))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi::openapi))
}
