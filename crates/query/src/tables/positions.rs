//! `log.positions`: how far each partition was folded, and what became of its records.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};
use headwater_event::PartitionId;
use headwater_fold::Counts;

use super::{
    schema::{TIMESTAMP, UTC, field},
    states::States,
};
use crate::{Error, PartitionState};

/// What the table tells.
pub(crate) const DESCRIPTION: &str =
    "How far each partition was folded, and what became of its records.";

type Count = fn(&Counts) -> u64;
type Number = fn(&PartitionState) -> Option<u64>;
type Text = fn(PartitionId, &PartitionState) -> Option<String>;

/// Columns of counts: name, meaning, value.
const COUNTS: [(&str, &str, Count); 7] = [
    ("records", "How many records were read.", |counts| counts.records),
    ("accepted", "How many events were folded into views.", |counts| counts.accepted),
    ("repeats", "How many events had been folded before.", |counts| counts.repeats),
    ("rejections", "How many events the fold refused.", |counts| counts.rejections),
    ("dead_letters", "How many records were no event, or fitted no view.", |counts| {
        counts.dead_letters
    }),
    ("misrouted", "How many events were found in the wrong partition.", |counts| counts.misrouted),
    ("derived", "How many events came from the outbox.", |counts| counts.derived),
];

/// The table's only batch.
pub(crate) fn batch(states: &States) -> Result<RecordBatch, Error> {
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    let numbers = |number: Number| -> ArrayRef {
        let number = states.iter().map(|(_, state)| number(state).map(signed));
        Arc::new(number.collect::<Int64Array>())
    };
    let texts = |text: Text| -> ArrayRef {
        Arc::new(states.iter().map(|(id, state)| text(*id, state)).collect::<StringArray>())
    };
    let int = |name, what| field(name, DataType::Int64, true, what);
    let text = |name, what| field(name, DataType::Utf8, true, what);
    columns.push((
        text("partition", "`control`, or the number of a data partition."),
        texts(|id, _| Some(id.to_string())),
    ));
    columns.push((
        text("log_id", "The log's name for ever."),
        texts(|_, state| Some(state.head.log.as_ref()?.log_id.clone())),
    ));
    columns.push((
        int("position", "The offset of the last record that was folded."),
        numbers(|state| Some(state.position?.last.0)),
    ));
    columns.push((
        text("chain", "The BLAKE3 chain over all records up to the position, in hex."),
        texts(|_, state| Some(hex(&state.position?.chain))),
    ));
    columns.push((
        int("clock_n", "The number of the log's last tick."),
        numbers(|state| Some(state.head.clock?.n)),
    ));
    let times = states.iter().map(|(_, state)| Some(state.head.clock?.time.micros()));
    columns.push((
        field("clock_time", TIMESTAMP.clone(), true, "The log's time."),
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone(UTC)),
    ));
    columns.push((
        int("epoch", "The epoch of the active process."),
        numbers(|state| Some(state.head.epoch)),
    ));
    columns.push((
        int("rules", "The number of the rules by which control decides."),
        numbers(|state| Some(u64::from(state.head.rules))),
    ));
    for (name, what, count) in COUNTS {
        let counts = states.iter().map(|(_, state)| signed(count(&state.head.counts)));
        columns.push((int(name, what), Arc::new(counts.collect::<Int64Array>())));
    }
    columns.push((
        text("topology", "The hash of the topology that holds."),
        texts(|_, state| state.head.topology.clone()),
    ));
    of_columns(columns)
}

/// A batch of these columns.
pub(crate) fn of_columns(columns: Vec<(Field, ArrayRef)>) -> Result<RecordBatch, Error> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Error::failed(error.to_string()))
}

/// SQL has no unsigned integers; nothing counted here exceeds the signed ones.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
