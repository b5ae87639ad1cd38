//! `POST /snapshots` makes a snapshot while the server serves; `GET /snapshots` lists those of a place.

use std::path::Path;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use headwater_objects::Objects;
use headwater_snapshot::{Created, Listed, Progress};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiState, Snapshots, accept,
    body::{Parts, streamed, until_stopped},
    limits::SNAPSHOT_BODY_BYTES_MAX,
    params::{Params, whole_body},
    problem::{Kind, Problem},
};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// Where a snapshot goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotRequest {
    /// A whole path on the server's machine, `file:///PATH` or `s3://BUCKET/PREFIX`.
    #[schema(example = "s3://backups/headwater")]
    to: String,
}

/// Which place's snapshots are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SnapshotsQuery {
    /// A whole path on the server's machine, `file:///PATH` or `s3://BUCKET/PREFIX`.
    at: String,
}

/// A snapshot that is being made. It goes on when its caller goes away.
struct Making {
    progress: watch::Receiver<Option<Progress>>,
    made: JoinHandle<Result<Created, headwater_snapshot::Error>>,
}

/// Makes a snapshot of all views, and answers once all of it is written.
///
/// Events are taken and folded meanwhile. One snapshot is made at a time. Object storage is reached
/// with the server's own `AWS_…` variables and `--objects-config`. As JSON lines, the answer begins at
/// once: `{"progress": {"step", "bytes", "bytes_all"}}` as it goes, then `{"snapshot": {…}}`; one that
/// fails ends with `{"error": {…}}` and an aborted body.
#[utoipa::path(
    post,
    path = "/snapshots",
    tag = "snapshots",
    request_body(content((SnapshotRequest = "application/json"))),
    responses(
        (status = 201, description = "The snapshot", content(
            (serde_json::Value = "application/json"),
            (String = "application/x-ndjson"),
        )),
        (status = 400, description = "`bad_body` or `bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "`not_acceptable`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`snapshot_refused`: the place can't be written, or another reason that the detail tells", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`failed`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the place is out of reach, or another snapshot is being made", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_snapshots(
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let lines = is_lines(&headers)?;
    let snapshots = snapshots(&state)?;
    if accept::content_type(&headers).as_deref() != Some(JSON) {
        // A page in a browser may send other types to any server without asking it first.
        let detail = "a snapshot is asked for with a body of application/json";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let body = whole_body(request, SNAPSHOT_BODY_BYTES_MAX).await?;
    let asked: SnapshotRequest = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Kind::BadBody, error.to_string()))?;
    let making = start(&snapshots, open(&snapshots, &asked.to)?);
    if !lines {
        let created = finished(making.made).await?;
        return Ok((StatusCode::CREATED, Json(created)).into_response());
    }
    let body = streamed(until_stopped(told(making), state.stopped()), true);
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, NDJSON)], body).into_response())
}

/// Lists the snapshots at a place, oldest first.
///
/// Each is `{"id", "snapshot": {…}, "shared_bytes"}`; `shared_bytes` are those of files that other snapshots have, too. A snapshot whose manifest can't
/// be read is listed with `damaged`, which tells why.
#[utoipa::path(
    get,
    path = "/snapshots",
    tag = "snapshots",
    params(SnapshotsQuery),
    responses(
        (status = 200, description = "The snapshots", body = serde_json::Value),
        (status = 400, description = "`bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`snapshot_refused`: the place can't be read", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_snapshots(
    State(state): State<ApiState>,
    Params(query): Params<SnapshotsQuery>,
) -> Result<Json<Vec<Listed>>, Problem> {
    let objects = open(&snapshots(&state)?, &query.at)?;
    Ok(Json(headwater_snapshot::list(&objects).await?))
}

fn is_lines(headers: &HeaderMap) -> Result<bool, Problem> {
    match accept::preferred(headers, &[JSON, NDJSON]) {
        Some(place) => Ok(place == 1),
        None => {
            let detail = format!("a snapshot is told as {JSON} or {NDJSON}");
            Err(Problem::new(Kind::NotAcceptable, detail))
        }
    }
}

pub(super) fn snapshots(state: &ApiState) -> Result<Snapshots, Problem> {
    state.snapshots().cloned().ok_or_else(|| {
        Problem::new(Kind::SnapshotRefused, "this server has no data folder to make snapshots of")
    })
}

pub(super) fn open(snapshots: &Snapshots, url: &str) -> Result<Objects, Problem> {
    let bad = |detail: String| Problem::new(Kind::BadParameter, detail);
    if !url.contains("://") && !Path::new(url).is_absolute() {
        return Err(bad(format!(
            "{url:?} is a path below some folder, and the server runs in another than you may mean: \
             name a whole path, or s3://BUCKET/PREFIX"
        )));
    }
    Objects::open(url, &snapshots.properties).map_err(|error| bad(format!("failed to {error}")))
}

fn start(snapshots: &Snapshots, objects: Objects) -> Making {
    let (told, progress) = watch::channel(None);
    let maker = snapshots.maker.clone();
    let made = tokio::spawn(async move {
        let tell = |progress: Progress| {
            told.send_replace(Some(progress));
        };
        let made = maker.create(&objects, &tell).await;
        match &made {
            Ok(made) => tracing::info!(
                id = %made.snapshot.id,
                url = objects.url(),
                bytes = made.snapshot.bytes,
                uploaded = made.uploaded_bytes,
                "a snapshot was made"
            ),
            Err(error) => tracing::warn!(%error, url = objects.url(), "no snapshot was made"),
        }
        made
    });
    Making { progress, made }
}

async fn finished(
    made: JoinHandle<Result<Created, headwater_snapshot::Error>>,
) -> Result<Created, Problem> {
    let made = made.await.map_err(|error| {
        Problem::new(Kind::Failed, format!("the snapshot was given up: {error}"))
    })?;
    Ok(made?)
}

/// Progress as it goes, the newest only; then what was made.
fn told(making: Making) -> Parts {
    stream::unfold(Some(making), |making| async {
        let mut making = making?;
        match making.progress.changed().await {
            Ok(()) => {
                let progress = *making.progress.borrow_and_update();
                Some((line(&json!({ "progress": progress })), Some(making)))
            }
            // Its sender is gone: it has ended.
            Err(_) => {
                let last = match finished(making.made).await {
                    Ok(created) => line(&json!({ "snapshot": created })),
                    Err(problem) => Err(problem),
                };
                Some((last, None))
            }
        }
    })
    .boxed()
}

fn line(value: &impl Serialize) -> Result<Bytes, Problem> {
    let mut line =
        serde_json::to_vec(value).map_err(|error| Problem::new(Kind::Failed, error.to_string()))?;
    line.push(b'\n');
    Ok(line.into())
}
