//! `POST /topology/plan`: what applying a topology would change, told with progress.

use axum::{
    extract::{Request, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use headwater_engine::{PlanProgress, PlanWatch};
use headwater_topology::Topology;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{runtime::Handle, sync::mpsc};
use utoipa::IntoParams;

use crate::{
    ApiState,
    body::{Parts, hold, streamed, until_stopped},
    limits::{PLAN_LINES_HELD, PLAN_SAMPLE_MAX, TOPOLOGY_BODY_BYTES_MAX},
    params::{Params, whole_body},
    problem::{Kind, Problem},
};

const NDJSON: &str = "application/x-ndjson";
/// How many entities that differ are told of each view, unless asked otherwise.
const SAMPLE: usize = 5;

/// What is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanParams {
    /// How many entities that differ are told of each view; 5 if missing.
    #[serde(default)]
    sample: Option<usize>,
}

/// Tells what applying a checked topology would change, as JSON lines: `{"progress": {…}}` while new
/// versions of views are folded beside, and `{"plan": {…}}` in the end. Nothing is changed.
#[utoipa::path(
    post,
    path = "/topology/plan",
    tag = "topology",
    params(PlanParams),
    request_body(content = Object, content_type = "application/json", description = "The topology, as `headwater topology check --json` prints it"),
    responses(
        (status = 200, content_type = "application/x-ndjson", body = String),
        (status = 400, description = "`bad_body` or `bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: another plan is being made", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_plan(
    State(state): State<ApiState>,
    Params(params): Params<PlanParams>,
    request: Request,
) -> Result<Response, Problem> {
    let sample = params.sample.unwrap_or(SAMPLE);
    if sample > PLAN_SAMPLE_MAX {
        let detail = format!("sample is {sample}, the limit is {PLAN_SAMPLE_MAX}");
        return Err(Problem::new(Kind::BadParameter, detail));
    }
    let body = whole_body(request, TOPOLOGY_BODY_BYTES_MAX).await?;
    let topology: Topology = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Kind::BadBody, format!("topology: {error}")))?;
    let (lines, read) = mpsc::channel::<Result<Bytes, Problem>>(PLAN_LINES_HELD);
    let (engine, runtime) = (state.engine().clone(), Handle::current());
    // Folding blocks, so it has a thread; it gives up once nobody reads any more.
    tokio::task::spawn_blocking(move || {
        let told = |progress: PlanProgress| {
            // Progress that a slow reader does not take is old by then.
            let _ = lines.try_send(line("progress", &progress));
        };
        let go_on = || !lines.is_closed();
        let watch = PlanWatch { sample, told: &told, go_on: &go_on };
        let planned = runtime.block_on(engine.plan(&topology, &watch));
        let last = planned.map_err(Problem::from).and_then(|plan| line("plan", &plan));
        let _ = lines.blocking_send(last);
    });
    let parts: Parts =
        stream::unfold(read, |mut read| async { read.recv().await.map(|line| (line, read)) })
            .boxed();
    let parts = until_stopped(hold_first(parts).await?, state.stopped());
    Ok(([(header::CONTENT_TYPE, NDJSON)], streamed(parts, true)).into_response())
}

/// What fails at once is told by the status.
async fn hold_first(mut parts: Parts) -> Result<Parts, Problem> {
    let Some(first) = parts.next().await.transpose()? else { return hold(parts).await };
    Ok(stream::once(async { Ok(first) }).chain(parts).boxed())
}

fn line(name: &str, value: &impl Serialize) -> Result<Bytes, Problem> {
    let mut line = serde_json::to_vec(&json!({ name: value }))
        .map_err(|error| Problem::new(Kind::Failed, error.to_string()))?;
    line.push(b'\n');
    Ok(line.into())
}
