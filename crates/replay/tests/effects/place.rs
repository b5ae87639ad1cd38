//! Where an engine with effects lives, and how its clock is moved on until something is so.

use std::{path::Path, sync::Arc, time::Duration};

use headwater_engine::{Ack, EffectWatch, EffectsConfig, Engine, EngineConfig, Submitted};
use headwater_event::{Event, Timestamp, payload::ClockMode};
use headwater_log::EventLog;
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog, testing::TestBroker};
use headwater_query::{Limits, QueryOptions, Sql};
use headwater_replay::{Verify, verify};
use headwater_store::{Access, StoreOptions, StoreSet};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;
use tempfile::TempDir;

use crate::world::World;

/// How often the clock is moved on, a second each, until it is taken that something never comes.
const TICKS_MAX: usize = 1_000;

/// The kinds of log.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Embedded(u32),
    Kafka(KafkaConfig),
}

impl Kind {
    pub(crate) fn kafka(partitions: u32) -> Self {
        Self::Kafka(TestBroker::shared().log(partitions))
    }
}

/// A data folder, and the world that its effects act in.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) world: World,
    kind: Kind,
}

impl Place {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), world: World::start().await, kind }
    }

    /// What the operator allows: this world, and programs.
    pub(crate) fn allowing(&self) -> EffectsConfig {
        let allow = vec![self.world.address.to_string().parse().unwrap()];
        EffectsConfig { run: true, allow, commands: true, watch: None }
    }

    pub(crate) async fn log(&self, read_only: bool) -> Arc<dyn EventLog> {
        let dir = self.dir.path().join("log");
        match &self.kind {
            Kind::Embedded(_) if read_only => Arc::new(EmbeddedLog::open_read_only(dir).unwrap()),
            Kind::Embedded(partitions) => {
                let options = Options { data_partitions: Some(*partitions), ..Options::default() };
                Arc::new(EmbeddedLog::create_or_open(dir, &options).unwrap())
            }
            Kind::Kafka(config) => Arc::new(KafkaLog::open(config.clone()).await.unwrap()),
        }
    }

    pub(crate) async fn open_with(&self, effects: EffectsConfig, clock: ClockMode) -> Engine {
        let config = EngineConfig {
            clock,
            opened_at: (clock == ClockMode::Given).then(|| "1997-01-01T00:00:00Z".parse().unwrap()),
            effects,
            ..EngineConfig::new(self.dir.path())
        };
        let stores =
            StoreSet::open(self.dir.path(), Access::ReadWrite, StoreOptions::default()).unwrap();
        Engine::open(self.log(false).await, stores, config).await.unwrap()
    }

    pub(crate) async fn open(&self) -> Engine {
        self.open_with(self.allowing(), ClockMode::Given).await
    }

    pub(crate) async fn open_watched(&self, watch: EffectWatch) -> Engine {
        let effects = EffectsConfig { watch: Some(watch), ..self.allowing() };
        self.open_with(effects, ClockMode::Given).await
    }

    /// Folds the log again: equal rows, and nothing is done in the world.
    pub(crate) async fn replay(&self) {
        let calls = self.world.calls().len();
        let stores =
            StoreSet::open(self.dir.path(), Access::ReadOnly, StoreOptions::default()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let report =
            verify(self.log(true).await, &stores, Verify::new(scratch.path())).await.unwrap();
        assert!(report.is_equal(), "{report:?}");
        let effects = report.views.iter().find(|view| view.table == "log.effects");
        assert!(effects.is_some_and(|view| view.replayed.rows > 0), "{report:?}");
        assert_eq!(self.world.calls().len(), calls, "a replay calls nobody");
    }
}

/// An app whose clicks cause effects. The text is what stands below `effects:`; `WORLD` is the server.
pub(crate) fn topology(world: &World, effects: &str) -> Topology {
    let yaml = format!(
        "
event_types:
  app.page.clicked:
    description: Somebody clicked.
  app.effect.told:
    description: What an effect came to.
entities:
  visitor:
    description: Who.
    join_keys: {{ visitor: string }}
feature_views:
  visitor_clicks:
    description: Clicks of a visitor, by the day.
    entity: visitor
    from: app.page.clicked
    keys: {{ visitor: subject }}
    window: {{ tumbling: 1d }}
    features:
      clicks: {{ count: all }}
      seconds: {{ sum: /seconds, type: 'decimal(18,2)' }}
  visitor_effects:
    description: What came of the effects of a visitor.
    entity: visitor
    from: app.effect.told
    keys: {{ visitor: subject }}
    features:
      told: {{ count: all }}
      last_state: {{ last: /state }}
effects:
{}",
        effects.replace("WORLD", &world.address.to_string())
    );
    let click = json!({
        "type": "object",
        "required": ["page", "seconds"],
        "properties": {"page": {"type": "string"}, "seconds": {"type": "number"}},
    });
    let told = json!({
        "type": "object",
        "required": ["effect", "key", "state"],
        "properties": {"state": {"type": "string"}},
    });
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/app.yaml", yaml),
        file("schemas/app.page.clicked/v1.json", click.to_string()),
        file("schemas/app.effect.told/v1.json", told.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}

/// A click on one of three pages.
pub(crate) fn click(n: u64) -> Event {
    let data = json!({"page": format!("/p{}", n % 3), "seconds": (n % 7) as f64 / 4.0});
    let subject = format!("visitor-{}", n % 11);
    let mut event = Event::new(n.to_string(), "https://app", "app.page.clicked", subject, data);
    event.time = Some("1997-01-01T00:00:00Z".parse().unwrap());
    event
}

/// Submits events that must be accepted.
pub(crate) async fn submit(engine: &Engine, events: Vec<Event>) {
    for answer in engine.submit(events, Ack::Folded).await {
        match answer {
            Submitted::Appended(receipt) => {
                assert!(receipt.outcome.is_some_and(|outcome| outcome.is_accepted()));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The rows of a query, columns parted by `|`.
pub(crate) async fn ask(engine: &Engine, sql: &str) -> Vec<String> {
    let moment = Arc::new(engine.moment().await.unwrap());
    let answer = Sql::new(Limits::default()).unwrap();
    let answer = answer.query(moment, sql, &QueryOptions::default()).await.unwrap();
    let mut lines = Vec::new();
    for batch in answer.collect().await.unwrap() {
        for row in 0..batch.num_rows() {
            let cells = batch
                .columns()
                .iter()
                .map(|column| arrow::util::display::array_value_to_string(column, row).unwrap());
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

/// Moves the log's clock on, a second at a time, until the query answers this.
pub(crate) async fn until(engine: &Engine, sql: &str, expected: &[&str]) {
    let mut seen = Vec::new();
    for _ in 0..TICKS_MAX {
        seen = ask(engine, sql).await;
        if seen == expected {
            return;
        }
        pass(engine, 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let effects = ask(engine, "select * from log.effects limit 5").await;
    panic!("{sql} never answered {expected:?}, but {seen:?}; effects: {effects:#?}");
}

/// Moves the log's clock on.
pub(crate) async fn pass(engine: &Engine, seconds: i64) {
    let now = engine.log_time().unwrap().micros();
    engine.tick(Timestamp::from_micros(now + seconds * 1_000_000)).await.unwrap();
}

/// Waits, while the log's clock stands still, until something is so.
pub(crate) async fn wait(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came: {what}");
}

/// How many of each state there are.
pub(crate) const STATES: &str =
    "select effect, state, count(*) from log.effects group by 1, 2 order by 1, 2";

/// Whether a folder has nothing in it.
pub(crate) fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none())
}
