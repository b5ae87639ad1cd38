//! What a query reads: every partition at one position each.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use futures::stream::BoxStream;
use headwater_event::{Offset, PartitionId, Record, Timestamp};
use headwater_fold::{Compiled, Head, LogIdentity, Position};

use crate::{AsOf, Error, ReadError};

/// A stored key and its row.
pub type KeyAndRow = (Vec<u8>, Vec<u8>);

/// Stored keys and rows in the order of their keys.
pub type KeysAndRows = Box<dyn Iterator<Item = Result<KeyAndRow, ReadError>> + Send>;

/// One partition's rows at one moment. Implemented by the engine over a store snapshot.
///
/// Its functions block, so they are called from threads that may.
#[async_trait]
pub trait PartitionRows: fmt::Debug + Send + Sync + 'static {
    /// Which partition this is.
    fn id(&self) -> PartitionId;
    /// Which log this is; `None` before its first record was folded.
    fn log(&self) -> Option<&LogIdentity>;
    /// The last offset that was folded; `None` if nothing was.
    fn last(&self) -> Option<Offset>;
    /// How many rows a table's version has, if that is known without counting.
    fn rows_about(&self, version_hex: &str) -> Option<u64>;
    /// What the partition knows besides rows. At hand for the present; for the past, some records are
    /// folded again.
    async fn state(&self) -> Result<PartitionState, ReadError>;
    /// When the log was opened, by its clock; `None` if it is not known.
    fn opened_at(&self) -> Option<Timestamp> {
        None
    }
    /// What the partition keeps on the disk. Measured, so of now only: `None` for the past.
    async fn storage(&self) -> Result<Option<Vec<StorageItem>>, ReadError> {
        Ok(None)
    }
    /// The row under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;
    /// The rows from `start` to before `end`, in the order of their keys.
    fn scan(&self, start: Vec<u8>, end: Vec<u8>) -> KeysAndRows;
}

/// Something that a partition keeps on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageItem {
    /// What kind of thing.
    pub kind: &'static str,
    /// Of which table, where that is told apart.
    pub name: Option<String>,
    /// Its bytes; `None` if they can't be told.
    pub bytes: Option<u64>,
    /// How many things there are in it, if that is known.
    pub items: Option<u64>,
}

/// What a partition knows besides its rows.
#[derive(Debug, Clone)]
pub struct PartitionState {
    /// The head: clock, digests, counts.
    pub head: Head,
    /// How far it was folded, with the chain over all records; `None` if nothing was.
    pub position: Option<Position>,
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

/// What came before a moment. Implemented by the engine over stores and sealed history.
#[async_trait]
pub trait Past: fmt::Debug + Send + Sync {
    /// The moment that is asked for.
    ///
    /// Its `compiled` is the topology that held there, its `read_time` the time asked for, or the
    /// clock at the positions; its `past` is this one. Partitions that positions do not name are put
    /// where they belong by the implementer. What is outside the log is [`ErrorKind::Invalid`], with
    /// the range that is valid.
    ///
    /// [`ErrorKind::Invalid`]: crate::ErrorKind::Invalid
    async fn at(&self, as_of: &AsOf) -> Result<Arc<Moment>, Error>;
}

/// The moment that a query sees.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Every partition, control first.
    pub partitions: Vec<Arc<dyn PartitionRows>>,
    /// The log behind them.
    pub events: Arc<dyn EventSource>,
    /// The topology that control holds.
    pub compiled: Arc<Compiled>,
    /// What `now()` and `read_time()` answer.
    pub read_time: Timestamp,
    /// What came before.
    pub past: Arc<dyn Past>,
}

impl Moment {
    /// A moment of its past; a partition that there is not is an error.
    pub async fn at(&self, as_of: &AsOf) -> Result<Arc<Self>, Error> {
        if let AsOf::Positions(positions) = as_of {
            let known = |id| self.partitions.iter().any(|rows| rows.id() == id);
            if let Some(unknown) = positions.keys().find(|id| !known(**id)) {
                let ids: Vec<_> = self.partitions.iter().map(|r| r.id().to_string()).collect();
                return Err(Error::invalid(format!(
                    "as of {as_of}: there is no partition {unknown}; there are {}",
                    ids.join(", ")
                )));
            }
        }
        self.past.at(as_of).await
    }

    /// The last offset that was folded, by partition; partitions without records are left out.
    pub fn positions(&self) -> BTreeMap<PartitionId, Offset> {
        let folded = |rows: &Arc<dyn PartitionRows>| Some((rows.id(), rows.last()?));
        self.partitions.iter().filter_map(folded).collect()
    }

    /// How many rows of this table there are about; `None` if a partition can't tell.
    pub(crate) fn row_count(&self, version_hex: &str) -> Option<u64> {
        let counts = self.partitions.iter().map(|rows| rows.rows_about(version_hex));
        counts.reduce(|a, b| Some(a?.saturating_add(b?))).flatten()
    }

    /// What each partition knows besides its rows.
    pub(crate) async fn states(&self) -> Result<Vec<(PartitionId, PartitionState)>, Error> {
        let mut states = Vec::with_capacity(self.partitions.len());
        for rows in &self.partitions {
            states.push((rows.id(), rows.state().await?));
        }
        Ok(states)
    }
}
