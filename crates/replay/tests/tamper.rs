//! A replay proves equal what is equal, and names what was changed: one byte of a latest row, of a
//! history row, of the position, of the kept digest, of the log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

use std::{path::Path, sync::Arc};

use headwater_engine::{Ack, Engine, EngineConfig};
use headwater_event::{Event, payload::ClockMode};
use headwater_log::EventLog;
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_replay::{Report, verify};
use headwater_store::{Access, StoreOptions, StoreSet, faults};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;
use tempfile::TempDir;

fn topology() -> Topology {
    let yaml = "
event_types:
  app.sensor.read: { description: A value was read. }
entities:
  sensor: { description: Where., join_keys: { sensor: string } }
feature_views:
  sensor_stats:
    description: What a sensor read.
    entity: sensor
    from: app.sensor.read
    keys: { sensor: subject }
    features:
      readings: { count: all }
      total: { sum: /value, type: float64 }
";
    let schema = json!({"type": "object", "properties": {"value": {"type": "number"}}});
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/app.yaml", yaml.to_owned()),
        file("schemas/app.sensor.read/v1.json", schema.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}

/// A data folder with some rows of each kind, and no server on it.
async fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { data_partitions: Some(1), ..Options::default() };
    let log = EmbeddedLog::create_or_open(dir.path().join("log"), &options).unwrap();
    let stores = StoreSet::open(dir.path(), Access::ReadWrite, StoreOptions::default()).unwrap();
    let config = EngineConfig {
        clock: ClockMode::Given,
        opened_at: Some("1997-01-01T00:00:00Z".parse().unwrap()),
        ..EngineConfig::new(dir.path())
    };
    let engine = Engine::open(Arc::new(log), stores, config).await.unwrap();
    engine.apply_topology(&topology()).await.unwrap();
    let reading = |n: u32| {
        let subject = format!("sensor-{}", n % 5);
        let data = json!({"value": f64::from(n) / 8.0});
        Event::new(n.to_string(), "https://app", "app.sensor.read", subject, data)
    };
    let mut events: Vec<Event> = (0..50).map(reading).collect();
    events.push(Event::new(
        "r",
        "s",
        "headwater.rollout.change_requested",
        "x",
        json!({
            "rollout": "x", "model": "none", "shares": [{"version": 1, "percent": 100.0}],
        }),
    ));
    engine.submit(events, Ack::Folded).await;
    engine.shutdown().await;
    dir
}

async fn verified(dir: &Path) -> Report {
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open_read_only(dir.join("log")).unwrap());
    let stores = StoreSet::open(dir, Access::ReadOnly, StoreOptions::default()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    verify(log, &stores, scratch.path(), &|_| {}).await.unwrap()
}

/// Flips the last byte before `keep` bytes of the first matching entry of a family.
fn flip(dir: &Path, partition: &str, family: &str, key: impl Fn(&[u8]) -> bool, keep: usize) {
    let entries = faults::entries(dir, partition, family).unwrap();
    let (key, mut value) = entries.into_iter().find(|(found, _)| key(found)).unwrap();
    let at = value.len() - 1 - keep;
    value[at] ^= 1;
    faults::overwrite(dir, partition, family, &key, &value).unwrap();
}

/// The key prefix of the test's view.
fn view_prefix() -> [u8; 8] {
    let topology = topology();
    let view = &topology.feature_views["sensor_stats"];
    headwater_fold::Table::of_feature_view("sensor_stats", view, &topology).prefix()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_folder_is_equal_on_embedded() {
    let dir = folder().await;
    let report = verified(dir.path()).await;
    assert!(report.is_equal(), "{report:?}");
    let view = report.views.iter().find(|view| view.table == "features.sensor_stats").unwrap();
    assert_eq!((view.replayed.rows, view.replayed.versions), (5, 50));
    assert!(report.views.iter().any(|view| view.table == "log.rejections"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_a_latest_row_is_named_with_its_event() {
    let dir = folder().await;
    flip(dir.path(), "0", "latest", |key| key.starts_with(&view_prefix()), 0);
    let report = verified(dir.path()).await;
    let unequal: Vec<_> = report.views.iter().filter(|view| !view.equal).collect();
    assert_eq!(unequal.len(), 1, "{report:?}");
    assert_eq!(unequal[0].table, "features.sensor_stats");
    assert_eq!(unequal[0].kept, unequal[0].replayed);
    assert_ne!(unequal[0].on_disk, unequal[0].replayed);
    let difference = unequal[0].first_difference.as_ref().unwrap();
    assert_eq!(difference.family, "latest");
    assert!(difference.key.contains("sensor-0"), "{difference:?}");
    let (on_disk, replayed) = (difference.on_disk.as_ref(), difference.replayed.as_ref());
    assert_ne!(on_disk, replayed);
    assert_eq!(replayed.unwrap().event_id, "45", "the last event of sensor-0");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_a_history_row_is_named() {
    let dir = folder().await;
    flip(dir.path(), "0", "tail", |_| true, 20);
    let report = verified(dir.path()).await;
    assert!(!report.is_equal());
    assert!(report.problems.iter().any(|what| what.contains("history")), "{:?}", report.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_the_position_is_named() {
    let dir = folder().await;
    flip(dir.path(), "0", "meta", |key| key.starts_with(b"position"), 10);
    let report = verified(dir.path()).await;
    assert!(!report.is_equal());
    assert!(
        report
            .problems
            .iter()
            .any(|what| what.contains("partition 0") && what.contains("position")),
        "{:?}",
        report.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_the_kept_digest_is_named() {
    let dir = folder().await;
    flip(dir.path(), "0", "meta", |key| key.starts_with(b"head"), 10);
    let report = verified(dir.path()).await;
    assert!(!report.is_equal());
    assert!(
        report.problems.iter().any(|what| what.contains("kept digest")),
        "{:?}",
        report.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_changed_on_the_log_is_found_by_the_chain() {
    let dir = folder().await;
    // Another log with the same number of records, as if someone had rewritten history.
    let other = folder().await;
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    std::fs::rename(other.path().join("log"), dir.path().join("log")).unwrap();
    let report = verified(dir.path()).await;
    assert!(
        report.problems.iter().any(|what| what.contains("another chain")),
        "{:?}",
        report.problems
    );
}
