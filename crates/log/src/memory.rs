//! A log in memory, for tests and for what needs no log on disk.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId, Record};
use tokio::sync::watch;

use crate::{AppendAck, Error, ErrorKind, EventLog, LogReader, ReadLimits, Result};

/// A log that lives as long as the last handle on it; clones are handles on the same log.
#[derive(Clone)]
pub struct MemoryLog {
    partitions: Arc<[Partition]>,
}

struct Partition {
    records: Mutex<Records>,
    /// The offset after the last record, for readers to wait on.
    end: watch::Sender<u64>,
}

#[derive(Default)]
struct Records {
    /// The offset of the first one.
    start: u64,
    kept: Vec<Record>,
}

impl Records {
    fn end(&self) -> u64 {
        self.start + self.kept.len() as u64
    }
}

impl MemoryLog {
    /// An empty log with so many data partitions.
    pub fn new(data_partitions: u32) -> Self {
        let partitions = PartitionId::all(data_partitions)
            .map(|_| Partition { records: Mutex::default(), end: watch::Sender::new(0) })
            .collect();
        Self { partitions }
    }

    fn partition(&self, partition: PartitionId) -> Result<&Partition> {
        usize::try_from(partition.code())
            .ok()
            .and_then(|code| self.partitions.get(code))
            .ok_or_else(|| Error::no_such_partition(partition, self))
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog").field("data_partitions", &self.data_partitions()).finish()
    }
}

impl Partition {
    fn records(&self) -> MutexGuard<'_, Records> {
        // Records are whole at every moment, so another thread's panic did not harm it.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, partition: PartitionId, new: Vec<NewRecord>) -> Vec<Offset> {
        let mut records = self.records();
        // Monotone per partition even if the machine's clock was set back.
        let appended_at_ms =
            records.kept.last().map_or(0, |last| last.appended_at_ms).max(now_ms());
        let mut offsets = Vec::with_capacity(new.len());
        for body in new {
            let offset = Offset(records.end());
            records.kept.push(Record { partition, offset, appended_at_ms, body });
            offsets.push(offset);
        }
        self.end.send_replace(records.end());
        offsets
    }

    fn trim(&self, before: u64) -> u64 {
        let mut records = self.records();
        let gone = before.saturating_sub(records.start);
        let gone = usize::try_from(gone).unwrap_or(usize::MAX).min(records.kept.len());
        records.kept.drain(..gone);
        records.start += gone as u64;
        records.start
    }

    fn read(&self, from: u64, limits: ReadLimits) -> Vec<Record> {
        let records = self.records();
        let from = usize::try_from(from.saturating_sub(records.start));
        let rest = from.ok().and_then(|from| records.kept.get(from..));
        let mut bytes = 0_usize;
        let mut batch: Vec<Record> = Vec::new();
        for record in rest.unwrap_or_default() {
            bytes = bytes.saturating_add(record.body.size());
            let full = batch.len() >= limits.records_max || bytes > limits.bytes_max;
            if full && !batch.is_empty() {
                break;
            }
            batch.push(record.clone());
        }
        batch
    }
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

impl EventLog for MemoryLog {
    fn data_partitions(&self) -> u32 {
        u32::try_from(self.partitions.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn describe(&self) -> String {
        "log in memory".to_owned()
    }

    fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        _ack: AppendAck,
    ) -> BoxFuture<'_, Result<Vec<Offset>>> {
        async move { Ok(self.partition(partition)?.append(partition, records)) }.boxed()
    }

    fn end(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        async move { Ok(Offset(*self.partition(partition)?.end.borrow())) }.boxed()
    }

    fn start(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        async move { Ok(Offset(self.partition(partition)?.records().start)) }.boxed()
    }

    fn reader(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        async move {
            let end = self.partition(partition)?.end.subscribe();
            let last = Offset(*end.borrow());
            if from > last {
                return Err(Error::past_the_end(partition, from, last, self));
            }
            let reader = Reader { log: self.clone(), partition, next: from.0, end };
            Ok(Box::new(reader) as Box<dyn LogReader>)
        }
        .boxed()
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> BoxFuture<'_, Result<Offset>> {
        async move {
            let kept = self.partition(partition)?;
            let end = Offset(*kept.end.borrow());
            if before > end {
                return Err(Error::trim_past_the_end(partition, before, end, self));
            }
            Ok(Offset(kept.trim(before.0)))
        }
        .boxed()
    }
}

struct Reader {
    log: MemoryLog,
    partition: PartitionId,
    next: u64,
    end: watch::Receiver<u64>,
}

impl LogReader for Reader {
    fn next_batch(
        &mut self,
        limits: ReadLimits,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Record>>> {
        async move {
            let next = self.next;
            // Only told of time passed: the log outlives its readers, so that it never closes. The
            // watch's guard is let go at once: an append holds the records while it wants the watch.
            let waited = tokio::time::timeout(wait, self.end.wait_for(|end| *end > next))
                .await
                .map(|end| end.map(drop));
            if let Ok(Err(closed)) = waited {
                return Err(Error::new(ErrorKind::Closed, "the log was closed").caused_by(closed));
            }
            let batch = self.log.partition(self.partition)?.read(next, limits);
            if let Some(last) = batch.last() {
                self.next = last.offset.next().0;
            }
            Ok(batch)
        }
        .boxed()
    }

    fn position(&self) -> Offset {
        Offset(self.next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::{DATA_PARTITIONS, Home};

    struct InMemory(MemoryLog);

    impl Home for InMemory {
        fn open(&self) -> BoxFuture<'_, Result<Arc<dyn EventLog>>> {
            async move { Ok(Arc::new(self.0.clone()) as Arc<dyn EventLog>) }.boxed()
        }
    }

    crate::contract_tests!(async { InMemory(MemoryLog::new(DATA_PARTITIONS)) });
}
