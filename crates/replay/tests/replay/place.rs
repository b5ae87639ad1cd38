//! A data folder with some rows of each kind, and no server on it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use headwater_engine::{Ack, Engine, EngineConfig, Folder, Result};
use headwater_event::{Event, PartitionId, payload::ClockMode};
use headwater_log::{EventLog, ReadLimits};
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog, testing::TestBroker};
use headwater_replay::{
    Report, Verify,
    log::{KeptHead, LogReport, VerifyLog, heads_of, verify_log},
    verify,
};
use headwater_store::{Access, StoreOptions, StoreSet};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;
use tempfile::TempDir;

/// The kinds of log that there are on disk.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Embedded { partitions: u32, segment_bytes: u64 },
    Kafka(KafkaConfig),
}

impl Kind {
    pub(crate) fn embedded(partitions: u32) -> Self {
        Self::Embedded { partitions, segment_bytes: Options::default().segment_bytes }
    }

    pub(crate) fn kafka(partitions: u32) -> Self {
        Self::Kafka(TestBroker::shared().log(partitions))
    }
}

/// One test on each kind of log: `NAME::on_embedded` and `NAME::on_kafka`.
macro_rules! on_every_log {
    ($name:ident, $test:ident) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn on_embedded() {
                super::$test(crate::place::Kind::embedded(2)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_kafka() {
                super::$test(crate::place::Kind::kafka(2)).await;
            }
        }
    };
}

pub(crate) use on_every_log;

/// A data folder.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    kind: Kind,
    options: StoreOptions,
    /// For how long versions are kept.
    pub(crate) keeps_ms: Option<i64>,
}

impl Place {
    pub(crate) fn new(kind: Kind) -> Self {
        let options = StoreOptions::default();
        Self { dir: tempfile::tempdir().unwrap(), kind, options, keeps_ms: None }
    }

    /// One whose history is sealed after so many offsets.
    pub(crate) fn sealing(kind: Kind, seal_every: u64) -> Self {
        Self { options: StoreOptions { seal_every, ..StoreOptions::default() }, ..Self::new(kind) }
    }

    /// Serves until every stretch that is passed is sealed.
    pub(crate) async fn seal(&self) {
        let stores = self.stores(Access::ReadWrite);
        let engine = Engine::open(self.log_to_write().await, stores, self.config()).await.unwrap();
        let stores = self.stores(Access::ReadOnly);
        let sealed = || {
            engine.status().iter().all(|partition| {
                let snapshot = stores.partition(&partition.id.to_string()).unwrap().snapshot();
                let next = partition.position.map_or(0, |last| last.0 + 1);
                snapshot.unsealed(next).unwrap().is_none()
            })
        };
        for _ in 0..300 {
            if sealed() {
                // Retention comes after.
                tokio::time::sleep(Duration::from_secs(1)).await;
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(sealed(), "sealing never came to an end");
        self.rest(&engine).await;
        engine.shutdown().await;
    }

    fn config(&self) -> EngineConfig {
        EngineConfig {
            clock: ClockMode::Given,
            opened_at: Some("1997-01-01T00:00:00Z".parse().unwrap()),
            ..EngineConfig::new(self.path())
        }
    }

    /// One that readings came to.
    pub(crate) async fn with_readings(kind: Kind, count: u32) -> Self {
        let place = Self::new(kind);
        place.add(0..count).await;
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn log(&self) -> Arc<dyn EventLog> {
        match &self.kind {
            Kind::Embedded { .. } => {
                Arc::new(EmbeddedLog::open_read_only(self.path().join("log")).unwrap())
            }
            Kind::Kafka(config) => Arc::new(KafkaLog::open_existing(config.clone()).await.unwrap()),
        }
    }

    async fn log_to_write(&self) -> Arc<dyn EventLog> {
        match &self.kind {
            Kind::Embedded { partitions, segment_bytes } => {
                let options =
                    Options { data_partitions: Some(*partitions), segment_bytes: *segment_bytes };
                Arc::new(EmbeddedLog::create_or_open(self.path().join("log"), &options).unwrap())
            }
            Kind::Kafka(config) => Arc::new(KafkaLog::open(config.clone()).await.unwrap()),
        }
    }

    pub(crate) fn stores(&self, access: Access) -> StoreSet {
        StoreSet::open(self.path(), access, self.options).unwrap()
    }

    /// Serves for a while: these readings come, the clock ticks, and a request is refused.
    pub(crate) async fn add(&self, readings: std::ops::Range<u32>) {
        self.add_with(topology(), readings).await;
    }

    /// The same with another topology.
    pub(crate) async fn add_with(&self, declared: Topology, readings: std::ops::Range<u32>) {
        let stores = self.stores(Access::ReadWrite);
        let engine = Engine::open(self.log_to_write().await, stores, self.config()).await.unwrap();
        let mut declared = declared;
        declared.retention.versions_ms = self.keeps_ms;
        engine.apply_topology(&declared).await.unwrap();
        let end = readings.end;
        // Later with each reading, as the log's clock can't go back.
        let (day, hour, minute) = (1 + end / 1_440, end / 60 % 24, end % 60);
        let tick = format!("1997-01-{day:02}T{hour:02}:{minute:02}:00Z");
        engine.submit(readings.map(reading).collect(), Ack::Folded).await;
        engine.tick(tick.parse().unwrap()).await.unwrap();
        engine.submit(vec![refused(end)], Ack::Folded).await;
        self.rest(&engine).await;
        engine.shutdown().await;
    }

    /// Waits until nothing is on its way between two partitions.
    async fn rest(&self, engine: &Engine) {
        let is_at_rest = || {
            let status = engine.status();
            let heads: BTreeMap<_, _> = status.iter().map(|it| (it.id, &it.head)).collect();
            let arrived = heads.iter().all(|(id, head)| {
                let came = |(to, sent): (_, &_)| heads[to].received.get(id) == Some(sent);
                head.emitted.iter().all(came)
            });
            let stores = self.stores(Access::ReadOnly);
            let mut stores = heads.keys().map(|id| stores.partition(&id.to_string()).unwrap());
            arrived && stores.all(|store| store.outbox(&[], 1).unwrap().is_empty())
        };
        for _ in 0..500 {
            if is_at_rest() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the outbox never came to rest");
    }

    pub(crate) async fn try_verify(&self, options: Verify) -> Result<Report> {
        verify(self.log().await, &self.stores(Access::ReadOnly), options).await
    }

    /// With a scratch folder of its own, which must be left empty.
    pub(crate) async fn verify(&self, change: impl FnOnce(&mut Verify)) -> Report {
        let scratch = tempfile::tempdir().unwrap();
        let mut options = Verify::new(scratch.path());
        change(&mut options);
        let report = self.try_verify(options).await.unwrap();
        assert_empty(scratch.path());
        report
    }

    /// The heads of the log as its stores know them.
    pub(crate) async fn heads(&self) -> Vec<KeptHead> {
        let partitions = self.log().await.data_partitions();
        heads_of(&self.stores(Access::ReadOnly), partitions).unwrap()
    }

    pub(crate) async fn verify_log(&self, heads: &[KeptHead]) -> LogReport {
        let options = VerifyLog { heads: heads.to_vec(), ..VerifyLog::new() };
        verify_log(self.log().await, Some(&self.stores(Access::ReadOnly)), options).await.unwrap()
    }

    /// Removes the stores and folds them anew from what is on the log now.
    pub(crate) async fn fold_anew(&self) {
        fs::remove_dir_all(self.path().join("store")).unwrap();
        let log = self.log().await;
        let stores = self.stores(Access::ReadWrite);
        for id in PartitionId::all(log.data_partitions()) {
            let store = stores.partition(&id.to_string()).unwrap();
            let beside = self.path().join("scratch");
            let mut folder = Folder::resume(Arc::clone(&log), store, id, beside).await.unwrap();
            let end = log.end(id).await.unwrap();
            folder.take_until(end, ReadLimits::default(), &|_| {}).await.unwrap();
        }
    }

    /// A copy of the stores as they are now, as a snapshot would keep them.
    pub(crate) fn copy_stores(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(&self.path().join("store"), &copy.path().join("store"));
        copy
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Every file below a folder with its bytes.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

pub(crate) fn assert_empty(dir: &Path) {
    let left: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn reading(n: u32) -> Event {
    let subject = format!("sensor-{}", n % 5);
    let data = json!({"value": f64::from(n) / 8.0});
    Event::new(n.to_string(), "https://app", "app.sensor.read", subject, data)
}

fn refused(n: u32) -> Event {
    let data = json!({
        "rollout": "x", "model": "none", "shares": [{"version": 1, "percent": 100.0}],
    });
    let name = "headwater.rollout.change_requested";
    Event::new(format!("refused-{n}"), "https://app", name, "x", data)
}

/// An app that reads sensors.
pub(crate) fn topology() -> Topology {
    topology_with("sum")
}

/// The same, with another aggregate of the values: another version of the view.
pub(crate) fn topology_with(aggregate: &str) -> Topology {
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
    let yaml = yaml.replace("sum:", &format!("{aggregate}:"));
    let schema = json!({"type": "object", "properties": {"value": {"type": "number"}}});
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/app.yaml", yaml),
        file("schemas/app.sensor.read/v1.json", schema.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}

/// What the keys of the app's view begin with.
pub(crate) fn view_prefix() -> [u8; 8] {
    let topology = topology();
    let view = &topology.feature_views["sensor_stats"];
    headwater_fold::Table::of_feature_view("sensor_stats", view, &topology).prefix()
}
