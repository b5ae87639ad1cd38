//! `log.events`: the events themselves, read from the log, up to the moment's positions.

use std::sync::Arc;

use arrow::{
    datatypes::{DataType, Schema, SchemaRef},
    record_batch::{RecordBatch, RecordBatchOptions},
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::Result,
    datasource::TableType,
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::{ExecutionPlan, empty::EmptyExec},
};
use futures::{StreamExt as _, TryStreamExt as _};
use headwater_event::{ANONYMOUS, Event, Offset, PartitionId, Record, Verifier, decode};
use serde_json::json;

use super::{
    columns::ColumnBuilder,
    positions::signed,
    schema::{TIMESTAMP, field, place_fields},
};
use crate::{
    Error, EventSource, Moment, PartitionRows,
    filter::{is_place, offsets, partitions},
    scan::{PartStream, ScanExec, Source},
};

/// What the table tells.
pub(crate) const DESCRIPTION: &str = "Every event on the log. Records that are no event are in \
                                      dead_letters; what became of an event is told by the views.";

/// Name, nullable, meaning, in the order of the columns; then the place.
const COLUMNS: [(&str, bool, &str); 14] = [
    ("id", false, "Unique for its source."),
    ("source", false, "Who says it."),
    ("type", false, "What happened, such as `app.order.placed`."),
    ("subject", false, "What it happened to; decides the partition."),
    ("time", true, "When it happened; the log's clock where it is null."),
    ("project", false, "The project."),
    ("actor", false, "Who sent it, as the server saw; `anonymous` if it did not."),
    ("claimed_actor", true, "Who sent it, as the sender says."),
    ("cause_id", true, "The id of the event that caused this one."),
    ("correlation_id", true, "What ties events of one undertaking together."),
    ("dataschema", true, "The URI of the payload's schema; version 1 if null."),
    ("derived_from", true, "Partition, offset and index that the outbox derived it from."),
    ("data", false, "The payload, as JSON."),
    (
        "extensions",
        true,
        "All other attributes, as JSON; of a source's event, where its record stands.",
    ),
];

/// The columns.
pub(crate) fn schema() -> Schema {
    let fields = COLUMNS.iter().map(|(name, nullable, what)| {
        let data_type = if *name == "time" { TIMESTAMP.clone() } else { DataType::Utf8 };
        field(name, data_type, *nullable, what)
    });
    Schema::new(fields.chain(place_fields("event")).collect::<Vec<_>>())
}

/// The provider of the log's events.
#[derive(Debug)]
pub(crate) struct EventsTable {
    moment: Arc<Moment>,
    /// What `EXPLAIN` calls it.
    shown: String,
    schema: SchemaRef,
}

impl EventsTable {
    pub(crate) fn new(moment: Arc<Moment>, shown: String) -> Self {
        Self { moment, shown, schema: Arc::new(schema()) }
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let helps = |filter: &&Expr| match is_place(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(helps).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        let wanted = partitions(filters);
        let (from, to) = offsets(filters);
        let part = |rows: &Arc<dyn PartitionRows>| {
            let id = rows.id();
            let named = wanted.as_ref().is_none_or(|wanted| wanted.contains(&id.to_string()));
            let to = rows.last()?.next().0.min(to);
            (named && from < to).then(|| Part {
                partition: id,
                from: Offset(from),
                to: Offset(to),
                verifier: verifier(&**rows),
            })
        };
        let parts: Vec<Part> = self.moment.partitions.iter().filter_map(part).collect();
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let log = Arc::clone(&self.moment.events);
        let shown = self.shown.clone();
        let source = EventsSource { log, shown, parts, schema: Arc::clone(&schema) };
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, None, limit)))
    }
}

/// Who signed a record is checked by the key that the log was opened with.
fn verifier(rows: &dyn PartitionRows) -> Option<Verifier> {
    let log = rows.log()?;
    Verifier::new(&log.verifying_key, log.log_id.clone())
}

/// A range of one partition.
#[derive(Debug, Clone)]
struct Part {
    partition: PartitionId,
    from: Offset,
    to: Offset,
    verifier: Option<Verifier>,
}

/// What a scan of events reads.
#[derive(Debug)]
struct EventsSource {
    log: Arc<dyn EventSource>,
    shown: String,
    parts: Vec<Part>,
    schema: SchemaRef,
}

impl Source for EventsSource {
    fn describe(&self) -> String {
        let range = |part: &Part| format!("{}: {}..{}", part.partition, part.from, part.to);
        let ranges: Vec<String> = self.parts.iter().map(range).collect();
        let names: Vec<_> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let (names, ranges) = (names.join(", "), ranges.join(", "));
        format!("{}, columns=[{names}], ranges=[{ranges}]", self.shown)
    }

    fn parts(&self) -> usize {
        self.parts.len()
    }

    fn rows_about(&self) -> Option<usize> {
        let rows = self.parts.iter().map(|part| part.to.0.saturating_sub(part.from.0)).sum();
        u64::try_into(rows).ok()
    }

    fn open(&self, part: usize, fetch: Option<usize>) -> PartStream {
        let Some(part) = self.parts.get(part).cloned() else {
            return Box::pin(futures::stream::empty());
        };
        let schema = Arc::clone(&self.schema);
        let mut left = fetch.unwrap_or(usize::MAX);
        let records = self.log.events(part.partition, part.from, part.to);
        records
            .map_err(|error| Error::from(error).into())
            .and_then(move |records| {
                let batch = batch(&schema, &part, records, left).map_err(Into::into);
                left = batch.as_ref().map_or(0, |batch| left - batch.num_rows().min(left));
                let ended = left == 0;
                async move { batch.map(|batch| (batch, ended)) }
            })
            // The batch with which the limit is reached is the last one.
            .scan(false, |over, batch| {
                let next = if *over { None } else { Some(batch) };
                *over = matches!(&next, Some(Ok((_, true)) | Err(_)));
                async move { next }
            })
            .map_ok(|(batch, _)| batch)
            .boxed()
    }
}

/// The events among these records, no more than `most`.
fn batch(
    schema: &SchemaRef,
    part: &Part,
    records: Vec<Record>,
    most: usize,
) -> Result<RecordBatch, Error> {
    let named = schema
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), ColumnBuilder::new(field.data_type())));
    let mut columns: Vec<(&str, ColumnBuilder)> = named.collect();
    let trusts = columns.iter().any(|(name, _)| matches!(*name, "actor" | "claimed_actor"));
    let mut rows = 0;
    for record in records {
        // A log may answer with more than it was asked for.
        let within = (part.from..part.to).contains(&record.offset);
        let Ok(mut event) = decode(&record.body) else { continue };
        if !within || rows == most {
            continue;
        }
        if trusts && !signed_by_log(part, &record) {
            event.claimed_actor = event.actor.take().or(event.claimed_actor.take());
        }
        for (name, builder) in &mut columns {
            push(builder, name, &event, &record);
        }
        rows += 1;
    }
    let arrays = columns.iter_mut().map(|(_, builder)| builder.finish()).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(|error| Error::failed(format!("table log.events: {error}")))
}

/// Only a signed record's actor is the server's word.
fn signed_by_log(part: &Part, record: &Record) -> bool {
    let verifier = part.verifier.as_ref();
    verifier.is_some_and(|v| matches!(v.epoch_of(record.partition, &record.body), Ok(Some(_))))
}

fn push(builder: &mut ColumnBuilder, column: &str, event: &Event, record: &Record) {
    match column {
        "id" => builder.push_text(&event.id),
        "source" => builder.push_text(&event.source),
        "type" => builder.push_text(&event.event_type),
        "subject" => builder.push_text(&event.subject),
        "time" => builder.push_integer(event.time.map(|time| time.micros())),
        "project" => builder.push_text(&event.project),
        "actor" => builder.push_text(event.actor.as_deref().unwrap_or(ANONYMOUS)),
        "claimed_actor" => builder.push_optional_text(event.claimed_actor.as_deref()),
        "cause_id" => builder.push_optional_text(event.cause_id.as_deref()),
        "correlation_id" => builder.push_optional_text(event.correlation_id.as_deref()),
        "dataschema" => builder.push_optional_text(event.dataschema.as_deref()),
        "derived_from" => {
            let outlet = event.derived_from.map(|outlet| outlet.to_string());
            builder.push_optional_text(outlet.as_deref());
        }
        "data" => builder.push_text(&event.data.to_string()),
        "extensions" => {
            let all = (!event.extensions.is_empty()).then(|| json!(event.extensions).to_string());
            builder.push_optional_text(all.as_deref());
        }
        "_partition" => builder.push_text(&record.partition.to_string()),
        "_offset" => builder.push_integer(Some(signed(record.offset.0))),
        _ => builder.push_integer(Some(record.appended_at_ms.saturating_mul(1_000))),
    }
}
