//! Topics of the users' own: what sources read, and publications write. Nothing is remembered of who reads
//! or writes: where to go on from is the caller's to know.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId, partition_for};

use crate::{AppendAck, Error, ErrorKind, EventLog as _, LogReader, MemoryLog, Result};

/// Which topic, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicAt {
    /// `HOST:PORT,…`; the log's own brokers if missing.
    pub brokers: Option<String>,
    /// The topic's name.
    pub topic: String,
}

/// Topics that are not the log's.
pub trait Topics: fmt::Debug + Send + Sync + 'static {
    /// The number of partitions; 0 if there is no such topic. A topic that must not be read, such as the
    /// log's own, is refused with [`ErrorKind::Reject`].
    fn partitions(&self, at: TopicAt) -> BoxFuture<'_, Result<u32>>;

    /// The first offset of a partition that is kept, and the one after its last.
    fn bounds(&self, at: TopicAt, partition: u32) -> BoxFuture<'_, Result<(Offset, Offset)>>;

    /// A reader whose first record is the first at or after `from`. The records' partition is a data
    /// partition of the topic's number, and their `appended_at_ms` is the topic's timestamp, 0 if it has none.
    fn reader(
        &self,
        at: TopicAt,
        partition: u32,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>>;

    /// Appends records in order, each to the partition of its key as Java's producers place it, and answers
    /// once the broker has all of them. The log's own topics are refused with [`ErrorKind::Reject`].
    fn append(&self, at: TopicAt, records: Vec<NewRecord>) -> BoxFuture<'_, Result<()>>;
}

/// Topics in memory, for tests; clones are the same topics.
#[derive(Debug, Clone, Default)]
pub struct MemoryTopics {
    topics: Arc<Mutex<BTreeMap<String, MemoryLog>>>,
}

impl MemoryTopics {
    /// Makes a topic, or makes it anew.
    pub fn make(&self, topic: &str, partitions: u32) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.insert(topic.to_owned(), MemoryLog::new(partitions));
    }

    /// Puts records into a partition of a topic that was made.
    pub async fn put(&self, topic: &str, partition: u32, records: Vec<NewRecord>) -> Result<()> {
        let log = self.find(topic)?;
        log.append(PartitionId::Data(partition), records, AppendAck::Written).await.map(drop)
    }

    /// Takes away records before an offset, as a topic's retention does.
    pub async fn trim(&self, topic: &str, partition: u32, before: Offset) -> Result<()> {
        let log = self.find(topic)?;
        log.trim(PartitionId::Data(partition), before).await.map(drop)
    }

    fn find(&self, topic: &str) -> Result<MemoryLog> {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let missing =
            || Error::new(ErrorKind::Reject, format!("read topic {topic}: there is none"));
        topics.get(topic).cloned().ok_or_else(missing)
    }
}

impl Topics for MemoryTopics {
    fn partitions(&self, at: TopicAt) -> BoxFuture<'_, Result<u32>> {
        async move { Ok(self.find(&at.topic).map_or(0, |log| log.data_partitions())) }.boxed()
    }

    fn bounds(&self, at: TopicAt, partition: u32) -> BoxFuture<'_, Result<(Offset, Offset)>> {
        async move {
            let (log, id) = (self.find(&at.topic)?, PartitionId::Data(partition));
            Ok((log.start(id).await?, log.end(id).await?))
        }
        .boxed()
    }

    fn reader(
        &self,
        at: TopicAt,
        partition: u32,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        async move { self.find(&at.topic)?.reader(PartitionId::Data(partition), from).await }
            .boxed()
    }

    fn append(&self, at: TopicAt, records: Vec<NewRecord>) -> BoxFuture<'_, Result<()>> {
        async move {
            let log = self.find(&at.topic)?;
            for record in records {
                let key = record.key.clone().unwrap_or_default();
                let place = partition_for(&key, log.data_partitions());
                let to = PartitionId::Data(place);
                log.append(to, vec![record], AppendAck::Written).await?;
            }
            Ok(())
        }
        .boxed()
    }
}
