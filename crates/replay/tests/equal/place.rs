//! A data folder with a log of either kind, and the engine on it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_engine::{Engine, EngineConfig, open_moment};
use headwater_event::{Offset, PartitionId, payload::ClockMode};
use headwater_log::{EventLog, ReadLimits};
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog, testing::TestBroker};
use headwater_query::Moment;
use headwater_replay::{Report, Verify, verify};
use headwater_store::{Access, StoreOptions, StoreSet};
use tempfile::TempDir;

use crate::events::OPENED_AT;

/// Longer than anything takes that ever comes to an end.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// Segments small enough that a workload has some.
const SEGMENT_BYTES: u64 = 1 << 20;

/// The kinds of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogKind {
    Embedded,
    Kafka,
}

/// Where a log is.
#[derive(Debug, Clone)]
enum LogAt {
    /// In the data folder itself.
    Folder,
    /// On the broker that all tests share.
    Broker(KafkaConfig),
}

/// The last offset of each partition.
pub(crate) type Positions = BTreeMap<PartitionId, Offset>;

/// A data folder.
pub(crate) struct Place {
    dir: TempDir,
    log_at: LogAt,
    pub(crate) partitions: u32,
    seal_every: Option<u64>,
}

impl Place {
    /// An empty one, and a log of its own.
    pub(crate) fn new(kind: LogKind, partitions: u32, seal_every: Option<u64>) -> Self {
        let log_at = match kind {
            LogKind::Embedded => LogAt::Folder,
            LogKind::Kafka => LogAt::Broker(TestBroker::shared().log(partitions)),
        };
        Self { dir: tempfile::tempdir().unwrap(), log_at, partitions, seal_every }
    }

    /// Another data folder of the same log; of an embedded one, as it is now.
    pub(crate) fn without_views(&self) -> Self {
        let copy = Self {
            dir: tempfile::tempdir().unwrap(),
            log_at: self.log_at.clone(),
            partitions: self.partitions,
            seal_every: self.seal_every,
        };
        copy_folder(&self.path("log"), &copy.path("log"));
        copy.takes_key_of(self);
        copy
    }

    /// Who writes to a log signs with its key.
    pub(crate) fn takes_key_of(&self, other: &Self) {
        copy_folder(&other.path("keys"), &self.path("keys"));
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.seal_every.is_some()
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        PartitionId::all(self.partitions)
    }

    pub(crate) async fn log(&self) -> Arc<dyn EventLog> {
        match &self.log_at {
            LogAt::Folder => Arc::new(EmbeddedLog::open_read_only(self.path("log")).unwrap()),
            LogAt::Broker(config) => {
                Arc::new(KafkaLog::open_existing(config.clone()).await.unwrap())
            }
        }
    }

    pub(crate) async fn log_to_write(&self) -> Arc<dyn EventLog> {
        match &self.log_at {
            LogAt::Folder => {
                let options = Options {
                    data_partitions: Some(self.partitions),
                    segment_bytes: SEGMENT_BYTES,
                };
                Arc::new(EmbeddedLog::create_or_open(self.path("log"), &options).unwrap())
            }
            LogAt::Broker(config) => Arc::new(KafkaLog::open(config.clone()).await.unwrap()),
        }
    }

    pub(crate) fn stores(&self, access: Access) -> StoreSet {
        let options = match self.seal_every {
            None => StoreOptions::default(),
            Some(seal_every) => StoreOptions { seal_every, ..StoreOptions::default() },
        };
        StoreSet::open(self.root(), access, options).unwrap()
    }

    /// An engine that folds at most so many records at once.
    pub(crate) async fn open(&self, batch: usize) -> Engine {
        let config = EngineConfig {
            clock: ClockMode::Given,
            opened_at: Some(OPENED_AT.parse().unwrap()),
            fold_limits: ReadLimits { records_max: batch, ..ReadLimits::default() },
            outcome_timeout: WAIT_MAX,
            ..EngineConfig::new(self.root())
        };
        let stores = self.stores(Access::ReadWrite);
        let engine = Engine::open(self.log_to_write().await, stores, config).await.unwrap();
        engine.wait_ready().await.unwrap();
        engine
    }

    /// What there is now, without a server.
    pub(crate) async fn moment(&self) -> Moment {
        open_moment(self.log().await, &self.stores(Access::ReadOnly)).await.unwrap()
    }

    /// Folds the log once more and compares.
    pub(crate) async fn verify(&self, as_of: Positions) -> headwater_engine::Result<Report> {
        let scratch = tempfile::tempdir().unwrap();
        let options = Verify { as_of, ..Verify::new(scratch.path()) };
        verify(self.log().await, &self.stores(Access::ReadOnly), options).await
    }
}

/// Waits until nothing is on its way between two partitions, and no view is being built.
pub(crate) async fn settle(engine: &Engine) {
    let is_settled = || {
        let status = engine.status();
        if let Some(failed) = status.iter().find_map(|partition| partition.failed.as_ref()) {
            panic!("a partition has stopped: {failed}");
        }
        let heads: BTreeMap<_, _> = status.iter().map(|it| (it.id, &it.head)).collect();
        heads.iter().all(|(id, head)| {
            let came = |(to, sent): (_, &_)| heads[to].received.get(id) == Some(sent);
            head.coming.is_empty() && head.emitted.iter().all(came)
        })
    };
    wait("partitions never came to rest", is_settled).await;
}

/// Waits until the outboxes are empty, too, and all stretches that were passed are sealed.
pub(crate) async fn rest(engine: &Engine) {
    settle(engine).await;
    let ends: BTreeMap<_, _> = engine.status().iter().map(|it| (it.id, it.position)).collect();
    let rests = || {
        engine.stores().iter().all(|(id, store)| {
            let next = ends[id].map_or(0, |last| last.0 + 1);
            let sealed = store.snapshot().unsealed(next).unwrap().is_none();
            sealed && store.outbox(&[], 1).unwrap().is_empty()
        })
    };
    wait("the outbox or the sealer never came to an end", rests).await;
}

async fn wait(never: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < WAIT_MAX, "{never}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn copy_folder(from: &Path, to: &Path) {
    if !from.exists() {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
