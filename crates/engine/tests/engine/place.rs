//! Where an engine under test lives: a folder and a log of one of the three kinds.

use std::{collections::BTreeMap, sync::Arc};

use headwater_engine::{Ack, Engine, EngineConfig, Submitted, open_moment};
use headwater_event::{Event, payload::ClockMode};
use headwater_fold::Outcome;
use headwater_log::{EventLog, MemoryLog, ReadLimits, Topics};
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog, testing::TestBroker};
use headwater_query::{Limits, Moment, QueryOptions, Sql};
use headwater_store::{Access, StoreOptions, StoreSet};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;
use tempfile::TempDir;

/// The kinds of log.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Memory(Arc<MemoryLog>),
    Embedded(u32),
    Kafka(KafkaConfig),
}

impl Kind {
    pub(crate) fn memory(partitions: u32) -> Self {
        Self::Memory(Arc::new(MemoryLog::new(partitions)))
    }

    pub(crate) fn kafka(partitions: u32) -> Self {
        Self::Kafka(TestBroker::shared().log(partitions))
    }
}

/// A folder with a log of some kind.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    kind: Kind,
    options: StoreOptions,
}

impl Place {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), kind, options: StoreOptions::default() }
    }

    /// A folder whose history is sealed after so many offsets.
    pub(crate) fn sealing(kind: Kind, seal_every: u64) -> Self {
        Self { options: StoreOptions { seal_every, ..StoreOptions::default() }, ..Self::new(kind) }
    }

    pub(crate) async fn log(&self, read_only: bool) -> Arc<dyn EventLog> {
        let dir = self.dir.path().join("log");
        match &self.kind {
            Kind::Memory(log) => Arc::clone(log) as Arc<dyn EventLog>,
            Kind::Embedded(_) if read_only => Arc::new(EmbeddedLog::open_read_only(dir).unwrap()),
            Kind::Embedded(partitions) => {
                let options = Options { data_partitions: Some(*partitions), ..Options::default() };
                Arc::new(EmbeddedLog::create_or_open(dir, &options).unwrap())
            }
            Kind::Kafka(config) => Arc::new(KafkaLog::open(config.clone()).await.unwrap()),
        }
    }

    pub(crate) fn stores(&self, access: Access) -> StoreSet {
        StoreSet::open(self.dir.path(), access, self.options).unwrap()
    }

    pub(crate) async fn open(&self) -> Engine {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> headwater_engine::Result<Engine> {
        let log = self.log(false).await;
        self.try_open_on(log).await
    }

    pub(crate) async fn try_open_on(
        &self,
        log: Arc<dyn EventLog>,
    ) -> headwater_engine::Result<Engine> {
        self.try_open_with(log, 2, ReadLimits::default()).await
    }

    /// An engine that lets so many builders work at once.
    pub(crate) async fn open_with(&self, builders: usize) -> Engine {
        let limits = ReadLimits::default();
        self.try_open_with(self.log(false).await, builders, limits).await.unwrap()
    }

    /// An engine that folds so many records at once.
    pub(crate) async fn open_in_batches(&self, records_max: usize) -> Engine {
        let limits = ReadLimits { records_max, ..ReadLimits::default() };
        self.try_open_with(self.log(false).await, 2, limits).await.unwrap()
    }

    /// An engine that reads the topics of its sources.
    pub(crate) async fn try_open_reading(
        &self,
        log: Arc<dyn EventLog>,
        topics: Arc<dyn Topics>,
    ) -> headwater_engine::Result<Engine> {
        let config = EngineConfig { topics: Some(topics), ..self.config() };
        Engine::open(log, self.stores(Access::ReadWrite), config).await
    }

    async fn try_open_with(
        &self,
        log: Arc<dyn EventLog>,
        builders: usize,
        fold_limits: ReadLimits,
    ) -> headwater_engine::Result<Engine> {
        let config = EngineConfig { builders, fold_limits, ..self.config() };
        Engine::open(log, self.stores(Access::ReadWrite), config).await
    }

    fn config(&self) -> EngineConfig {
        EngineConfig {
            clock: ClockMode::Given,
            opened_at: Some("1997-01-01T00:00:00Z".parse().unwrap()),
            ..EngineConfig::new(self.dir.path())
        }
    }

    /// The digests of all tables that hold rows, of a folder without a server.
    pub(crate) async fn digests(&self) -> BTreeMap<String, headwater_fold::Digest> {
        let stores = self.stores(Access::ReadOnly);
        digests(&open_moment(self.log(true).await, &stores).await.unwrap()).await
    }
}

/// The digests of a moment, all partitions together.
pub(crate) async fn digests(moment: &Moment) -> BTreeMap<String, headwater_fold::Digest> {
    let mut sums: BTreeMap<String, headwater_fold::Digest> = BTreeMap::new();
    for partition in &moment.partitions {
        for (version, digest) in &partition.state().await.unwrap().head.digests {
            let sum = sums.entry(version.clone()).or_default();
            *sum = sum.merge(*digest);
        }
    }
    sums
}

/// A topology of an app that counts clicks, with one view more if asked.
pub(crate) fn topology(with_pages: bool) -> Topology {
    topology_with(with_pages, "sum")
}

/// The same, with another aggregate of the seconds of a visitor.
pub(crate) fn topology_with(with_pages: bool, aggregate: &str) -> Topology {
    let pages = "
  page_clicks:
    description: Clicks of a page.
    entity: page
    from: app.page.clicked
    features:
      clicks: { count: all }
      seconds: { sum: /seconds }
";
    let yaml = format!(
        "
event_types:
  app.page.clicked:
    description: Somebody clicked.
entities:
  visitor:
    description: Who.
    join_keys: {{ visitor: string }}
  page:
    description: Where.
    join_keys: {{ page: string }}
feature_views:
  visitor_clicks:
    description: Clicks of a visitor.
    entity: visitor
    from: app.page.clicked
    keys: {{ visitor: subject }}
    features:
      clicks: {{ count: all }}
      seconds: {{ {aggregate}: /seconds }}
{}",
        if with_pages { pages } else { "" }
    );
    let schema = json!({
        "type": "object",
        "required": ["page", "seconds"],
        "additionalProperties": false,
        "properties": {"page": {"type": "string"}, "seconds": {"type": "number"}},
    });
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/app.yaml", yaml),
        file("schemas/app.page.clicked/v1.json", schema.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}

pub(crate) fn click(n: u64) -> Event {
    let data = json!({"page": format!("/p{}", n % 7), "seconds": f64::from(u32::try_from(n % 13).unwrap()) / 8.0});
    let mut event = Event::new(
        n.to_string(),
        "https://app",
        "app.page.clicked",
        format!("visitor-{}", n % 31),
        data,
    );
    event.time = Some("1997-01-05T00:00:00Z".parse().unwrap());
    event
}

/// Submits and expects the outcome of each to be known.
pub(crate) async fn submit(engine: &Engine, events: Vec<Event>) -> Vec<Outcome> {
    let answers = engine.submit(events, Ack::Folded).await;
    answers
        .into_iter()
        .map(|answer| match answer {
            Submitted::Appended(receipt) => receipt.outcome.expect("folded in time"),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// What a query is refused for.
pub(crate) async fn refused(moment: Moment, sql: &str) -> String {
    let options = QueryOptions::default();
    let answer = Sql::new(Limits::default()).unwrap().query(Arc::new(moment), sql, &options).await;
    answer.err().map(|error| error.to_string()).expect("it is refused")
}

/// The rows of a query as JSON-like text, a line each.
pub(crate) async fn query(moment: Moment, sql: &str) -> Vec<String> {
    let engine = Sql::new(Limits::default()).unwrap();
    let answer = engine.query(Arc::new(moment), sql, &QueryOptions::default()).await.unwrap();
    let batches = answer.collect().await.unwrap();
    let mut lines = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| arrow::util::display::array_value_to_string(column, row).unwrap())
                .collect();
            lines.push(cells.join("|"));
        }
    }
    lines
}

pub(crate) fn create_experiment(id: &str) -> Event {
    Event::new(id, "test", "headwater.experiment.create_requested", "e", json!({"name": "e"}))
}
