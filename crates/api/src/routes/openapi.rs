//! `GET /openapi.json`: the description of every route, made from the routes themselves.

use axum::{Json, response::IntoResponse};
use utoipa::openapi::{Info, OpenApi};

/// What stands above the routes.
pub(super) fn about() -> OpenApi {
    let mut info = Info::new("Headwater", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Events in, SQL and events out. Every error is an `application/problem+json` (RFC 9457) \
         whose `type` is `urn:headwater:problem:<reason>`."
            .to_owned(),
    );
    OpenApi::new(info, utoipa::openapi::Paths::new())
}

/// The description of every route.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "about",
    responses((status = 200, description = "An OpenAPI document", content_type = "application/json", body = serde_json::Value))
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    Json(super::all().into_openapi())
}
