//! A log on which everything fails after so many appends, as it looks to a process that is killed there.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId};
use headwater_log::{AppendAck, Error, ErrorKind, EventLog, LogReader, Result};

/// Where within an append the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Before the log has the records.
    Before,
    /// After the log has them, before anybody is told.
    After,
}

/// A log that is cut off.
#[derive(Debug)]
pub(crate) struct CutLog {
    log: Arc<dyn EventLog>,
    cut: Cut,
    /// Appends that are still let through; negative once it is cut.
    left: AtomicI64,
}

impl CutLog {
    /// One that lets everything through until it is armed.
    pub(crate) fn new(log: Arc<dyn EventLog>, cut: Cut) -> Arc<Self> {
        Arc::new(Self { log, cut, left: AtomicI64::new(i64::MAX) })
    }

    /// Lets so many appends through from now on.
    pub(crate) fn arm(&self, appends: i64) {
        self.left.store(appends, Ordering::SeqCst);
    }

    /// Whether an append was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

fn killed<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Closed, "append: the process is gone"))
}

impl EventLog for CutLog {
    fn data_partitions(&self) -> u32 {
        self.log.data_partitions()
    }

    fn describe(&self) -> String {
        self.log.describe()
    }

    fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        ack: AppendAck,
    ) -> BoxFuture<'_, Result<Vec<Offset>>> {
        async move {
            let left = self.left.fetch_sub(1, Ordering::SeqCst);
            match (left, self.cut) {
                (1.., _) => self.log.append(partition, records, ack).await,
                (0, Cut::After) => {
                    self.log.append(partition, records, ack).await?;
                    killed()
                }
                _ => killed(),
            }
        }
        .boxed()
    }

    fn end(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        self.log.end(partition)
    }

    fn start(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        self.log.start(partition)
    }

    fn reader(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        self.log.reader(partition, from)
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> BoxFuture<'_, Result<Offset>> {
        self.log.trim(partition, before)
    }
}
