//! A query's answer, as it comes.

use std::{collections::BTreeMap, pin::Pin};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use headwater_event::{Offset, PartitionId};

use crate::{AsOf, Error};

/// Batches as they are computed. An error is the last item. Dropping the stream cancels the query.
pub type Batches = Pin<Box<dyn Stream<Item = Result<RecordBatch, Error>> + Send>>;

/// An answer.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Batches,
    /// The moment of all tables that name no other; `None` for now.
    pub as_of: Option<AsOf>,
    /// The positions at which those tables were read.
    pub positions: BTreeMap<PartitionId, Offset>,
    /// The positions of each other moment that the query asked a table for.
    pub versions: BTreeMap<AsOf, BTreeMap<PartitionId, Offset>>,
}

/// Where a query's tables were read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) as_of: Option<AsOf>,
    pub(crate) positions: BTreeMap<PartitionId, Offset>,
    pub(crate) versions: BTreeMap<AsOf, BTreeMap<PartitionId, Offset>>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("schema", &self.schema)
            .field("as_of", &self.as_of)
            .field("positions", &self.positions)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn streaming(stream: SendableRecordBatchStream, seen: Seen) -> Self {
        let schema = stream.schema();
        Self::new(schema, Box::pin(stream.map_err(Error::from)), seen)
    }

    pub(crate) fn of(batch: RecordBatch, seen: Seen) -> Self {
        let schema = batch.schema();
        Self::new(schema, futures::stream::once(async move { Ok(batch) }).boxed(), seen)
    }

    fn new(schema: SchemaRef, batches: Batches, seen: Seen) -> Self {
        let Seen { as_of, positions, versions } = seen;
        Self { schema, batches, as_of, positions, versions }
    }

    /// All batches; fails if the query does not come to its end.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, Error> {
        self.batches.try_collect().await
    }
}
