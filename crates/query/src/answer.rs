//! A query's answer, as it comes.

use std::{collections::BTreeMap, pin::Pin};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use headwater_event::{Offset, PartitionId};

use crate::Error;

/// Batches as they are computed. An error is the last item. Dropping the stream cancels the query.
pub type Batches = Pin<Box<dyn Stream<Item = Result<RecordBatch, Error>> + Send>>;

/// An answer.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Batches,
    /// The positions that the query saw.
    pub positions: BTreeMap<PartitionId, Offset>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("schema", &self.schema)
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn streaming(
        stream: SendableRecordBatchStream,
        positions: BTreeMap<PartitionId, Offset>,
    ) -> Self {
        let schema = stream.schema();
        Self { schema, batches: Box::pin(stream.map_err(Error::from)), positions }
    }

    pub(crate) fn of(batch: RecordBatch, positions: BTreeMap<PartitionId, Offset>) -> Self {
        let schema = batch.schema();
        let batches = futures::stream::once(async move { Ok(batch) }).boxed();
        Self { schema, batches, positions }
    }

    /// All batches; fails if the query does not come to its end.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, Error> {
        self.batches.try_collect().await
    }
}
