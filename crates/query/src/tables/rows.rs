//! A table of views' rows: one part of a scan a partition, or all merged by key.

use std::sync::Arc;

use arrow::{
    compute::SortOptions,
    datatypes::{Schema, SchemaRef},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::Result,
    datasource::TableType,
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_expr::{LexOrdering, PhysicalSortExpr, expressions::Column},
    physical_plan::{ExecutionPlan, empty::EmptyExec},
};
use headwater_fold::{Shown, Table};

use super::{
    cursor::Cursor,
    merge::MergeReader,
    schema::{Origin, row_columns},
    slide::SlideReader,
    writer::RowWriter,
};
use crate::{
    Error, Limits, Moment, PartitionRows,
    filter::KeyFilter,
    scan::{BatchReader, PartStream, ScanExec, Source, blocking},
};

/// The provider of a table of rows, without the columns that SQL derives.
#[derive(Debug)]
pub(crate) struct RowsTable {
    table: Arc<Table>,
    moment: Arc<Moment>,
    /// What `EXPLAIN` calls it.
    shown: String,
    limits: Limits,
    schema: SchemaRef,
    origins: Vec<Origin>,
}

impl RowsTable {
    pub(crate) fn new(
        table: Arc<Table>,
        moment: Arc<Moment>,
        shown: String,
        limits: Limits,
    ) -> Self {
        let (schema, origins) = row_columns(&table);
        Self { table, moment, shown, limits, schema: Arc::new(schema), origins }
    }

    /// The window that a read of this moment sees, if rows are panes of one.
    fn slides_to(&self) -> Option<(i64, i64)> {
        match &self.table.shown {
            Shown::Features(features) => {
                Some(features.slide()?.window_at(self.moment.read_time.micros()))
            }
            Shown::AsStored => None,
        }
    }

    /// What filters say of the keys. The window's beginning is that of no pane.
    fn filter(&self, filters: &[Expr]) -> KeyFilter {
        let Some((start, end)) = self.slides_to() else {
            return KeyFilter::of(&self.table, filters);
        };
        let mut entity = Table::clone(&self.table);
        entity.key.pop();
        KeyFilter::of(&entity, filters).within(start, end)
    }

    /// The partitions to read. A row that is merged is in no one partition before it is.
    fn partitions(&self, filter: &KeyFilter) -> Vec<Arc<dyn PartitionRows>> {
        let wanted = |rows: &&Arc<dyn PartitionRows>| match &filter.partitions {
            Some(partitions) if !self.table.merged_at_read => {
                partitions.contains(&rows.id().to_string())
            }
            _ => true,
        };
        self.moment.partitions.iter().filter(wanted).cloned().collect()
    }
}

#[async_trait]
impl TableProvider for RowsTable {
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
        let helps = |filter: &&Expr| match KeyFilter::helps(&self.table, filter) {
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
        let all: Vec<usize> = (0..self.origins.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(wanted)?);
        let origins: Vec<Origin> =
            wanted.iter().filter_map(|place| self.origins.get(*place).copied()).collect();
        let filter = self.filter(filters);
        let slides_to = self.slides_to();
        let partitions = self.partitions(&filter);
        if partitions.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let ordering = key_order(&self.table, &schema, &origins);
        let source = RowsSource {
            rows_about: self
                .moment
                .row_count(&self.table.version_hex())
                .filter(|_| slides_to.is_none())
                .and_then(|rows| usize::try_from(rows).ok()),
            slides_to,
            table: Arc::clone(&self.table),
            shown: self.shown.clone(),
            partitions,
            filter: Arc::new(filter),
            origins,
            schema: Arc::clone(&schema),
            limits: self.limits.clone(),
        };
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, ordering, limit)))
    }
}

/// Keys are stored in the order of their values: project, then key columns, as far as they are wanted.
fn key_order(table: &Table, schema: &Schema, origins: &[Origin]) -> Option<LexOrdering> {
    let key = (0..table.key.len()).map(Origin::Key);
    let sorted = [Origin::Project].into_iter().chain(key).map_while(|wanted| {
        let place = origins.iter().position(|origin| *origin == wanted)?;
        let column = Column::new(schema.fields().get(place)?.name(), place);
        let options = SortOptions { descending: false, nulls_first: false };
        Some(PhysicalSortExpr::new(Arc::new(column), options))
    });
    LexOrdering::new(sorted)
}

/// What a scan of a table of rows reads.
#[derive(Debug)]
struct RowsSource {
    table: Arc<Table>,
    shown: String,
    partitions: Vec<Arc<dyn PartitionRows>>,
    filter: Arc<KeyFilter>,
    origins: Vec<Origin>,
    schema: SchemaRef,
    limits: Limits,
    /// The window that panes are merged into.
    slides_to: Option<(i64, i64)>,
    rows_about: Option<usize>,
}

impl RowsSource {
    fn cursor(&self, rows: &Arc<dyn PartitionRows>) -> Cursor {
        Cursor::new(Arc::clone(rows), Arc::clone(&self.table), Arc::clone(&self.filter))
    }
}

impl Source for RowsSource {
    fn describe(&self) -> String {
        let names: Vec<_> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut text = format!("{}, columns=[{}]", self.shown, names.join(", "));
        if self.filter.columns > 0 {
            let (seeks, columns) = (self.filter.suffixes.len(), self.filter.columns);
            text.push_str(&format!(", seeks={seeks} by {columns} key columns"));
        }
        if let Some(projects) = &self.filter.projects {
            text.push_str(&format!(", projects={projects:?}"));
        }
        if self.slides_to.is_some() {
            text.push_str(", panes merged");
        }
        if self.table.merged_at_read {
            text.push_str(&format!(", merged over {} partitions", self.partitions.len()));
        }
        text
    }

    fn parts(&self) -> usize {
        if self.table.merged_at_read || self.slides_to.is_some() {
            1
        } else {
            self.partitions.len()
        }
    }

    fn rows_about(&self) -> Option<usize> {
        // Rows in all is of no use where only some are sought.
        let all = self.filter.columns == 0 && self.filter.projects.is_none();
        self.rows_about.filter(|_| all)
    }

    fn open(&self, part: usize, fetch: Option<usize>) -> PartStream {
        let writer = RowWriter::new(
            Arc::clone(&self.table),
            Arc::clone(&self.schema),
            &self.origins,
            &self.limits,
        );
        let left = fetch.unwrap_or(usize::MAX);
        if let Some(window) = self.slides_to {
            let cursors = self.partitions.iter().map(|rows| self.cursor(rows)).collect();
            let table = Arc::clone(&self.table);
            return blocking(SlideReader::new(table, window, cursors, writer, left));
        }
        if self.table.merged_at_read && self.partitions.len() > 1 {
            let cursors = self.partitions.iter().map(|rows| self.cursor(rows)).collect();
            return blocking(MergeReader::new(Arc::clone(&self.table), cursors, writer, left));
        }
        match self.partitions.get(part) {
            Some(rows) => blocking(RowReader { cursor: self.cursor(rows), writer, left }),
            None => Box::pin(futures::stream::empty()),
        }
    }
}

/// Reads the rows of one partition.
struct RowReader {
    cursor: Cursor,
    writer: RowWriter,
    left: usize,
}

impl BatchReader for RowReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        let at = self.cursor.rows().id();
        while self.left > 0 && !self.writer.is_full() {
            let Some((key, row)) = self.cursor.next()? else {
                self.left = 0;
                break;
            };
            self.writer.push(at, &key, &row)?;
            self.left -= 1;
        }
        self.writer.finish()
    }
}
