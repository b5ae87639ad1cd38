//! `log.late_events`: what each view that is read keeps of its own, one after the other.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::Result,
    datasource::TableType,
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::{ExecutionPlan, union::UnionExec},
};
use headwater_fold::{CompiledView, TableRow as _, family::log::LateEvent, late_events_of};

use super::rows::RowsTable;
use crate::{Limits, Moment};

/// The late events of all views whose windows close.
#[derive(Debug)]
pub(crate) struct LateEventsTable {
    /// Never empty: without views there is a part without rows.
    parts: Vec<RowsTable>,
    schema: SchemaRef,
}

impl LateEventsTable {
    pub(crate) fn new(moment: &Arc<Moment>, shown: &str, limits: &Limits) -> Self {
        let closes = |view: &&CompiledView| view.declared.lateness_ms.is_some();
        let views = moment.compiled.views.iter().filter(closes);
        let own = views.map(|view| late_events_of(&view.table));
        let nobody = std::iter::once(LateEvent::table().clone());
        let parts: Vec<RowsTable> = nobody
            .chain(own)
            .map(|table| {
                let (moment, shown) = (Arc::clone(moment), format!("{shown} of {}", table.name));
                RowsTable::new(Arc::new(table), moment, shown, limits.clone())
            })
            .collect();
        let schema = parts.first().map(TableProvider::schema);
        Self {
            schema: schema.unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty())),
            parts,
        }
    }
}

#[async_trait]
impl TableProvider for LateEventsTable {
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
        match self.parts.first() {
            Some(part) => part.supports_filters_pushdown(filters),
            None => Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()]),
        }
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plans = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            plans.push(part.scan(session, projection, filters, limit).await?);
        }
        UnionExec::try_new(plans)
    }
}
