//! A table of what the partitions know besides rows: computed when it is read, for in the past that
//! takes folding some records again.

use std::{fmt, sync::Arc};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::Result,
    datasource::{MemTable, TableType},
    logical_expr::Expr,
    physical_plan::ExecutionPlan,
};
use headwater_event::PartitionId;

use crate::{Error, Moment, PartitionState};

/// Each partition's state, control first.
pub(crate) type States = [(PartitionId, PartitionState)];

type ToBatch = Arc<dyn Fn(&States) -> Result<RecordBatch, Error> + Send + Sync>;

/// The provider of such a table.
pub(crate) struct StatesTable {
    moment: Arc<Moment>,
    schema: SchemaRef,
    batch: ToBatch,
}

impl StatesTable {
    /// The table that this function makes of the partitions' states.
    pub(crate) fn new(
        moment: Arc<Moment>,
        batch: impl Fn(&States) -> Result<RecordBatch, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let schema = batch(&[])?.schema();
        Ok(Self { moment, schema, batch: Arc::new(batch) })
    }
}

impl fmt::Debug for StatesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatesTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for StatesTable {
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
        let batch = (self.batch)(&self.moment.states().await?)?;
        let table = MemTable::try_new(self.schema(), vec![vec![batch]])?;
        table.scan(session, projection, filters, limit).await
    }
}
