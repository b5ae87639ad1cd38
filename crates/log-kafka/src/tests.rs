//! Tests against a real broker: the contract, and what only Kafka does.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{Header, NewRecord, Offset, PartitionId, Record, partition_for};
use headwater_log::{
    AppendAck, ErrorKind, EventLog, LogReader, ReadLimits, Result,
    contract::{DATA_PARTITIONS, Home},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{KafkaConfig, KafkaLog, testing::TestBroker};

const FIRST: PartitionId = PartitionId::Data(0);
const PATIENCE: Duration = Duration::from_secs(30);

impl Home for KafkaConfig {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn EventLog>>> {
        async move { Ok(Arc::new(KafkaLog::open(self.clone()).await?) as Arc<dyn EventLog>) }
            .boxed()
    }
}

mod contract {
    headwater_log::contract_tests!(async {
        super::TestBroker::shared().log(super::DATA_PARTITIONS)
    });
}

fn record(text: &str) -> NewRecord {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    NewRecord { key: Some(bytes.clone()), headers: vec![], value: Some(bytes) }
}

async fn take(reader: &mut dyn LogReader, count: usize) -> Vec<Record> {
    let mut all = Vec::new();
    while all.len() < count {
        let batch = reader.next_batch(ReadLimits::default(), PATIENCE).await.unwrap();
        assert!(!batch.is_empty(), "only {} of {count} records came", all.len());
        all.extend(batch);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_java_produces_is_read_from_the_partition_we_would_choose() {
    const KEYS: [&str; 6] =
        ["c1", "card-4711", "", "größe", "a-rather-long-subject/with:parts", "7"];
    let broker = TestBroker::shared();
    let config = broker.log(3);
    let log = KafkaLog::open(config.clone()).await.unwrap();
    let line =
        |key: &&str| format!("ce_id:1,ce_type:shop.purchase.made\t{key}\t{{\"of\":\"{key}\"}}");
    let lines: Vec<String> = KEYS.iter().map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    tokio::task::block_in_place(|| broker.console_produce(&config.data_topic(), &lines, true));
    for key in KEYS {
        let partition = PartitionId::Data(partition_for(key.as_bytes(), 3));
        let mut reader = log.reader(partition, Offset(0)).await.unwrap();
        let in_it: usize = KEYS
            .iter()
            .filter(|key| PartitionId::Data(partition_for(key.as_bytes(), 3)) == partition)
            .count();
        let records = take(&mut *reader, in_it).await;
        let found = records.iter().find(|r| r.body.key.as_deref() == Some(key.as_bytes()));
        let body = &found.unwrap_or_else(|| panic!("{key:?} is not in {partition}")).body;
        assert_eq!(body.value.as_deref(), Some(format!("{{\"of\":\"{key}\"}}").as_bytes()));
        let header = |name: &str, value: &'static str| Header {
            name: name.to_owned(),
            value: Bytes::from_static(value.as_bytes()),
        };
        assert_eq!(body.headers, [header("ce_id", "1"), header("ce_type", "shop.purchase.made")]);
    }
}

/// Others may use transactions: their marks are gaps, and a reader's position passes them.
#[tokio::test(flavor = "multi_thread")]
async fn marks_of_transactions_are_passed() {
    let config = TestBroker::shared().log(1);
    let log = KafkaLog::open(config.clone()).await.unwrap();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("transactional.id", &config.name)
        .create()
        .unwrap();
    let topic = config.data_topic();
    tokio::task::block_in_place(|| {
        producer.init_transactions(PATIENCE).unwrap();
        for (text, commit) in [("one", true), ("aborted", false), ("two", true)] {
            producer.begin_transaction().unwrap();
            let record = BaseRecord::to(&topic).partition(0).key(text).payload(text);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            producer.flush(PATIENCE).unwrap();
            if commit {
                producer.commit_transaction(PATIENCE).unwrap();
            } else {
                producer.abort_transaction(PATIENCE).unwrap();
            }
        }
    });
    let mut reader = log.reader(FIRST, Offset(0)).await.unwrap();
    let records = take(&mut *reader, 2).await;
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [Offset(0), Offset(4)]);
    let end = log.end(FIRST).await.unwrap();
    assert_eq!(end, Offset(6));
    let started = std::time::Instant::now();
    while reader.position() < end {
        assert!(started.elapsed() < PATIENCE, "stuck at {}", reader.position());
        let wait = Duration::from_millis(100);
        assert!(reader.next_batch(ReadLimits::default(), wait).await.unwrap().is_empty());
    }
    let told = log.append(FIRST, vec![record("three")], AppendAck::Written).await.unwrap();
    assert_eq!(take(&mut *reader, 1).await[0].offset, told[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_of_another_shape_are_refused() {
    let config = TestBroker::shared().log(3);
    assert_eq!(KafkaLog::open(config.clone()).await.unwrap().data_partitions(), 3);
    let any = KafkaConfig { data_partitions: None, ..config.clone() };
    assert_eq!(KafkaLog::open(any).await.unwrap().data_partitions(), 3);
    let other = KafkaConfig { data_partitions: Some(5), ..config };
    let error = KafkaLog::open(other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject);
    assert!(error.to_string().contains("it has 3 partitions, not 5"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_is_refused() {
    let config = TestBroker::shared().log(1);
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &config.brokers).create().unwrap();
    let topic = config.data_topic();
    let compacted =
        NewTopic::new(&topic, 1, TopicReplication::Fixed(1)).set("cleanup.policy", "compact");
    admin.create_topics(&[compacted], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let error = KafkaLog::open(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject);
    assert!(error.to_string().contains("it is compacted"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_is_refused() {
    let log = KafkaLog::open(TestBroker::shared().log(1)).await.unwrap();
    let huge = NewRecord { value: Some(vec![0; 3 * 1024 * 1024].into()), ..record("huge") };
    let error = log.append(FIRST, vec![huge], AppendAck::Written).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
}

/// A broker that is away is waited for: nothing is lost, and readers go on by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_and_comes_back_is_waited_for() {
    let broker = tokio::task::block_in_place(TestBroker::start);
    let log = KafkaLog::open(broker.log(1)).await.unwrap();
    let mut reader = log.reader(FIRST, Offset(0)).await.unwrap();
    log.append(FIRST, vec![record("before")], AppendAck::Durable).await.unwrap();
    assert_eq!(take(&mut *reader, 1).await[0].body, record("before"));
    tokio::task::block_in_place(|| broker.pause());
    let wait = Duration::from_millis(500);
    assert!(reader.next_batch(ReadLimits::default(), wait).await.unwrap().is_empty());
    tokio::task::block_in_place(|| broker.resume());
    log.append(FIRST, vec![record("after")], AppendAck::Durable).await.unwrap();
    assert_eq!(take(&mut *reader, 1).await[0].body, record("after"));
}

#[tokio::test]
async fn no_broker_is_told() {
    // Port 9 takes no connections on any machine that runs tests.
    let error = KafkaLog::open(KafkaConfig::new("127.0.0.1:9")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
}
