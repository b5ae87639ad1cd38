//! Logs that are not as they should be: one record is another than was written; nothing is taken away.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId, Record};
use headwater_log::{AppendAck, Error, ErrorKind, EventLog, LogReader, ReadLimits, Result};

/// The log, with this body in the place of what control has at this offset.
#[derive(Debug)]
pub(crate) struct AlteredLog {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) offset: Offset,
    pub(crate) body: NewRecord,
}

struct AlteredReader {
    reader: Box<dyn LogReader>,
    offset: Offset,
    body: NewRecord,
}

impl EventLog for AlteredLog {
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
        self.log.append(partition, records, ack)
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
        async move {
            let reader = self.log.reader(partition, from).await?;
            if partition != PartitionId::Control {
                return Ok(reader);
            }
            let (offset, body) = (self.offset, self.body.clone());
            Ok(Box::new(AlteredReader { reader, offset, body }) as Box<dyn LogReader>)
        }
        .boxed()
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> BoxFuture<'_, Result<Offset>> {
        self.log.trim(partition, before)
    }
}

impl LogReader for AlteredReader {
    fn next_batch(
        &mut self,
        limits: ReadLimits,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Record>>> {
        async move {
            let mut records = self.reader.next_batch(limits, wait).await?;
            for record in records.iter_mut().filter(|record| record.offset == self.offset) {
                record.body = self.body.clone();
            }
            Ok(records)
        }
        .boxed()
    }

    fn position(&self) -> Offset {
        self.reader.position()
    }
}

/// A log that takes nothing away, as one that is out of reach at that moment.
#[derive(Debug)]
pub(crate) struct UntrimmedLog(pub(crate) Arc<dyn EventLog>);

impl EventLog for UntrimmedLog {
    fn data_partitions(&self) -> u32 {
        self.0.data_partitions()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        ack: AppendAck,
    ) -> BoxFuture<'_, Result<Vec<Offset>>> {
        self.0.append(partition, records, ack)
    }

    fn end(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        self.0.end(partition)
    }

    fn start(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        self.0.start(partition)
    }

    fn reader(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        self.0.reader(partition, from)
    }

    fn trim(&self, _: PartitionId, _: Offset) -> BoxFuture<'_, Result<Offset>> {
        async { Err(Error::new(ErrorKind::Retry, "out of reach")) }.boxed()
    }
}
