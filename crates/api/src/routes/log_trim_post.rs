//! `POST /log/trim`: a snapshot becomes the log's origin, and the records before it are taken away.

use axum::{
    Json,
    extract::{Request, State},
};
use headwater_engine::{ErrorKind, LogTrim};
use headwater_snapshot::SnapshotId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::snapshots::{open, snapshots};
use crate::{
    ApiState, accept,
    limits::SNAPSHOT_BODY_BYTES_MAX,
    params::whole_body,
    problem::{Kind, Problem},
};

/// Which snapshot becomes the origin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrimRequest {
    /// Where it is: a whole path on the server's machine, `file:///PATH` or `s3://BUCKET/PREFIX`.
    #[schema(example = "s3://backups/headwater")]
    place: String,
    /// Its id.
    snapshot: String,
}

/// Makes a snapshot the log's origin, and takes the records before it away, for ever.
///
/// First all of the snapshot is read and checked, as a restore does. Answers where each partition of the
/// log began, and where it begins now: at most at the snapshot's position, less where the log keeps its
/// records in larger pieces. Rows as of earlier moments stay; what only the records tell is gone.
#[utoipa::path(
    post,
    path = "/log/trim",
    tag = "log",
    request_body(content((TrimRequest = "application/json"))),
    responses(
        (status = 200, description = "`{\"snapshot\", \"began\": {…}, \"begins\": {…}}`, offsets by partition", body = serde_json::Value),
        (status = 400, description = "`bad_body` or `bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`snapshot_refused`: it is damaged or not there; `trim_refused`: it is not of this log, older than the origin, or a view is being built", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`failed`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_log_trim(
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<LogTrim>, Problem> {
    let snapshots = snapshots(&state)?;
    if accept::content_type(request.headers()).as_deref() != Some("application/json") {
        // A page in a browser may send other types to any server without asking it first.
        let detail = "a trim is asked for with a body of application/json";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let body = whole_body(request, SNAPSHOT_BODY_BYTES_MAX).await?;
    let asked: TrimRequest = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Kind::BadBody, error.to_string()))?;
    let objects = open(&snapshots, &asked.place)?;
    let id = SnapshotId::try_from(asked.snapshot)
        .map_err(|error| Problem::new(Kind::BadParameter, error.to_string()))?;
    // It goes on if its caller goes away: half a trim would be made good only at the next start.
    let engine = state.engine().clone();
    let trimmed = tokio::spawn(async move {
        let origin = snapshots.maker.find_whole(&objects, Some(&id), &|_| {}).await?;
        engine.trim_log(&origin).await.map_err(|error| match error.kind() {
            ErrorKind::Reject => Problem::new(Kind::TrimRefused, error.to_string()),
            _ => Problem::from(error),
        })
    });
    let trimmed = trimmed
        .await
        .map_err(|error| Problem::new(Kind::Failed, format!("the trim was given up: {error}")))?;
    trimmed.map(Json)
}
