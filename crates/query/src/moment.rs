//! What a query reads: every partition at one position each.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures::stream::BoxStream;
use headwater_event::{Offset, PartitionId, Record, Timestamp};
use headwater_fold::{Compiled, Head, Position};

use crate::ReadError;

/// A stored key and its row.
pub type KeyAndRow = (Vec<u8>, Vec<u8>);

/// Stored keys and rows in the order of their keys.
pub type KeysAndRows = Box<dyn Iterator<Item = Result<KeyAndRow, ReadError>> + Send>;

/// One partition's rows at one moment. Implemented by the engine over a store snapshot.
///
/// Its functions block, so they are called from threads that may.
pub trait PartitionRows: fmt::Debug + Send + Sync + 'static {
    /// Which partition this is.
    fn id(&self) -> PartitionId;
    /// What the partition knows besides rows.
    fn head(&self) -> &Head;
    /// How far it was folded; `None` if nothing was.
    fn position(&self) -> Option<&Position>;
    /// The row under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;
    /// The rows from `start` to before `end`, in the order of their keys.
    fn scan(&self, start: Vec<u8>, end: Vec<u8>) -> KeysAndRows;
}

/// The raw events up to the same moment. Implemented by the engine over the log.
pub trait EventSource: fmt::Debug + Send + Sync + 'static {
    /// The records of a partition from `from` to before `to`, in order.
    fn events(
        &self,
        partition: PartitionId,
        from: Offset,
        to: Offset,
    ) -> BoxStream<'static, Result<Vec<Record>, ReadError>>;
}

/// The moment that a query sees.
#[derive(Debug)]
pub struct Moment {
    /// Every partition, control first.
    pub partitions: Vec<Arc<dyn PartitionRows>>,
    /// The log behind them.
    pub events: Arc<dyn EventSource>,
    /// The topology that control holds.
    pub compiled: Arc<Compiled>,
    /// What `read_time()` answers.
    pub read_time: Timestamp,
}

impl Moment {
    /// The last offset that was folded, by partition; partitions without records are left out.
    pub fn positions(&self) -> BTreeMap<PartitionId, Offset> {
        let folded = |rows: &Arc<dyn PartitionRows>| Some((rows.id(), rows.position()?.last));
        self.partitions.iter().filter_map(folded).collect()
    }

    /// How many rows of this table there are, by the digests; of no partition but these.
    pub(crate) fn row_count(&self, version_hex: &str) -> u64 {
        let digests = self.partitions.iter().map(|rows| rows.head().digests.get(version_hex));
        digests.flatten().map(|digest| digest.rows).fold(0, u64::saturating_add)
    }
}
