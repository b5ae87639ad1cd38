//! `POST /events`: one event or many, in every mode of CloudEvents over HTTP, and as JSON lines.

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use headwater_engine::Ack;
use headwater_event::{
    BATCH, Event, Reason, Refusal, STRUCTURED, decode_binary, decode_structured,
    limits::{BATCH_EVENTS_MAX, EVENT_BYTES_MAX, NAME_BYTES_MAX},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;

use super::receipt::{BatchAnswer, EventAnswer, EventReceipt};
use crate::{
    ApiState, accept,
    limits::{EVENTS_BODY_BYTES_MAX, SUBMIT_EVENTS_MAX},
    params::{Params, whole_body},
    problem::{Kind, Problem},
};

/// The media type of JSON lines.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// The attribute's header that only an event in binary mode has.
const BINARY_MARK: &str = "ce-specversion";

/// How an event is taken.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostParams {
    /// How far an event must have come before this answers: `written`, `durable`, or `folded`, which
    /// also tells what became of it and is the default.
    ack: Option<String>,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Structured,
    Binary,
    Batch,
    Lines,
}

/// Takes events: structured, binary (`ce-*` headers), a batch, or JSON lines.
///
/// One event is answered by status: 200 with a receipt; 202 if its outcome was not known in time, with
/// the place where it can be asked; else a problem. A problem with `partition` and `offset` is of an
/// event that is on the log and was refused by the fold; without them the event is not on the log.
/// The same event again (equal source, id and content) is answered with its first outcome.
///
/// Of many events the good ones are taken beside the bad ones, each with an answer of its own: 200 if
/// all were accepted, 202 if none was refused but some outcomes are not known yet, else 207. A batch that
/// is not one whole JSON array is 400, and nothing of it is taken. A body without a media type, or of
/// `application/json` without `ce-*` headers, is taken as structured, or as a batch if it is an array.
#[utoipa::path(
    post,
    path = "/events",
    tag = "events",
    params(PostParams),
    request_body(content(
        (serde_json::Value = "application/cloudevents+json"),
        (serde_json::Value = "application/json"),
        (Vec<serde_json::Value> = "application/cloudevents-batch+json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "Taken: a receipt for one event, a list of them for many", content(
            (EventReceipt = "application/json"),
            (BatchAnswer = "application/json"),
        )),
        (status = 202, description = "On the log; the outcome can be asked at `outcome_at` (and `Location`)", body = EventReceipt),
        (status = 207, description = "Many events, some of them refused", body = BatchAnswer),
        (status = 400, description = "`not_json`, `not_an_envelope`, `bad_attribute`, `missing_subject`, `bad_number`, `empty_record`; `bad_parameter`, `bad_body`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forged`: an event that only the server writes", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: the request names what is not there", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`, `id_reused`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`: the event, the body, or the number of events", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown_type`, `unknown_schema_version`, `schema_violation`, `bad_time`, `view_mismatch`, `wrong_partition`, `invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`fold_failed`, `failed`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: nothing is known to be taken; try again with the same ids", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_events(
    State(state): State<ApiState>,
    Params(params): Params<PostParams>,
    request: Request,
) -> Result<Response, Problem> {
    let ack = ack(params.ack.as_deref())?;
    let headers = request.headers().clone();
    let mode = declared_mode(&headers)?;
    let body = whole_body(request, EVENTS_BODY_BYTES_MAX).await?;
    // Whoever does not say what a body is sends one event or an array of them.
    match mode.unwrap_or(if starts_array(&body) { Mode::Batch } else { Mode::Structured }) {
        Mode::Structured => Ok(one(&state, decode_structured(&body), &body, ack).await),
        Mode::Binary => Ok(one(&state, binary(&headers, &body), &[], ack).await),
        Mode::Batch => many(&state, &array_items(&body)?, ack).await,
        Mode::Lines => many(&state, &lines(&body), ack).await,
    }
}

fn ack(text: Option<&str>) -> Result<Ack, Problem> {
    text.unwrap_or("folded")
        .parse()
        .map_err(|error| Problem::new(Kind::BadParameter, format!("{error}")))
}

/// What the headers say that the body is; `None` if they leave it open.
fn declared_mode(headers: &HeaderMap) -> Result<Option<Mode>, Problem> {
    let media = accept::content_type(headers);
    match media.as_deref() {
        Some(STRUCTURED) => Ok(Some(Mode::Structured)),
        Some(BATCH) => Ok(Some(Mode::Batch)),
        _ if headers.contains_key(BINARY_MARK) => Ok(Some(Mode::Binary)),
        Some(NDJSON | "application/ndjson" | "application/jsonl") => Ok(Some(Mode::Lines)),
        None | Some("application/json") => Ok(None),
        Some(other) => Err(Problem::new(
            Kind::UnsupportedMediaType,
            format!(
                "the body's media type is {other}; events come as {STRUCTURED}, {BATCH}, {NDJSON}, or \
                 application/json with ce-* headers"
            ),
        )),
    }
}

fn starts_array(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

fn binary(headers: &HeaderMap, body: &Bytes) -> Result<Event, Refusal> {
    if body.len() > EVENT_BYTES_MAX {
        let detail = format!("{} bytes, the limit is {EVENT_BYTES_MAX}", body.len());
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    let attributes = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().strip_prefix("ce-")?.to_owned(), value.as_bytes()))
    });
    let content_type = headers.get("content-type").map(|value| value.as_bytes());
    decode_binary(attributes, content_type, Some(body))
}

/// The elements of a batch; a torn one has none.
fn array_items(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the batch is not a whole JSON array: {error}");
        Problem::of_reason(Reason::NotJson, detail)
    })?;
    Ok(items.into_iter().map(|item| item.get().as_bytes()).collect())
}

/// The lines that are not blank.
fn lines(body: &[u8]) -> Vec<&[u8]> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).collect()
}

async fn one(
    state: &ApiState,
    decoded: Result<Event, Refusal>,
    structured: &[u8],
    ack: Ack,
) -> Response {
    let answer = match decoded {
        Err(refusal) => EventAnswer::refused(refusal, id_of(structured)),
        Ok(event) => {
            let id = event.id.clone();
            let submitted = state.engine().submit(vec![event], ack).await.into_iter().next();
            match submitted {
                Some(submitted) => EventAnswer::new(submitted, id, ack),
                None => EventAnswer::Problem(Problem::new(Kind::Failed, "the event got no answer")),
            }
        }
    };
    count(state, &answer);
    answer.into_response()
}

async fn many(state: &ApiState, items: &[&[u8]], ack: Ack) -> Result<Response, Problem> {
    if items.len() > BATCH_EVENTS_MAX {
        let detail = format!("{} events, a request takes {BATCH_EVENTS_MAX}", items.len());
        return Err(Problem::of_reason(Reason::TooLarge, detail));
    }
    let mut batch = BatchAnswer::default();
    for items in items.chunks(SUBMIT_EVENTS_MAX) {
        for answer in submit(state, items, ack).await {
            count(state, &answer);
            batch.push(answer);
        }
    }
    Ok(batch.into_response())
}

/// Submits the good ones among these events, and answers all of them in order.
async fn submit(state: &ApiState, items: &[&[u8]], ack: Ack) -> Vec<EventAnswer> {
    let mut events = Vec::with_capacity(items.len());
    let decoded: Vec<Result<String, EventAnswer>> = items
        .iter()
        .map(|item| match decode_structured(item) {
            Err(refusal) => Err(EventAnswer::refused(refusal, id_of(item))),
            Ok(event) => {
                let id = event.id.clone();
                events.push(event);
                Ok(id)
            }
        })
        .collect();
    let mut submitted = state.engine().submit(events, ack).await.into_iter();
    decoded
        .into_iter()
        .map(|decoded| match decoded {
            Err(refused) => refused,
            Ok(id) => match submitted.next() {
                Some(submitted) => EventAnswer::new(submitted, id, ack),
                None => EventAnswer::Problem(Problem::new(Kind::Failed, "the event got no answer")),
            },
        })
        .collect()
}

/// The id of a refused event, if it has one, so that its producer knows which it was.
fn id_of(item: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: String,
    }
    let only: OnlyId = serde_json::from_slice(item).ok()?;
    (only.id.len() <= NAME_BYTES_MAX).then_some(only.id)
}

fn count(state: &ApiState, answer: &EventAnswer) {
    if let EventAnswer::Problem(problem) = answer
        && problem.event.offset.is_none()
    {
        state.metrics().refused(problem.name());
    }
}
