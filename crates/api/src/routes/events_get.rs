//! `GET /events`: what is on the log, and what comes.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use headwater_event::{BATCH, Offset, PartitionId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    events_post::NDJSON,
    scan::{Filter, Scan, Shape},
    sql::positions_text,
};
use crate::{
    ApiState, accept,
    body::{hold, streamed, until_stopped},
    limits::{EVENTS_DEFAULT, EVENTS_MAX},
    params::{self, Params},
    problem::{Kind, Problem},
};

/// The header that tells where each partition ended when the request came.
const ENDS: &str = "headwater-ends";

/// Which events are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GetParams {
    /// The first offset to show of each partition, such as `control:0,0:123`; `start` and `end` stand
    /// for all. A partition that is not named is shown from its start.
    from: Option<String>,
    /// Only this partition: `control` or a number.
    partition: Option<String>,
    /// Only events of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    event_type: Option<String>,
    /// Only events about this subject.
    subject: Option<String>,
    /// Only events of this source.
    source: Option<String>,
    /// How many at most: 1000 if missing, up to 10000; with `follow` any number, and no end if missing.
    limit: Option<usize>,
    /// Go on with what comes, until the client goes or the server stops.
    #[serde(default)]
    #[param(required = false)]
    follow: bool,
    /// Only what was on the log at this moment: a time such as `1997-01-01T10:30:00Z` or `1997-01-01`,
    /// or last offsets such as `control:7,0:123`. The header `Headwater-As-Of` does the same.
    as_of: Option<String>,
}

/// Shows the log: what was on it, in the order of appending, and with `follow` what comes.
///
/// Each line is `{"event": {…}, "partition": "0", "offset": 12, "appended_at": "…"}`; a record that is no
/// event has `"dead": {"reason", "detail"}` in the event's place. To go on after a limit, give as `from`
/// the offset after the last one of each partition. With `as_of` what came later is left out. A batch leaves out what is no event, and tells the
/// place as `hwpartition`, `hwoffset` and `hwappendedat`. An answer that breaks off ends with a line
/// `{"error": {…}}` and an aborted body.
#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    params(GetParams),
    responses(
        (status = 200, description = "The events", content(
            (String = "application/x-ndjson"),
            (Vec<serde_json::Value> = "application/cloudevents-batch+json"),
        ), headers(("Headwater-Ends" = String, description = "Where each partition ended when the request came"))),
        (status = 400, description = "`bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "`not_acceptable`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_events(
    State(state): State<ApiState>,
    Params(params): Params<GetParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shape = shape(&headers, params.follow)?;
    let limit = limit(&params)?;
    let last = last(&state, &params, &headers).await?;
    let from = from(&state, &params).await?;
    let filter =
        Filter { event_type: params.event_type, subject: params.subject, source: params.source };
    let scan = Scan::open(state.engine(), &from, last.as_ref(), filter, shape, limit).await?;
    let ends = HeaderValue::from_str(&positions_text(&scan.ends())).ok();
    let parts = match params.follow {
        true => until_stopped(scan.following(), state.stopped()),
        false => hold(scan.parts()).await?,
    };
    let media_type = match shape {
        Shape::Lines => NDJSON,
        Shape::Batch => BATCH,
    };
    let media_type = HeaderValue::from_static(media_type);
    let body = streamed(parts, shape == Shape::Lines);
    let mut response = ([(header::CONTENT_TYPE, media_type)], body).into_response();
    if let Some(ends) = ends {
        response.headers_mut().insert(ENDS, ends);
    }
    Ok(response)
}

fn shape(headers: &HeaderMap, follow: bool) -> Result<Shape, Problem> {
    match accept::preferred(headers, &[NDJSON, BATCH]) {
        Some(0) => Ok(Shape::Lines),
        Some(_) if !follow => Ok(Shape::Batch),
        _ => {
            let detail = format!("events come as {NDJSON} or, without follow, {BATCH}");
            Err(Problem::new(Kind::NotAcceptable, detail))
        }
    }
}

fn limit(params: &GetParams) -> Result<Option<usize>, Problem> {
    match (params.follow, params.limit) {
        (true, limit) => Ok(limit),
        (false, None) => Ok(Some(EVENTS_DEFAULT)),
        (false, Some(limit)) if limit <= EVENTS_MAX => Ok(Some(limit)),
        (false, Some(limit)) => {
            let detail = format!("limit {limit} is more than {EVENTS_MAX}; go on with from");
            Err(Problem::new(Kind::BadParameter, detail))
        }
    }
}

/// From where each partition is shown.
async fn from(
    state: &ApiState,
    params: &GetParams,
) -> Result<BTreeMap<PartitionId, Offset>, Problem> {
    let log = state.engine().log();
    let count = log.data_partitions();
    let wanted: Vec<PartitionId> = match &params.partition {
        Some(partition) => vec![params::partition(partition, count)?],
        None => PartitionId::all(count).collect(),
    };
    let given = params.from.as_deref().unwrap_or("start");
    let named = match given {
        "start" | "end" => BTreeMap::new(),
        positions => positions_of(positions, count)?,
    };
    let mut from = BTreeMap::new();
    for partition in wanted {
        let offset = match (given, named.get(&partition)) {
            (_, Some(offset)) => *offset,
            ("end", None) => log.end(partition).await?,
            (_, None) => Offset(0),
        };
        from.insert(partition, offset);
    }
    Ok(from)
}

/// The last offset of each partition at the moment that is asked for; `None` if none is.
async fn last(
    state: &ApiState,
    params: &GetParams,
    headers: &HeaderMap,
) -> Result<Option<BTreeMap<PartitionId, Offset>>, Problem> {
    let Some(as_of) = params::as_of(params.as_of.as_deref(), headers)? else { return Ok(None) };
    if params.follow {
        let detail =
            "what was on the log at a moment has no more to come; leave out follow or as_of";
        return Err(Problem::new(Kind::BadParameter, detail));
    }
    let moment = state.engine().moment().await?.at(&as_of).await?;
    Ok(Some(moment.positions()))
}

fn positions_of(text: &str, count: u32) -> Result<BTreeMap<PartitionId, Offset>, Problem> {
    let mut positions = BTreeMap::new();
    for part in text.split(',').map(str::trim) {
        let bad = || {
            let detail = format!("from {part:?} is not a partition and an offset, as in 0:123");
            Problem::new(Kind::BadParameter, detail)
        };
        let (partition, offset) = part.split_once(':').ok_or_else(bad)?;
        let offset = offset.parse().map_err(|_| bad())?;
        positions.insert(params::partition(partition, count)?, Offset(offset));
    }
    Ok(positions)
}
