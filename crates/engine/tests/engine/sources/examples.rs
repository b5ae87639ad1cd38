//! Both shipped examples from real topics of a real broker, with a restart in the middle.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use headwater_engine::Engine;
use headwater_log::Topics;
use headwater_log_kafka::{KafkaTopics, testing::TestBroker};
use headwater_topology::{SourceFile, Topology};
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};

use super::feed::open;
use crate::place::{Kind, Place, query};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/sources").join(name)
}

/// The example's topology, its topic under a name of this test's own at the test's broker.
fn topology(name: &str, topic: &str) -> Topology {
    let root = example(name);
    let mut files = Vec::new();
    for folder in ["topology", "schemas"] {
        collect(&root, &root.join(folder), &mut files);
    }
    let mut topology = headwater_topology::check(&files, &|_| None).unwrap();
    for source in topology.sources.values_mut() {
        source.topic = topic.to_owned();
        source.brokers = Some(TestBroker::shared().address().to_owned());
    }
    topology
}

fn collect(root: &PathBuf, dir: &PathBuf, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if !path.to_string_lossy().contains("sample") {
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.push(SourceFile { path: relative, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

async fn make_topic(topic: &str, partitions: i32) {
    TestBroker::shared().make_topic(topic, partitions).await;
}

/// Puts lines into a topic by a key; an empty line is a tombstone.
async fn put(topic: &str, lines: &[(String, Option<String>)]) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", TestBroker::shared().address())
        .create()
        .unwrap();
    for (key, value) in lines {
        let mut record: FutureRecord<'_, String, String> = FutureRecord::to(topic).key(key);
        record.payload = value.as_ref();
        producer.send(record, Duration::from_secs(20)).await.unwrap();
    }
}

fn topic_of(config: &headwater_log_kafka::KafkaConfig) -> String {
    format!("{}.users-own", config.name)
}

async fn wait_for(engine: &Engine, sql: &str, expected: &[&str]) {
    let mut last = Vec::new();
    for _ in 0..400 {
        last = query(engine.moment().await.unwrap(), sql).await;
        if last == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{last:?} is not {expected:?}; {:?}", engine.sources());
}

fn topics() -> Arc<dyn Topics> {
    Arc::new(KafkaTopics::new(None, [].into()))
}

async fn flat(kind: Kind, topic: &str) {
    make_topic(topic, 3).await;
    let text = fs::read_to_string(example("flat").join("payments.jsonl")).unwrap();
    let keyed = |line: &str| {
        // A retry has the same key, and lies in the same partition.
        let key = line.split('"').nth(3).unwrap_or("none").to_owned();
        (key, Some(line.to_owned()))
    };
    let lines: Vec<_> = text.lines().map(keyed).collect();
    let (one, two) = lines.split_at(lines.len() / 2);
    let place = Place::new(kind);
    let engine = open(&place, place.log(false).await, &topics()).await;
    engine.apply_topology(&topology("flat", topic)).await.unwrap();
    put(topic, one).await;
    let read = "select sum(next_offset) from log.sources";
    wait_for(&engine, read, &[&one.len().to_string()]).await;
    engine.shutdown().await;
    put(topic, two).await;
    let engine = open(&place, place.log(false).await, &topics()).await;
    wait_for(&engine, read, &["63"]).await;
    let counts = "select sum(mapped), sum(passed_over), sum(refused) from log.sources";
    wait_for(&engine, counts, &["43|18|2"]).await;
    let letters = "select reason from dead_letters order by 1";
    wait_for(&engine, letters, &["missing_subject", "not_json"]).await;
    let paid = "select customer, payments, paid from customer_payments order by 1";
    let expected = [
        "4711|5|160.80",
        "4712|7|257.60",
        "4713|10|604.94",
        "4714|6|240.85",
        "4715|5|376.70",
        "4716|5|185.64",
        "4717|4|219.83",
    ];
    wait_for(&engine, paid, &expected).await;
    // A producer's retry is a repeat: the id is the payment's, the time its own.
    let repeats: u64 = engine.status().iter().map(|status| status.head.counts.repeats).sum();
    assert_eq!(repeats, 1);
    // The ends are asked for again in a while, and until then what was read is known to be there.
    let behind =
        |engine: &Engine| engine.sources()[0].partitions.iter().any(|p| p.lag() != Some(0));
    for _ in 0..400 {
        if !behind(&engine) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!behind(&engine), "{:?}", engine.sources());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_the_flat_example_onto_the_embedded_log() {
    let topic = topic_of(&TestBroker::shared().log(1));
    flat(Kind::Embedded(2), &topic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_the_flat_example_onto_a_log_on_kafka() {
    let config = TestBroker::shared().log(2);
    let topic = topic_of(&config);
    flat(Kind::Kafka(config), &topic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_the_change_feed_example_with_tombstones() {
    let topic = topic_of(&TestBroker::shared().log(1));
    make_topic(&topic, 2).await;
    let text = fs::read_to_string(example("debezium").join("orders.jsonl")).unwrap();
    let mut lines = Vec::new();
    for line in text.lines() {
        let change: serde_json::Value = serde_json::from_str(line).unwrap();
        let row = if change["after"].is_null() { &change["before"] } else { &change["after"] };
        let key = format!("{{\"id\":{}}}", row["id"]);
        lines.push((key.clone(), Some(line.to_owned())));
        if change["op"] == "d" {
            lines.push((key, None));
        }
    }
    let place = Place::new(Kind::Embedded(2));
    let engine = open(&place, place.log(false).await, &topics()).await;
    engine.apply_topology(&topology("debezium", &topic)).await.unwrap();
    put(&topic, &lines).await;
    let counts = "select source, sum(next_offset), sum(mapped), sum(passed_over), sum(refused) \
                  from log.sources group by source order by 1";
    wait_for(&engine, counts, &["order_changes|48|42|6|0", "order_deletions|48|3|45|0"]).await;
    wait_for(&engine, "select count(*), sum(changes) from order_state", &["25|42"]).await;
    wait_for(&engine, "select sum(deletions) from order_end", &["3"]).await;
    wait_for(&engine, "select count(*) from dead_letters", &["0"]).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_the_log_itself_is_no_source_and_a_broker_that_is_away_is_told() {
    let config = TestBroker::shared().log(2);
    let own = KafkaTopics::new(Some(config.clone()), [].into());
    let topics: Arc<dyn Topics> = Arc::new(own);
    let place = Place::new(Kind::Kafka(config.clone()));
    let engine = open(&place, place.log(false).await, &topics).await;
    let mut declared = topology("flat", &config.data_topic());
    engine.apply_topology(&declared).await.unwrap();
    wait_problem(&engine, "is the log itself").await;
    let source = declared.sources.get_mut("payments").unwrap();
    source.brokers = Some("127.0.0.1:1".to_owned());
    engine.apply_topology(&declared).await.unwrap();
    wait_problem(&engine, "look for topic").await;
    // The log's own brokers need no name.
    let topic = topic_of(&config);
    make_topic(&topic, 1).await;
    let source = declared.sources.get_mut("payments").unwrap();
    (source.brokers, source.topic) = (None, topic.clone());
    engine.apply_topology(&declared).await.unwrap();
    put(&topic, &[("k".to_owned(), Some("{\"status\": \"open\"}".to_owned()))]).await;
    wait_for(&engine, "select passed_over from log.sources", &["1"]).await;
    engine.shutdown().await;
}

async fn wait_problem(engine: &Engine, says: &str) {
    for _ in 0..800 {
        let sources = engine.sources();
        if sources.iter().any(|s| s.problem.as_ref().is_some_and(|told| told.contains(says))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody says {says:?}: {:?}", engine.sources());
}
