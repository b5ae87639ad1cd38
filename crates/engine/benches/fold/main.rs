//! How fast a partition folds: from the embedded log, and from Kafka beside a bare librdkafka consumer
//! of the same topic in the same run.
//!
//! `cargo xtask bench fold`. The peer reads every message and does nothing with it: the ceiling of
//! anything that consumes that topic. Both sides must count the same events, and both folds must end in
//! the same digests, before a figure is printed. The events are CloudEvents of about 300 bytes, in
//! structured mode, as a producer would send them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark, run by hand"
)]

mod load;
mod measure;

use std::sync::Arc;

use headwater_engine::EngineConfig;
use headwater_event::payload::ClockMode;
use headwater_log::EventLog;
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaLog, testing::TestBroker};

/// Partitions of both logs.
const PARTITIONS: u32 = 2;
/// Events, unless the environment says otherwise.
const EVENTS_DEFAULT: u64 = 300_000;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let events =
        std::env::var("HEADWATER_BENCH_EVENTS").map_or(EVENTS_DEFAULT, |n| n.parse().unwrap());
    runtime.block_on(run(events));
}

async fn run(events: u64) {
    let profile = if cfg!(debug_assertions) { "dev profile" } else { "release profile" };
    println!("{events} events of about 300 bytes, {PARTITIONS} partitions, {profile}");

    let dir = tempfile::tempdir().unwrap();
    let options = Options { data_partitions: Some(PARTITIONS), ..Options::default() };
    let embedded: Arc<dyn EventLog> =
        Arc::new(EmbeddedLog::create_or_open(dir.path().join("log"), &options).unwrap());
    load::fill(&embedded, config(&dir.path().join("a")), events).await;
    let from_embedded = measure::fold(&embedded, &dir.path().join("b")).await;

    let broker = TestBroker::shared();
    let kafka_config = broker.log(PARTITIONS);
    let topic = kafka_config.data_topic();
    let kafka: Arc<dyn EventLog> = Arc::new(KafkaLog::open(kafka_config).await.unwrap());
    load::fill(&kafka, config(&dir.path().join("c")), events).await;
    let bare = measure::bare_consumer(broker.address(), &topic, PARTITIONS);
    let from_kafka = measure::fold(&kafka, &dir.path().join("d")).await;

    assert_eq!(from_embedded.digests, from_kafka.digests, "both logs give the same rows");
    assert_eq!(bare.events, from_kafka.records, "the peer read what the fold read");
    println!("{:<44} {:>12} {:>8} {:>9}", "", "events/s", "wall s", "cpu s");
    for (what, measured) in
        [("fold from the embedded log", &from_embedded), ("fold from Kafka", &from_kafka)]
    {
        println!(
            "{what:<44} {:>12.0} {:>8.2} {:>9.2}",
            measured.records as f64 / measured.wall_s,
            measured.wall_s,
            measured.cpu_s
        );
    }
    println!(
        "{:<44} {:>12.0} {:>8.2} {:>9.2}",
        "bare librdkafka consumer, same topic",
        bare.events as f64 / bare.wall_s,
        bare.wall_s,
        bare.cpu_s
    );
    println!("fold from Kafka / bare consumer: {:.2}", bare.wall_s / from_kafka.wall_s);
}

fn config(dir: &std::path::Path) -> EngineConfig {
    EngineConfig {
        clock: ClockMode::Given,
        opened_at: Some("1997-01-01T00:00:00Z".parse().unwrap()),
        ..EngineConfig::new(dir)
    }
}
