//! A log on Kafka: one producer for all that is appended, one consumer for each reader.

use std::{fmt, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId};
use headwater_log::{AppendAck, Error, EventLog, LogReader, Result};
use rdkafka::{
    consumer::BaseConsumer,
    producer::{Producer as _, ThreadedProducer},
};
use tokio::sync::Mutex;

use crate::{
    KafkaConfig,
    delivery::Deliveries,
    outgoing::{Place, produce},
    problem,
    reader::Reader,
    topics::{self, Missing},
    trim,
};

/// At the end, wait so long for what is under way.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// A log on Kafka.
pub struct KafkaLog {
    config: KafkaConfig,
    /// By the partitions' codes. The lock keeps the records of one append in one run.
    partitions: Vec<Partition>,
    producer: ThreadedProducer<Deliveries>,
    /// Asked for the ends of partitions; reads nothing.
    client: Arc<BaseConsumer>,
}

struct Partition {
    topic: String,
    index: i32,
    in_turn: Mutex<()>,
}

impl KafkaLog {
    /// Connects to a log; makes its topics if they are not there.
    ///
    /// Topics of another shape than asked for, and compacted ones, are refused.
    pub async fn open(config: KafkaConfig) -> Result<Self> {
        Self::connect(config, Missing::Make).await
    }

    /// Connects to a log that is there: topics that are not are refused, as whoever only looks must
    /// not make any.
    pub async fn open_existing(config: KafkaConfig) -> Result<Self> {
        Self::connect(config, Missing::Refuse).await
    }

    async fn connect(config: KafkaConfig, missing: Missing) -> Result<Self> {
        let failed = |error| problem::kafka("connect to Kafka", error);
        let client: BaseConsumer = config.consumer().create().map_err(failed)?;
        let client = Arc::new(client);
        let data_partitions = topics::ensure(&config, Arc::clone(&client), missing).await?;
        let producer = config.producer().create_with_context(Deliveries).map_err(failed)?;
        let partitions = PartitionId::all(data_partitions)
            .map(|partition| {
                let (topic, index) = match partition {
                    PartitionId::Control => (config.control_topic(), 0),
                    PartitionId::Data(n) => (config.data_topic(), i32::try_from(n).unwrap_or(-1)),
                };
                Partition { topic, index, in_turn: Mutex::default() }
            })
            .collect();
        Ok(Self { config, partitions, producer, client })
    }

    fn partition(&self, partition: PartitionId) -> Result<&Partition> {
        usize::try_from(partition.code())
            .ok()
            .and_then(|code| self.partitions.get(code))
            .ok_or_else(|| Error::no_such_partition(partition, self))
    }

    /// The first offset that is kept, and the one after the last.
    async fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset)> {
        let Partition { topic, index, .. } = self.partition(partition)?;
        topics::bounds(&self.client, topic, *index).await
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        if let Err(error) = self.producer.flush(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "some appends were not acknowledged when the log was closed");
        }
    }
}

impl fmt::Debug for KafkaLog {
    // Without the properties, which may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KafkaLog").field(&self.describe()).finish()
    }
}

impl EventLog for KafkaLog {
    fn data_partitions(&self) -> u32 {
        u32::try_from(self.partitions.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn describe(&self) -> String {
        format!("kafka://{}/{}", self.config.brokers, self.config.name)
    }

    fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        _ack: AppendAck,
    ) -> BoxFuture<'_, Result<Vec<Offset>>> {
        async move {
            let partition = self.partition(partition)?;
            if records.is_empty() {
                return Ok(Vec::new());
            }
            let Partition { topic, index, in_turn } = partition;
            let place = Place { topic, partition: Some(*index), in_turn };
            produce(&self.producer, place, &records).await
        }
        .boxed()
    }

    fn end(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        async move { Ok(self.bounds(partition).await?.1) }.boxed()
    }

    fn start(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        async move { Ok(self.bounds(partition).await?.0) }.boxed()
    }

    fn reader(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        async move {
            let (start, end) = self.bounds(partition).await?;
            if from > end {
                return Err(Error::past_the_end(partition, from, end, self));
            }
            let Partition { topic, index, .. } = self.partition(partition)?;
            let consumer: BaseConsumer = self
                .config
                .consumer()
                .create()
                .map_err(|error| problem::kafka("connect to Kafka", error))?;
            let reader = Reader::start(consumer, topic, *index, partition, from.max(start))?;
            Ok(Box::new(reader) as Box<dyn LogReader>)
        }
        .boxed()
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> BoxFuture<'_, Result<Offset>> {
        async move {
            let (start, end) = self.bounds(partition).await?;
            if before > end {
                return Err(Error::trim_past_the_end(partition, before, end, self));
            }
            if before > start {
                let Partition { topic, index, .. } = self.partition(partition)?;
                trim::trim(&self.config, topic, *index, before).await?;
            }
            Ok(self.bounds(partition).await?.0)
        }
        .boxed()
    }
}
