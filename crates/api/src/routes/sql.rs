//! `POST /sql`: a query, and its rows as JSON, JSON lines, Arrow or CSV.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use headwater_event::{Offset, PartitionId};
use headwater_query::{Answer, QueryOptions};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiState, accept,
    body::{hold, streamed},
    formats::{self, Format},
    limits::SQL_BODY_BYTES_MAX,
    params::{self, Params, whole_body},
    problem::{Kind, Problem},
};

/// The header that tells what the query saw: the last offset of each partition.
const POSITIONS: &str = "headwater-positions";
/// The header that tells the moment that was asked for, if one was.
const AS_OF: &str = "headwater-as-of";
/// The headers that tell each other moment that the query named, and the positions it is at.
const VERSION: &str = "headwater-version";

/// At which moment a query is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SqlParams {
    /// The moment at which all tables are read that name none of their own: a time such as
    /// `1997-01-01T10:30:00Z` or `1997-01-01`, or last offsets such as `control:7,0:123`. The header
    /// `Headwater-As-Of` does the same.
    as_of: Option<String>,
}

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
    /// The values of `$1`, `$2` and so on: null, booleans, numbers and text.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    parameters: Vec<Value>,
}

/// What was asked.
struct Asked {
    query: String,
    parameters: Vec<Value>,
    format: Format,
}

/// Answers one query as of now, or as of the moment that it names with `FOR SYSTEM_TIME AS OF`.
///
/// The header `Headwater-Positions` tells the last offset of each partition that the query saw, and
/// `Headwater-As-Of` the moment that was asked for, if one was. Each further moment that the query
/// names is told, with its positions, by a header `Headwater-Version`. JSON is `{"columns": [{"name",
/// "type", "nullable"}], "as_of": "…", "positions": {…}, "versions": [{"as_of", "positions"}], "rows":
/// [{…}]}`, with `as_of` and `versions` only where there are some. In JSON and JSON
/// lines decimals are text, NaN is `"NaN"`, times are RFC 3339, bytes are hex. In CSV a null is an
/// empty field. An answer that breaks off ends with an aborted body, never with a whole one; in JSON
/// lines a last line `{"error": {…}}` comes before. Going away cancels the query.
#[utoipa::path(
    post,
    path = "/sql",
    tag = "sql",
    params(SqlParams, ("Headwater-As-Of" = Option<String>, Header, description = "The same as `as_of`")),
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
        ), headers(
            ("Headwater-Positions" = String, description = "What was read, such as `control:12,0:123`"),
            ("Headwater-As-Of" = String, description = "The moment that was asked for"),
            ("Headwater-Version" = String, description = "A further moment that the query names and, behind a space, its positions"),
        )),
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
    Params(params): Params<SqlParams>,
    request: Request,
) -> Result<Response, Problem> {
    let answer = answer(&state, params, request).await;
    let outcome = answer
        .as_ref()
        .map_or_else(|problem| problem.name().to_owned(), |_| "streaming".to_owned());
    state.metrics().queried(&outcome);
    answer
}

async fn answer(
    state: &ApiState,
    params: SqlParams,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let as_of = params::as_of(params.as_of.as_deref(), &headers)?;
    let Asked { query, parameters, format } = asked(&headers, request).await?;
    let moment = Arc::new(state.engine().moment().await?);
    let options = QueryOptions { as_of, parameters, ..QueryOptions::default() };
    let answer = state.sql().query(moment, &query, &options).await?;
    let (members, told) = (members(&answer), told(&answer));
    let parts = formats::parts(format, &answer.schema, answer.batches, &members)?;
    let body = streamed(hold(parts).await?, format.is_lines());
    let media_type = HeaderValue::from_static(format.media_type());
    let mut response = ([(header::CONTENT_TYPE, media_type)], body).into_response();
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

/// What the query saw, as members of a JSON object.
fn members(answer: &Answer) -> Map<String, Value> {
    let positions = |positions: &BTreeMap<PartitionId, Offset>| {
        let each =
            positions.iter().map(|(partition, offset)| (partition.to_string(), json!(offset)));
        Value::Object(each.collect())
    };
    let mut members = Map::new();
    if let Some(as_of) = &answer.as_of {
        members.insert("as_of".to_owned(), as_of.to_string().into());
    }
    members.insert("positions".to_owned(), positions(&answer.positions));
    if !answer.versions.is_empty() {
        let version = |(as_of, at): (&headwater_query::AsOf, _)| json!({"as_of": as_of.to_string(), "positions": positions(at)});
        let versions = answer.versions.iter().map(version).collect();
        members.insert("versions".to_owned(), Value::Array(versions));
    }
    members
}

/// What the query saw, as headers.
fn told(answer: &Answer) -> Vec<(&'static str, String)> {
    let mut headers = vec![(POSITIONS, positions_text(&answer.positions))];
    headers.extend(answer.as_of.iter().map(|as_of| (AS_OF, as_of.to_string())));
    headers.extend(
        answer
            .versions
            .iter()
            .map(|(as_of, positions)| (VERSION, format!("{as_of} {}", positions_text(positions)))),
    );
    headers
}

/// The query, its parameters and the form of its answer.
async fn asked(headers: &HeaderMap, request: Request) -> Result<Asked, Problem> {
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
        return Ok(Asked { query: asked.query, parameters: asked.parameters, format });
    }
    let query = std::str::from_utf8(&body)
        .map_err(|_| Problem::new(Kind::BadBody, "the query is not UTF-8"))?;
    let format = Format::accepted(headers)?;
    Ok(Asked { query: query.to_owned(), parameters: Vec::new(), format })
}

/// `control:12,0:123`.
pub(super) fn positions_text(positions: &BTreeMap<PartitionId, Offset>) -> String {
    let each: Vec<String> =
        positions.iter().map(|(partition, offset)| format!("{partition}:{offset}")).collect();
    each.join(",")
}
