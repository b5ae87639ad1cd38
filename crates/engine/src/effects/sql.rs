//! The kind `sql`: a query, answered as of the tick that its request names, in every partition.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    compute::cast,
    datatypes::DataType,
    error::ArrowError,
    json::writer::{JsonArray, WriterBuilder},
    record_batch::RecordBatch,
};
use futures::StreamExt as _;
use headwater_event::{Offset, PartitionId};
use headwater_query::{Answer, AsOf, ErrorKind as QueryErrorKind, Limits, QueryOptions, Sql};
use serde_json::Value;

use super::{kinds::Call, outcome::Ended};
use crate::{Engine, marks, shared::Progress};

/// Memory of all rules that are evaluated at once: they go beside what users ask.
const MEMORY_BYTES_MAX: usize = 256 << 20;
/// Columns of the row.
const COLUMNS_MAX: usize = 64;
/// The row as JSON: its value travels in events.
const ROW_BYTES_MAX: usize = 32 * 1024;

/// Answers rules written in SQL.
#[derive(Debug)]
pub(super) struct SqlRules(Sql);

impl SqlRules {
    pub(super) fn new() -> Result<Self, String> {
        let limits = Limits {
            memory_bytes_max: MEMORY_BYTES_MAX,
            parallelism: Some(1),
            ..Limits::default()
        };
        Sql::new(limits).map(Self).map_err(|error| error.to_string())
    }

    /// Evaluates the rule.
    pub(super) async fn evaluate(&self, engine: &Engine, call: &Call, sql: &str) -> Ended {
        let as_of = match as_of(engine, call.tick).await {
            Ok(as_of) => as_of,
            Err(error) => return Ended::failed(error),
        };
        let told = as_of.to_string();
        let moment = match engine.moment().await {
            Ok(moment) => Arc::new(moment),
            Err(error) => return Ended::failed(error),
        };
        let options = QueryOptions { as_of: Some(as_of), ..QueryOptions::default() };
        let row = match self.0.query(moment, sql, &options).await {
            Ok(answer) => row_of(answer).await,
            Err(error) => Err(error_of(&error)),
        };
        match row {
            Ok(row) => Ended::done(serde_json::json!({ "row": row, "as_of": told })),
            Err(ended) => ended,
        }
    }
}

/// The tick's place in each partition, once all of them have come to it.
async fn as_of(engine: &Engine, tick: u64) -> crate::Result<AsOf> {
    let mut positions: BTreeMap<PartitionId, Offset> = BTreeMap::new();
    for partition in engine.shared().partitions.values() {
        let reached =
            |progress: &Progress| progress.head.clock.is_some_and(|clock| clock.n >= tick);
        engine.wait_for(partition, reached).await?;
        let (id, store) = (partition.id, Arc::clone(&partition.store));
        let found = marks::tick_of(&store.snapshot(), tick)?;
        let found = found.ok_or_else(|| {
            let what = format!("tick {tick} of partition {id} is not known any more");
            crate::Error::new(crate::ErrorKind::Reject, what)
        })?;
        positions.insert(id, found);
    }
    Ok(AsOf::Positions(positions))
}

/// The one row of an answer, as an object.
async fn row_of(mut answer: Answer) -> Result<Value, Ended> {
    let columns = answer.schema.fields().len();
    if columns == 0 || columns > COLUMNS_MAX {
        let what = format!("the rule answers {columns} columns; 1 to {COLUMNS_MAX} are allowed");
        return Err(Ended::refused(what));
    }
    let mut row: Option<Value> = None;
    while let Some(batch) = answer.batches.next().await {
        let batch = batch.map_err(|error| error_of(&error))?;
        if batch.num_rows() == 0 {
            continue;
        }
        if batch.num_rows() > 1 || row.is_some() {
            return Err(Ended::refused("the rule answers more than one row; let it answer one"));
        }
        row = Some(object(&batch)?);
    }
    row.ok_or_else(|| Ended::refused("the rule answers no row; let it answer one"))
}

fn object(batch: &RecordBatch) -> Result<Value, Ended> {
    let failed = |error: &dyn std::fmt::Display| Ended::failed(format!("the row: {error}"));
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    let batch = exact(batch).map_err(|error| failed(&error))?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    let bytes = writer.into_inner();
    if bytes.len() > ROW_BYTES_MAX {
        let what = format!("the row has {} bytes, the limit is {ROW_BYTES_MAX}", bytes.len());
        return Err(Ended::refused(what));
    }
    let rows: Vec<Value> = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    rows.into_iter().next().ok_or_else(|| Ended::failed("the row was lost"))
}

/// Decimals as text: JSON's numbers would round them.
fn exact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let column = match field.data_type() {
            DataType::Decimal128(..) | DataType::Decimal256(..) => cast(column, &DataType::Utf8)?,
            _ => Arc::clone(column),
        };
        Ok((field.name().clone(), column, true))
    });
    RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>, ArrowError>>()?)
}

fn error_of(error: &headwater_query::Error) -> Ended {
    match error.kind() {
        // The moment is fixed: what it lacks it will always lack.
        QueryErrorKind::Invalid => Ended::refused(error),
        QueryErrorKind::Resources | QueryErrorKind::Failed => Ended::failed(error),
    }
}
