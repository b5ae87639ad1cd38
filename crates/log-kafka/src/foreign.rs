//! Topics that are not the log's: read as the log is, with a consumer for each partition that takes no part
//! in a group and commits nothing; written with one producer for each brokers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId};
use headwater_log::{Error, ErrorKind, LogReader, Result, TopicAt, Topics};
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    producer::ThreadedProducer,
    types::RDKafkaErrorCode,
};

use crate::{
    KafkaConfig,
    delivery::Deliveries,
    outgoing::{Place, produce},
    problem,
    reader::Reader,
    topics,
};

/// For one question to a broker; whoever asks, asks again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// What librdkafka fetches ahead for one partition, in KiB: its default of 64 MiB would be a gigabyte for
/// a topic of sixteen.
const AHEAD_KIB: &str = "4096";
/// What one fetch brings: no more than fits ahead.
const FETCH_BYTES: &str = "2097152";

/// Topics on Kafka that are not the log's.
pub struct KafkaTopics {
    /// The log's own, where it is on Kafka.
    log: Option<KafkaConfig>,
    /// Properties for all other brokers.
    properties: BTreeMap<String, String>,
    /// Asked for partitions and their ends, by brokers; read nothing.
    clients: Mutex<BTreeMap<String, Arc<BaseConsumer>>>,
    /// Of what is written, by brokers.
    producers: Mutex<BTreeMap<String, Arc<Outgoing>>>,
}

/// A producer, and whose turn it is.
struct Outgoing {
    producer: ThreadedProducer<Deliveries>,
    in_turn: tokio::sync::Mutex<()>,
    /// Topics that are known to be there: else a record waits for its topic until it times out.
    known: Mutex<BTreeSet<String>>,
}

impl KafkaTopics {
    /// Topics at the log's own brokers, reached as the log is, and at others, reached with these properties
    /// of librdkafka.
    pub fn new(log: Option<KafkaConfig>, properties: BTreeMap<String, String>) -> Self {
        Self { log, properties, clients: Mutex::default(), producers: Mutex::default() }
    }

    /// How the brokers of a topic are reached; the log's own topics are refused.
    fn config(&self, at: &TopicAt) -> Result<KafkaConfig> {
        let own = self
            .log
            .as_ref()
            .filter(|log| at.brokers.as_ref().is_none_or(|brokers| *brokers == log.brokers));
        let mut config = match (own, &at.brokers) {
            (Some(log), _) => log.clone(),
            (None, Some(brokers)) => {
                KafkaConfig { properties: self.properties.clone(), ..KafkaConfig::new(brokers) }
            }
            (None, None) => {
                let what = format!(
                    "topic {}: the log is not on Kafka, so its declaration must name `brokers`",
                    at.topic
                );
                return Err(Error::new(ErrorKind::Reject, what));
            }
        };
        let is_log =
            own.is_some_and(|log| [log.control_topic(), log.data_topic()].contains(&at.topic));
        if is_log {
            let what = format!("topic {} is the log itself", at.topic);
            return Err(Error::new(ErrorKind::Reject, what));
        }
        for (name, value) in
            [("queued.max.messages.kbytes", AHEAD_KIB), ("fetch.max.bytes", FETCH_BYTES)]
        {
            config.properties.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        Ok(config)
    }

    fn consumer(config: &KafkaConfig) -> Result<BaseConsumer> {
        config.consumer().create().map_err(|error| problem::kafka("connect to Kafka", error))
    }

    fn client(&self, at: &TopicAt) -> Result<Arc<BaseConsumer>> {
        let config = self.config(at)?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&config.brokers) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Self::consumer(&config)?);
        clients.insert(config.brokers, Arc::clone(&client));
        Ok(client)
    }
}

impl KafkaTopics {
    fn outgoing(&self, at: &TopicAt) -> Result<Arc<Outgoing>> {
        let config = self.config(at)?;
        let mut producers = self.producers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outgoing) = producers.get(&config.brokers) {
            return Ok(Arc::clone(outgoing));
        }
        let mut client = config.producer();
        // As Java's producers place keys, whoever else writes to the topic.
        client.set("partitioner", "murmur2_random");
        let producer = client
            .create_with_context(Deliveries)
            .map_err(|error| problem::kafka("connect to Kafka", error))?;
        let outgoing = Arc::new(Outgoing {
            producer,
            in_turn: tokio::sync::Mutex::default(),
            known: Mutex::default(),
        });
        producers.insert(config.brokers, Arc::clone(&outgoing));
        Ok(outgoing)
    }
}

impl fmt::Debug for KafkaTopics {
    // Without the properties, which may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaTopics")
            .field("log", &self.log.as_ref().map(|log| &log.brokers))
            .finish()
    }
}

impl Topics for KafkaTopics {
    fn partitions(&self, at: TopicAt) -> BoxFuture<'_, Result<u32>> {
        async move {
            let client = self.client(&at)?;
            let asked = tokio::task::spawn_blocking(move || {
                let doing = format!("look for topic {}", at.topic);
                let metadata = client
                    .fetch_metadata(Some(&at.topic), REQUEST_TIMEOUT)
                    .map_err(|error| problem::kafka(&doing, error))?;
                let Some(found) = metadata.topics().iter().find(|found| found.name() == at.topic)
                else {
                    return Ok(0);
                };
                match found.error().map(RDKafkaErrorCode::from) {
                    None => Ok(u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)),
                    Some(
                        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
                    ) => Ok(0),
                    Some(code) => Err(Error::new(ErrorKind::Retry, format!("{doing}: {code}"))),
                }
            });
            asked.await.map_err(problem::stopped)?
        }
        .boxed()
    }

    fn bounds(&self, at: TopicAt, partition: u32) -> BoxFuture<'_, Result<(Offset, Offset)>> {
        async move {
            let client = self.client(&at)?;
            topics::bounds(&client, &at.topic, index(partition)).await
        }
        .boxed()
    }

    fn reader(
        &self,
        at: TopicAt,
        partition: u32,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        async move {
            let consumer = Self::consumer(&self.config(&at)?)?;
            let id = PartitionId::Data(partition);
            let reader = Reader::start(consumer, &at.topic, index(partition), id, from)?;
            Ok(Box::new(reader) as Box<dyn LogReader>)
        }
        .boxed()
    }

    fn append(&self, at: TopicAt, records: Vec<NewRecord>) -> BoxFuture<'_, Result<()>> {
        async move {
            if records.is_empty() {
                return Ok(());
            }
            let outgoing = self.outgoing(&at)?;
            let Outgoing { producer, in_turn, known } = &*outgoing;
            let is_known = |known: &Mutex<BTreeSet<String>>| {
                known.lock().unwrap_or_else(PoisonError::into_inner).contains(&at.topic)
            };
            if !is_known(known) {
                if self.partitions(at.clone()).await? == 0 {
                    let what = format!("append to topic {}: there is none; make it", at.topic);
                    return Err(Error::new(ErrorKind::Retry, what));
                }
                known.lock().unwrap_or_else(PoisonError::into_inner).insert(at.topic.clone());
            }
            let place = Place { topic: &at.topic, partition: None, in_turn };
            produce(producer, place, &records).await.map(drop)
        }
        .boxed()
    }
}

fn index(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
