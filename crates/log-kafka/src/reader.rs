//! Reads one partition: a thread of its own polls its own consumer and hands on whole batches.

use std::{collections::VecDeque, thread, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{Offset, PartitionId, Record};
use headwater_log::{Error, ErrorKind, LogReader, ReadLimits, Result};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use tokio::sync::mpsc;

use crate::{arena::Arena, problem};

/// How soon the thread notices that its reader is gone.
const POLL: Duration = Duration::from_millis(100);
/// A batch that is handed on: large enough that handing it on costs nothing.
const BATCH_RECORDS_MAX: usize = 2_000;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Batches between thread and reader: enough to keep both busy, few enough to bound memory.
const BATCHES_AHEAD: usize = 4;

/// What the thread hands on.
struct Batch {
    records: Vec<Record>,
    /// All before this was handed on.
    position: Offset,
}

/// Reads one partition of a Kafka topic.
pub(crate) struct Reader {
    batches: mpsc::Receiver<Result<Batch>>,
    records: VecDeque<Record>,
    /// The position once `records` are given.
    received: Offset,
    position: Offset,
}

impl Reader {
    /// Starts to read `topic`'s `index`th partition, which is known as `partition`, at `from`.
    pub(crate) fn start(
        consumer: BaseConsumer,
        topic: &str,
        index: i32,
        partition: PartitionId,
        from: Offset,
    ) -> Result<Self> {
        let doing = format!("read topic {topic}, partition {index}");
        let failed = |error: KafkaError| problem::kafka(&doing, error);
        let mut assignment = TopicPartitionList::new();
        let offset = rdkafka::Offset::Offset(i64::try_from(from.0).unwrap_or(i64::MAX));
        assignment.add_partition_offset(topic, index, offset).map_err(failed)?;
        consumer.assign(&assignment).map_err(failed)?;
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let poller = Poller { consumer, partition, doing, position: from, sender };
        thread::Builder::new()
            .name(format!("log-read-{partition}"))
            .spawn(|| poller.run())
            .map_err(|error| Error::new(ErrorKind::Retry, "start a thread").caused_by(error))?;
        Ok(Self { batches, records: VecDeque::new(), received: from, position: from })
    }

    /// Takes as many of the received records as the limits let.
    fn take(&mut self, limits: ReadLimits) -> Vec<Record> {
        let mut bytes = 0_usize;
        let fit = self.records.iter().take(limits.records_max).take_while(|record| {
            bytes = bytes.saturating_add(record.body.size());
            bytes <= limits.bytes_max
        });
        let count = fit.count().max(1).min(self.records.len());
        let batch: Vec<Record> = self.records.drain(..count).collect();
        self.position = match (batch.last(), self.records.is_empty()) {
            (_, true) => self.received,
            (Some(last), false) => last.offset.next(),
            (None, false) => self.position,
        };
        batch
    }

    async fn next_records(&mut self, limits: ReadLimits, wait: Duration) -> Result<Vec<Record>> {
        let deadline = tokio::time::Instant::now().checked_add(wait);
        loop {
            // Also without records: then the position may have moved past a gap.
            let batch = self.take(limits);
            if !batch.is_empty() {
                return Ok(batch);
            }
            let received = match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, self.batches.recv()).await,
                None => Ok(self.batches.recv().await),
            };
            match received {
                Ok(Some(batch)) => {
                    let batch = batch?;
                    self.received = batch.position;
                    self.records.extend(batch.records);
                }
                Ok(None) => return Err(Error::new(ErrorKind::Closed, "the reader has ended")),
                Err(_) => return Ok(Vec::new()),
            }
        }
    }
}

impl LogReader for Reader {
    fn next_batch(
        &mut self,
        limits: ReadLimits,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Record>>> {
        self.next_records(limits, wait).boxed()
    }

    fn position(&self) -> Offset {
        self.position
    }
}

/// The thread's end.
struct Poller {
    consumer: BaseConsumer,
    partition: PartitionId,
    doing: String,
    /// All before this was handed on.
    position: Offset,
    sender: mpsc::Sender<Result<Batch>>,
}

impl Poller {
    /// Hands on batches until the reader is dropped or an error ends it.
    fn run(mut self) {
        while !self.sender.is_closed() {
            let polled = self.poll();
            let failed = polled.is_err();
            let Some(item) = polled.transpose() else { continue };
            if self.sender.blocking_send(item).is_err() || failed {
                break;
            }
        }
    }

    /// Waits for a moment for messages, then takes all that have come.
    fn poll(&mut self) -> Result<Option<Batch>> {
        let mut arena = Arena::default();
        let mut wait = POLL;
        while arena.len() < BATCH_RECORDS_MAX && arena.size() < BATCH_BYTES_MAX {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => arena.add(&message),
                Some(Err(error)) => self.tolerate(error)?,
                None => break,
            }
            wait = Duration::ZERO;
        }
        let records = arena.into_records(self.partition);
        let position = match records.last() {
            Some(last) => last.offset.next(),
            None => self.passed(),
        };
        let moved = position > self.position;
        self.position = self.position.max(position);
        Ok(moved.then_some(Batch { records, position }))
    }

    /// How far the consumer has come, marks of transactions included.
    fn passed(&self) -> Offset {
        let positions = self.consumer.position().ok();
        let passed = positions.and_then(|list| {
            list.elements().first().and_then(|element| match element.offset() {
                rdkafka::Offset::Offset(offset) => u64::try_from(offset).ok(),
                _ => None,
            })
        });
        passed.map_or(self.position, Offset)
    }

    /// Waits out what passes by itself, such as a broker that is away.
    fn tolerate(&self, error: KafkaError) -> Result<()> {
        if problem::kind(&error) != ErrorKind::Retry {
            return Err(problem::kafka(&self.doing, error));
        }
        tracing::debug!(%error, doing = %self.doing, "waiting for Kafka");
        Ok(())
    }
}
