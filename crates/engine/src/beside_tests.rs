//! History moved over in parts gives the same versions as in one.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use headwater_event::{Event, Offset, PartitionId, payload::ClockMode};
use headwater_fold::{CompiledView, Head, PartitionFold, Stored};
use headwater_log::{EventLog, MemoryLog};
use headwater_store::{Access, PartitionStore, StoreOptions, StoreSet, Version};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;

use crate::{Ack, Engine, EngineConfig, beginning::Beginning, beside::Beside};

const HERE: PartitionId = PartitionId::Data(0);

fn topology(aggregate: &str) -> Topology {
    let yaml = format!(
        "
event_types:
  app.sensor.read: {{ description: A value was read. }}
entities:
  sensor: {{ description: Where., join_keys: {{ sensor: string }} }}
feature_views:
  sensor_stats:
    description: What a sensor read.
    entity: sensor
    from: app.sensor.read
    keys: {{ sensor: subject }}
    features:
      value: {{ {aggregate}: /value, type: float64 }}
"
    );
    let schema = json!({"type": "object", "properties": {"value": {"type": "number"}}});
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/app.yaml", yaml),
        file("schemas/app.sensor.read/v1.json", schema.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}

async fn engine(log: &Arc<MemoryLog>, dir: &Path) -> Engine {
    let stores = StoreSet::open(dir, Access::ReadWrite, StoreOptions::default()).unwrap();
    let config = EngineConfig {
        clock: ClockMode::Given,
        opened_at: Some("1997-01-01T00:00:00Z".parse().unwrap()),
        builders: 0,
        ..EngineConfig::new(dir)
    };
    Engine::open(Arc::clone(log) as Arc<dyn EventLog>, stores, config).await.unwrap()
}

async fn read(engine: &Engine, from: u32, to: u32) {
    let reading = |n: u32| {
        let data = json!({"value": f64::from(n) / 8.0});
        Event::new(n.to_string(), "app", "app.sensor.read", format!("sensor-{}", n % 300), data)
    };
    engine.submit((from..to).map(reading).collect(), Ack::Folded).await;
}

/// A log on which a view was changed, its end, the views to build and what the partition knows.
async fn changed(dir: &Path) -> (Arc<MemoryLog>, Offset, Vec<CompiledView>, Head) {
    let log = Arc::new(MemoryLog::new(1));
    let engine = engine(&log, dir).await;
    engine.apply_topology(&topology("sum")).await.unwrap();
    read(&engine, 0, 4_000).await;
    engine.request_topology(&topology("max")).await.unwrap();
    let store = Arc::clone(&engine.shared().partition(HERE).unwrap().store);
    let stored = Stored {
        head: store.get_meta("head").unwrap(),
        position: store.get_meta("position").unwrap(),
        topology: store.get_meta("topology").unwrap(),
    };
    let fold = PartitionFold::restore(HERE, &stored).unwrap();
    let end = log.end(HERE).await.unwrap();
    engine.shutdown().await;
    (log, end, fold.building(), fold.head().clone())
}

/// What a store holds of the views: rows, and versions by offset.
fn held(
    store: &Arc<PartitionStore>,
    views: &[CompiledView],
) -> (BTreeMap<Vec<u8>, Vec<u8>>, Vec<Version>) {
    let snapshot = store.snapshot();
    let ours = |key: &[u8]| views.iter().any(|view| key.starts_with(&view.table.prefix()));
    let rows = snapshot.scan_latest(Vec::new(), Vec::new()).map(Result::unwrap);
    let versions = snapshot.scan_versions().map(Result::unwrap);
    (
        rows.filter(|(key, _)| ours(key)).collect(),
        versions.filter(|version| ours(&version.key)).collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_broken_attempts_give_what_one_run_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (log, end, views, head) = changed(dir.path()).await;
    let stores = |name: &str| {
        let path = dir.path().join(name);
        StoreSet::open(&path, Access::ReadWrite, StoreOptions::default()).unwrap()
    };
    let open = |store: &Arc<PartitionStore>| {
        let log = Arc::clone(&log) as Arc<dyn EventLog>;
        let scratch = dir.path().join("scratch");
        Beside::open(
            log,
            Arc::clone(store),
            HERE,
            views.clone(),
            &head,
            Beginning::default(),
            &scratch,
        )
        .unwrap()
    };
    let whole_set = stores("whole");
    let whole = whole_set.partition("0").unwrap();
    let mut beside = open(&whole);
    assert!(beside.fold_until(end, &|| true, &|_| {}).await.unwrap());
    beside.move_all().unwrap();
    let digests = beside.digests();
    beside.remove().unwrap();
    let (rows, versions) = held(&whole, &views);
    assert_eq!((rows.len(), versions.len()), (300, 4_000));

    for broken_at in [1, 700, 1_500, 3_999] {
        let parts_set = stores(&format!("parts-{broken_at}"));
        let parts = parts_set.partition("0").unwrap();
        // Moved early at some offset, followed for a while, then gone, as in a crash.
        let mut beside = open(&parts);
        let first = Offset(broken_at);
        assert!(beside.fold_until(first, &|| true, &|_| {}).await.unwrap());
        assert!(beside.move_early(&|| true).unwrap());
        let followed = Offset(broken_at + 333).min(end);
        assert!(beside.fold_until(followed, &|| true, &|_| {}).await.unwrap());
        beside.remove().unwrap();
        // Begun again, moved in two parts, told to stop in the midst of the first.
        let mut beside = open(&parts);
        assert!(beside.fold_until(Offset(2_000), &|| true, &|_| {}).await.unwrap());
        // Only the first of them has more than one block left.
        assert_eq!(beside.move_early(&|| false).unwrap(), broken_at > 1);
        assert!(beside.move_early(&|| true).unwrap());
        assert!(beside.fold_until(end, &|| true, &|_| {}).await.unwrap());
        beside.move_all().unwrap();
        assert_eq!(beside.digests(), digests);
        beside.remove().unwrap();
        let found = held(&parts, &views);
        assert_eq!(found.0, rows, "broken at {broken_at}");
        assert_eq!(found.1, versions, "broken at {broken_at}");
    }
}
