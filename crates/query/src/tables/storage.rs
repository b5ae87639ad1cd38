//! `log.storage`: what each partition keeps on the disk, measured when it is read.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, StringArray},
    datatypes::{DataType, SchemaRef},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::Result,
    datasource::{MemTable, TableType},
    logical_expr::Expr,
    physical_plan::ExecutionPlan,
};

use super::{
    positions::{of_columns, signed},
    schema::field,
};
use crate::{Error, Moment, StorageItem};

/// What the table tells.
pub(crate) const DESCRIPTION: &str = "What each partition keeps on the disk, measured at the moment of reading: \
                                      of the past there is no answer.";

const DAY_MICROS: f64 = 86_400e6;

/// The provider of the table.
#[derive(Debug)]
pub(crate) struct StorageTable {
    moment: Arc<Moment>,
    schema: SchemaRef,
}

/// One row.
struct Measured {
    partition: String,
    item: StorageItem,
    bytes_per_day: Option<i64>,
}

impl StorageTable {
    pub(crate) fn new(moment: Arc<Moment>) -> Result<Self, Error> {
        let schema = batch(&[])?.schema();
        Ok(Self { moment, schema })
    }

    async fn measure(&self) -> Result<Vec<Measured>, Error> {
        let mut rows = Vec::new();
        for partition in &self.moment.partitions {
            let days = partition.opened_at().and_then(|opened| {
                let micros = self.moment.read_time.micros().saturating_sub(opened.micros());
                // Within the first day there is nothing to divide by.
                Some(micros as f64 / DAY_MICROS).filter(|days| *days >= 1.0)
            });
            let items = partition.storage().await?.ok_or_else(|| {
                Error::invalid("log.storage is measured when it is read: leave AS OF out")
            })?;
            for item in items {
                #[expect(clippy::cast_possible_truncation, reason = "bytes a day fit 63 bits")]
                let per_day = |bytes: u64| days.map(|days| (bytes as f64 / days) as i64);
                let bytes_per_day = item.bytes.and_then(per_day);
                let partition = partition.id().to_string();
                rows.push(Measured { partition, item, bytes_per_day });
            }
        }
        Ok(rows)
    }
}

#[async_trait]
impl TableProvider for StorageTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = batch(&self.measure().await?)?;
        let table = MemTable::try_new(self.schema(), vec![vec![batch]])?;
        table.scan(session, projection, filters, limit).await
    }
}

fn batch(rows: &[Measured]) -> Result<RecordBatch, Error> {
    let text = |name, nullable, what| field(name, DataType::Utf8, nullable, what);
    let int = |name, what| field(name, DataType::Int64, true, what);
    let numbers = |number: fn(&Measured) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(number).collect::<Int64Array>())
    };
    let kinds = rows.iter().map(|row| row.item.kind);
    of_columns(vec![
        (
            text("partition", false, "`control`, or the number of a data partition."),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.partition))),
        ),
        (
            text(
                "kind",
                false,
                "`latest` rows, history in the `tail` or `sealed`, the index of repeats (`ids`), `outbox`, \
                 `meta`, `marks`, the `log` itself, `artifacts`.",
            ),
            Arc::new(StringArray::from_iter_values(kinds)),
        ),
        (
            text(
                "name",
                true,
                "Of `latest` and `sealed`: the table, and the version if it is not the one that is read.",
            ),
            Arc::new(rows.iter().map(|row| row.item.name.clone()).collect::<StringArray>()),
        ),
        (
            int(
                "bytes",
                "Bytes on the disk; about, where they are still in memory. Null where it can't be told: a log on Kafka.",
            ),
            numbers(|row| row.item.bytes.map(signed)),
        ),
        (
            int("items", "How many versions a sealed table has."),
            numbers(|row| row.item.items.map(signed)),
        ),
        (
            int(
                "bytes_per_day",
                "Bytes for each day of the log's clock since the log was opened; null within the first day.",
            ),
            numbers(|row| row.bytes_per_day),
        ),
    ])
}
