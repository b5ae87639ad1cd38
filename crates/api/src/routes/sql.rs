//! `POST /sql`: a query, and its rows as JSON, JSON lines, Arrow or CSV.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use headwater_event::{Offset, PartitionId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    ApiState, accept,
    body::{hold, streamed},
    formats::{self, Format},
    limits::SQL_BODY_BYTES_MAX,
    params::whole_body,
    problem::{Kind, Problem},
};

/// The header that tells what the query saw: the last offset of each partition.
const POSITIONS: &str = "headwater-positions";

/// A query as JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlRequest {
    /// One SQL statement that reads.
    #[schema(example = "select * from tracking.experiments")]
    query: String,
    /// `json`, `ndjson`, `arrow` or `csv`; as `Accept` says if missing.
    #[serde(default)]
    format: Option<String>,
}

/// Answers one query as of now, or as of the moment that it names with `FOR SYSTEM_TIME AS OF`.
///
/// The header `Headwater-Positions` tells the last offset of each partition that the query saw. JSON
/// is `{"columns": [{"name", "type", "nullable"}], "positions": {…}, "rows": [{…}]}`. In JSON and JSON
/// lines decimals are text, NaN is `"NaN"`, times are RFC 3339, bytes are hex. In CSV a null is an
/// empty field. An answer that breaks off ends with an aborted body, never with a whole one; in JSON
/// lines a last line `{"error": {…}}` comes before. Going away cancels the query.
#[utoipa::path(
    post,
    path = "/sql",
    tag = "sql",
    request_body(content(
        (SqlRequest = "application/json"),
        (String = "application/sql"),
        (String = "text/plain"),
    )),
    responses(
        (status = 200, description = "The rows", content(
            (serde_json::Value = "application/json"),
            (String = "application/x-ndjson"),
            (String = "application/vnd.apache.arrow.stream"),
            (String = "text/csv"),
        ), headers(("Headwater-Positions" = String, description = "What was read, such as `control:12,0:123`"))),
        (status = 400, description = "`invalid_query`, `bad_body` or `bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "`not_acceptable`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`resources`: the query needs more memory than there is for all queries", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`failed`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_sql(
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let answer = answer(&state, request).await;
    let outcome = answer
        .as_ref()
        .map_or_else(|problem| problem.name().to_owned(), |_| "streaming".to_owned());
    state.metrics().queried(&outcome);
    answer
}

async fn answer(state: &ApiState, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let (query, format) = query_of(&headers, request).await?;
    let moment = Arc::new(state.engine().moment().await?);
    let answer = state.sql().query(moment, &query).await?;
    let positions = serde_json::to_value(&answer.positions)
        .map_err(|error| Problem::new(Kind::Failed, error.to_string()))?;
    let parts = formats::parts(format, &answer.schema, answer.batches, &positions)?;
    let body = streamed(hold(parts).await?, format.is_lines());
    let media_type = HeaderValue::from_static(format.media_type());
    let mut response = ([(header::CONTENT_TYPE, media_type)], body).into_response();
    if let Ok(value) = HeaderValue::from_str(&positions_text(&answer.positions)) {
        response.headers_mut().insert(POSITIONS, value);
    }
    Ok(response)
}

/// The query and the form of its answer.
async fn query_of(headers: &HeaderMap, request: Request) -> Result<(String, Format), Problem> {
    let media = accept::content_type(headers);
    let is_json = match media.as_deref() {
        Some("application/json") => true,
        Some("application/sql" | "text/plain") => false,
        other => {
            let found = other.unwrap_or("nothing");
            let detail = format!(
                "the body's media type is {found}; a query comes as application/json, \
                 application/sql or text/plain"
            );
            return Err(Problem::new(Kind::UnsupportedMediaType, detail));
        }
    };
    let body = whole_body(request, SQL_BODY_BYTES_MAX).await?;
    if is_json {
        let asked: SqlRequest = serde_json::from_slice(&body)
            .map_err(|error| Problem::new(Kind::BadBody, error.to_string()))?;
        let format = match asked.format {
            Some(format) => format.parse()?,
            None => Format::accepted(headers)?,
        };
        return Ok((asked.query, format));
    }
    let query = std::str::from_utf8(&body)
        .map_err(|_| Problem::new(Kind::BadBody, "the query is not UTF-8"))?;
    Ok((query.to_owned(), Format::accepted(headers)?))
}

/// `control:12,0:123`.
pub(super) fn positions_text(positions: &BTreeMap<PartitionId, Offset>) -> String {
    let each: Vec<String> =
        positions.iter().map(|(partition, offset)| format!("{partition}:{offset}")).collect();
    each.join(",")
}
