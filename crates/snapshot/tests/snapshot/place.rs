//! Data folders of an app that counts clicks, on either log, and places for snapshots.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use headwater_engine::{Ack, Engine, EngineConfig, Folder, Submitted};
use headwater_event::{Event, Offset, PartitionId, payload::ClockMode};
use headwater_fold::{Digest, Position};
use headwater_log::{EventLog, ReadLimits};
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog, testing::TestBroker};
use headwater_objects::{Objects, Properties};
use headwater_snapshot::{Created, Maker, Restore, Restored, Source, restore};
use headwater_store::{Access, Elsewhere, StoreOptions, StoreSet};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const PARTITIONS: u32 = 2;
/// Some ten records.
pub(crate) const SEGMENT_BYTES: u64 = 4_096;

/// Where a log is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// In the data folder itself.
    Embedded,
    /// On the broker that all tests share.
    Kafka(KafkaConfig),
}

impl Kind {
    pub(crate) fn kafka() -> Self {
        Self::Kafka(TestBroker::shared().log(PARTITIONS))
    }
}

/// One test on each log: `NAME::on_embedded` and `NAME::on_kafka`.
macro_rules! on_every_log {
    ($name:ident) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn on_embedded() {
                super::tests::$name(crate::place::Place::new(crate::place::Kind::Embedded)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_kafka() {
                super::tests::$name(crate::place::Place::new(crate::place::Kind::kafka())).await;
            }
        }
    };
}

/// The same, where an embedded log begins new segments often.
macro_rules! on_every_log_in_segments {
    ($name:ident) => {
        mod $name {
            use crate::place::{Kind, Place, SEGMENT_BYTES};

            #[tokio::test(flavor = "multi_thread")]
            async fn on_embedded() {
                let place = Place::new(Kind::Embedded).with_segments(SEGMENT_BYTES);
                super::tests::$name(place).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_kafka() {
                super::tests::$name(Place::new(Kind::kafka())).await;
            }
        }
    };
}

pub(crate) use on_every_log;
pub(crate) use on_every_log_in_segments;

/// A data folder, with a log of some kind.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    kind: Kind,
    log_options: Options,
    store_options: StoreOptions,
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

/// What a partition was folded to: position and digests.
pub(crate) type Folded = BTreeMap<PartitionId, (Option<Position>, BTreeMap<String, Digest>)>;

impl Place {
    pub(crate) fn new(kind: Kind) -> Self {
        let log_options = Options { data_partitions: Some(PARTITIONS), ..Options::default() };
        let (dir, store_options) = (tempfile::tempdir().unwrap(), StoreOptions::default());
        Self { dir, kind, log_options, store_options, elsewhere: None }
    }

    /// A folder whose history is sealed after so many offsets.
    pub(crate) fn sealing(self, seal_every: u64) -> Self {
        let store_options = StoreOptions { seal_every, ..self.store_options };
        Self { store_options, ..self }
    }

    /// A folder whose sealed history is kept elsewhere, too.
    pub(crate) fn keeping(self, elsewhere: Arc<dyn Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    pub(crate) fn stores(&self, access: Access) -> StoreSet {
        let set = StoreSet::open(self.dir.path(), access, self.store_options).unwrap();
        set.keeping_history(self.elsewhere.clone())
    }

    /// A folder whose embedded log begins new segments often.
    pub(crate) fn with_segments(self, segment_bytes: u64) -> Self {
        let log_options = Options { segment_bytes, ..self.log_options.clone() };
        Self { log_options, ..self }
    }

    /// Another data folder of the same log; of an embedded one, as it is now.
    pub(crate) fn copy_without_views(&self) -> Self {
        let copy = Self::new(self.kind.clone());
        let (log_options, store_options) = (self.log_options.clone(), self.store_options);
        let copy = Self { log_options, store_options, ..copy };
        for folder in ["log", "keys"] {
            copy_folder(&self.path(folder), &copy.path(folder));
        }
        copy
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub(crate) async fn log(&self) -> Arc<dyn EventLog> {
        match &self.kind {
            Kind::Embedded => Arc::new(EmbeddedLog::open_read_only(self.path("log")).unwrap()),
            Kind::Kafka(config) => Arc::new(KafkaLog::open(config.clone()).await.unwrap()),
        }
    }

    pub(crate) async fn open(&self) -> Engine {
        self.open_on(self.log_to_write().await).await
    }

    pub(crate) async fn log_to_write(&self) -> Arc<dyn EventLog> {
        match &self.kind {
            Kind::Embedded => {
                let options = &self.log_options;
                Arc::new(EmbeddedLog::create_or_open(self.path("log"), options).unwrap())
            }
            Kind::Kafka(_) => self.log().await,
        }
    }

    pub(crate) async fn open_on(&self, log: Arc<dyn EventLog>) -> Engine {
        let stores = self.stores(Access::ReadWrite);
        let config = EngineConfig {
            clock: ClockMode::Given,
            opened_at: Some("1997-01-01T00:00:00Z".parse().unwrap()),
            ..EngineConfig::new(self.dir.path())
        };
        Engine::open(log, stores, config).await.unwrap()
    }

    /// An engine whose topology holds, with these clicks folded.
    pub(crate) async fn open_with(&self, clicks: std::ops::Range<u64>) -> Engine {
        let engine = self.open().await;
        engine.apply_topology(&topology()).await.unwrap();
        engine.tick("1997-01-02T00:00:00Z".parse().unwrap()).await.unwrap();
        submit(&engine, clicks).await;
        engine
    }

    pub(crate) fn maker(&self, engine: &Engine) -> Maker {
        Maker::new(Source {
            partitions: engine.stores(),
            data_dir: self.dir.path().to_owned(),
            scratch_dir: self.path("scratch"),
        })
    }

    pub(crate) async fn create(&self, engine: &Engine, objects: &Objects) -> Created {
        self.maker(engine).create(objects, &|_| {}).await.unwrap()
    }

    pub(crate) async fn restore(
        &self,
        objects: &Objects,
        force: bool,
    ) -> headwater_snapshot::Result<Restored> {
        self.restore_on(objects, self.log().await, force).await
    }

    pub(crate) async fn restore_on(
        &self,
        objects: &Objects,
        log: Arc<dyn EventLog>,
        force: bool,
    ) -> headwater_snapshot::Result<Restored> {
        let ask = Restore { objects, id: None, data_dir: self.dir.path(), log, force };
        restore(ask, &|_| {}).await
    }

    /// Folds what is on the log and not yet in the views, and tells what came of it.
    pub(crate) async fn fold_to_the_end(&self) -> Folded {
        let log = self.log().await;
        let stores = self.stores(Access::ReadWrite);
        let mut folded = Folded::new();
        for id in PartitionId::all(PARTITIONS) {
            let store = stores.partition(&id.to_string()).unwrap();
            let scratch = self.path("scratch");
            let mut folder = Folder::resume(Arc::clone(&log), store, id, scratch).await.unwrap();
            let end = log.end(id).await.unwrap();
            folder.take_until(end, ReadLimits::default(), &|_| {}).await.unwrap();
            let fold = folder.fold();
            folded.insert(id, (fold.position().copied(), fold.head().digests.clone()));
        }
        folded
    }

    /// The last offset that was folded, by partition.
    pub(crate) fn positions(engine: &Engine) -> BTreeMap<PartitionId, Offset> {
        engine.status().into_iter().filter_map(|of| Some((of.id, of.position?))).collect()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    if !from.exists() {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Snapshots in a folder of the test's own.
pub(crate) fn in_folder(dir: &TempDir) -> Objects {
    Objects::open(dir.path().join("snapshots").to_str().unwrap(), &Properties::new()).unwrap()
}

/// Submits clicks and waits until all are folded.
pub(crate) async fn submit(engine: &Engine, numbers: std::ops::Range<u64>) {
    for answer in engine.submit(numbers.map(click).collect(), Ack::Folded).await {
        match answer {
            Submitted::Appended(receipt) => {
                assert!(receipt.outcome.is_some_and(|outcome| outcome.is_accepted()));
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn click(n: u64) -> Event {
    let data = json!({"page": format!("page-{}", n % 7), "seconds": (n % 13) as f64 / 8.0});
    let visitor = format!("visitor-{}", n % 31);
    let mut event = Event::new(format!("click-{n}"), "test", "app.page.clicked", visitor, data);
    event.time = Some("1997-01-05T00:00:00Z".parse().unwrap());
    event
}

pub(crate) fn topology() -> Topology {
    topology_that_sums("clicks: { count: all }")
}

/// The same, with this feature beside the sum of seconds.
pub(crate) fn topology_that_sums(feature: &str) -> Topology {
    let yaml = format!(
        "
event_types:
  app.page.clicked:
    description: Somebody clicked.
entities:
  visitor:
    description: Who.
    join_keys: {{ visitor: string }}
feature_views:
  visitor_clicks:
    description: Clicks of a visitor.
    entity: visitor
    from: app.page.clicked
    keys: {{ visitor: subject }}
    features:
      {feature}
      seconds: {{ sum: /seconds }}
"
    );
    let schema = json!({
        "type": "object",
        "required": ["page", "seconds"],
        "properties": {"page": {"type": "string"}, "seconds": {"type": "number"}},
    });
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/app.yaml", yaml),
        file("schemas/app.page.clicked/v1.json", schema.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}
