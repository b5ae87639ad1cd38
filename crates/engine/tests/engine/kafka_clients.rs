//! Any Kafka client may produce app events straight to the data topic.

use std::time::Duration;

use headwater_engine::Engine;
use headwater_log_kafka::testing::TestBroker;
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

use crate::place::{Kind, Place, click, query, topology};

/// Waits until so many clicks are counted, and answers how many events were misrouted.
async fn count(engine: &Engine, expected: u64) -> u64 {
    let sql = "select coalesce(sum(clicks), 0) from visitor_clicks";
    for _ in 0..200 {
        if query(engine.moment().await.unwrap(), sql).await == [expected.to_string()] {
            return engine.status().iter().map(|partition| partition.head.counts.misrouted).sum();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{expected} clicks never came: {:?}", query(engine.moment().await.unwrap(), sql).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_javas_producer_places_as_headwater_does_in_both_modes() {
    let broker = TestBroker::shared();
    let config = broker.log(4);
    let topic = config.data_topic();
    let place = Place::new(Kind::Kafka(config));
    let engine = place.open().await;
    engine.apply_topology(&topology(false)).await.unwrap();
    let lines: Vec<String> = (0..40)
        .map(|n| {
            let event = click(n);
            match n % 2 {
                0 => format!("content-type:application/cloudevents+json\t{}\t{}", event.subject, event.to_json()),
                _ => format!(
                    "ce_specversion:1.0,ce_id:{},ce_source:test,ce_type:{},ce_subject:{},content-type:application/json\t{}\t{}",
                    event.id, event.event_type, event.subject, event.subject, event.data
                ),
            }
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    broker.console_produce(&topic, &lines, true);
    assert_eq!(count(&engine, 40).await, 0, "Java's default partitioner is Headwater's");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_librdkafkas_crc32_partitioner_is_rerouted_once() {
    let broker = TestBroker::shared();
    let config = broker.log(4);
    let topic = config.data_topic();
    let place = Place::new(Kind::Kafka(config));
    let engine = place.open().await;
    engine.apply_topology(&topology(false)).await.unwrap();
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap();
    for n in 0..100 {
        let event = click(n);
        let headers = OwnedHeaders::new()
            .insert(Header { key: "content-type", value: Some("application/cloudevents+json") });
        let json = event.to_json().to_string();
        let record = FutureRecord::to(&topic).key(&event.subject).payload(&json).headers(headers);
        producer.send(record, Duration::from_secs(10)).await.unwrap();
    }
    assert!(count(&engine, 100).await > 0, "CRC32 places some elsewhere");
    engine.shutdown().await;
}
