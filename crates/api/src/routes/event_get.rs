//! `GET /events/{partition}/{offset}`: one record, and what became of it.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use headwater_event::Offset;
use headwater_log::ReadLimits;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    outcome::{self, RecordOutcome},
    shown::{Shower, placed},
};
use crate::{
    ApiState,
    limits::READ_WAIT,
    params,
    problem::{Kind, Problem},
};

/// A record of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlacedEvent {
    /// `event` or `dead`, `partition`, `offset`, `appended_at`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    record: serde_json::Map<String, Value>,
    /// What became of it.
    outcome: RecordOutcome,
}

/// Shows one record as `GET /events` does, with what became of it.
///
/// What was assigned to an accepted request is told to whoever sends the same event again.
#[utoipa::path(
    get,
    path = "/events/{partition}/{offset}",
    tag = "events",
    params(
        ("partition" = String, Path, description = "`control` or a number"),
        ("offset" = u64, Path, description = "The offset of a receipt"),
    ),
    responses(
        (status = 200, body = PlacedEvent),
        (status = 400, description = "`bad_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`no_such_event`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_event(
    State(state): State<ApiState>,
    place: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<PlacedEvent>, Problem> {
    let Path((partition, offset)) =
        place.map_err(|error| Problem::new(Kind::BadParameter, error.body_text()))?;
    let log = state.engine().log();
    let partition = params::partition(&partition, log.data_partitions())?;
    let offset = offset.parse().map(Offset).map_err(|_| {
        Problem::new(Kind::BadParameter, format!("offset {offset:?} is not a whole number"))
    })?;
    let none = || {
        let detail = format!("partition {partition} has no record at offset {offset}");
        Problem::new(Kind::NoSuchEvent, detail)
    };
    if offset >= log.end(partition).await? {
        return Err(none());
    }
    let one = ReadLimits { records_max: 1, bytes_max: 1 };
    let mut reader = log.reader(partition, offset).await?;
    let records = reader.next_batch(one, READ_WAIT).await?;
    let record = records.into_iter().find(|record| record.offset == offset).ok_or_else(none)?;
    let event = Shower::new(state.engine()).event(&record);
    let outcome = outcome::find(&state, partition, offset, event.as_ref().ok()).await?;
    Ok(Json(PlacedEvent { record: placed(&record, &event), outcome }))
}
