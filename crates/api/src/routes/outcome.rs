//! What became of a record, found in what the fold left of it.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray as _},
    record_batch::RecordBatch,
};
use headwater_event::{Event, Offset, PartitionId};
use headwater_query::QueryOptions;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ApiState, problem::Problem};

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum RecordOutcome {
    /// It is not folded yet.
    Pending,
    /// It was folded, or is a repeat of one that was.
    Accepted,
    /// The fold refused it.
    Rejected {
        /// The kind of refusal, such as `conflict`.
        reason: String,
        /// What was refused and why.
        detail: String,
    },
    /// It is no event, or a view could not take it.
    DeadLetter {
        /// The kind of damage, such as `not_json`.
        reason: String,
        /// What is wrong and where.
        detail: String,
    },
}

/// Asks the views what became of the record at this place.
pub(super) async fn find(
    state: &ApiState,
    partition: PartitionId,
    offset: Offset,
    event: Option<&Event>,
) -> Result<RecordOutcome, Problem> {
    let status = state.engine().status();
    let folded = status.iter().find(|status| status.id == partition).and_then(|s| s.position);
    if folded.is_none_or(|folded| folded < offset) {
        return Ok(RecordOutcome::Pending);
    }
    let letter = format!(
        "select reason, detail from log.dead_letters \
         where _partition = '{partition}' and _offset = {offset}"
    );
    if let Some((reason, detail)) = first(state, &letter).await? {
        return Ok(RecordOutcome::DeadLetter { reason, detail });
    }
    Ok(match first(state, &rejection(partition, offset, event)).await? {
        Some((reason, detail)) => RecordOutcome::Rejected { reason, detail },
        None => RecordOutcome::Accepted,
    })
}

/// The rejection of this record, or of the first of the equal events before it. That an id was used
/// for other content says nothing of those that are equal.
fn rejection(partition: PartitionId, offset: Offset, event: Option<&Event>) -> String {
    let or_first = event.map_or_else(String::new, |event| {
        format!(
            " or (_offset < {offset} and reason <> 'id_reused' and project = {} \
             and _event_source = {} and _event_id = {})",
            quoted(&event.project),
            quoted(&event.source),
            quoted(&event.id)
        )
    });
    format!(
        "select reason, detail from log.rejections \
         where _partition = '{partition}' and (_offset = {offset}{or_first}) \
         order by _offset desc limit 1"
    )
}

/// A literal of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn first(state: &ApiState, query: &str) -> Result<Option<(String, String)>, Problem> {
    let moment = Arc::new(state.engine().moment().await?);
    let answer = state.sql().query(moment, query, &QueryOptions::default()).await?;
    let batches = answer.collect().await?;
    Ok(batches.iter().find_map(|batch| Some((text(batch, 0)?, text(batch, 1)?))))
}

fn text(batch: &RecordBatch, column: usize) -> Option<String> {
    let array = batch.columns().get(column)?;
    let text = array.as_string_opt::<i32>()?;
    (!text.is_empty() && text.is_valid(0)).then(|| text.value(0).to_owned())
}
