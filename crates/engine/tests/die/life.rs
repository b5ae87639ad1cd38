//! The life of a process: it writes what it has to write, from the beginning, and dies where it is told to.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use headwater_engine::{
    Ack, Engine, EngineConfig, Step, Steps, Submitted, nothing_to_deliver, nothing_to_publish,
};
use headwater_event::{Event, payload::ClockMode};
use headwater_fold::Outcome;
use headwater_log::{EventLog, ReadLimits};
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog, KafkaTopics};
use headwater_store::{Access, StoreOptions, StoreSet};
use headwater_topology::{SourceFile, Topology, check};
use serde_json::{Value, json};

use crate::seen::Seen;

/// Nothing that is waited for takes as long.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The name of the publication.
pub(crate) const PUBLICATION: &str = "days";

/// What a life was told.
struct Told<'a> {
    kind: &'a str,
    broker: &'a str,
    topic: &'a str,
    log: &'a str,
    die_at: Option<(&'a str, usize)>,
}

/// Lives it.
pub(crate) fn live(told: &str, dir: &Path) {
    let words: Vec<&str> = told.split_whitespace().collect();
    let die_at = words.get(4).map(|step| (*step, words[5].parse().unwrap()));
    let told = Told { kind: words[0], broker: words[1], topic: words[2], log: words[3], die_at };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = open(&told, dir).await;
        write(&engine, &told).await;
        settle(&engine, &told).await;
        Seen::look(&engine, told.broker, told.topic).await.write(dir);
        engine.shutdown().await;
    });
}

async fn open(told: &Told<'_>, dir: &Path) -> Engine {
    let config = KafkaConfig {
        name: told.log.to_owned(),
        data_partitions: Some(2),
        ..KafkaConfig::new(told.broker)
    };
    let on_kafka = told.kind == "kafka";
    let log: Arc<dyn EventLog> = if on_kafka {
        Arc::new(KafkaLog::open(config.clone()).await.unwrap())
    } else {
        let options = Options { data_partitions: Some(2), ..Options::default() };
        Arc::new(EmbeddedLog::create_or_open(dir.join("log"), &options).unwrap())
    };
    let stores = StoreSet::open(dir, Access::ReadWrite, StoreOptions::default()).unwrap();
    let reached = AtomicUsize::new(0);
    let die_at = told.die_at.map(|(step, nth)| (step.to_owned(), nth));
    let steps = Steps::tell(move |step: Step| {
        if let Some((wanted, nth)) = &die_at
            && format!("{step:?}") == *wanted
            && reached.fetch_add(1, Ordering::SeqCst) + 1 == *nth
        {
            // No destructor runs, and no other thread gets any further.
            std::process::abort();
        }
    });
    let topics = KafkaTopics::new(on_kafka.then_some(config), Default::default());
    let config = EngineConfig {
        clock: ClockMode::Given,
        // Within the horizon of repeats: a later life writes all of it again.
        opened_at: Some("1997-02-01T00:00:00Z".parse().unwrap()),
        // Small batches: more steps to die between.
        fold_limits: ReadLimits { records_max: 3, ..ReadLimits::default() },
        topics: Some(Arc::new(topics)),
        steps,
        ..EngineConfig::new(dir)
    };
    Engine::open(log, stores, config).await.unwrap()
}

/// Everything again from the beginning: what was written before is a repeat.
async fn write(engine: &Engine, told: &Told<'_>) {
    let topology = serde_json::to_value(topology(told)).unwrap();
    let request = "headwater.topology.apply_requested";
    submit(engine, Event::new("t", "app", request, "topology", json!({"topology": topology})))
        .await;
    // A data partition knows a type from the copy of the topology on.
    settle(engine, told).await;
    for day in 1..=6_u32 {
        for shop in ["north", "south", "east"] {
            let id = format!("{shop}-{day}");
            let data = json!({"city": format!("city-{}", day % 2), "total": f64::from(day) / 10.0});
            let mut sale = Event::new(id, "app", "shop.sale.made", shop, data);
            sale.time = Some(format!("1997-02-{day:02}T12:00:00Z").parse().unwrap());
            submit(engine, sale).await;
        }
        let data = json!({"name": format!("model-{day}")});
        let request = "headwater.registered_model.create_requested";
        submit(engine, Event::new(format!("m-{day}"), "app", request, "m", data)).await;
        let time = json!({"time": format!("1997-02-{:02}T00:00:00Z", day + 1)});
        let tick = "headwater.clock.tick_requested";
        submit(engine, Event::new(format!("c-{day}"), "app", tick, "clock", time)).await;
        settle(engine, told).await;
    }
}

async fn submit(engine: &Engine, event: Event) {
    let kind = event.event_type.clone();
    for answer in engine.submit(vec![event], Ack::Folded).await {
        let Submitted::Appended(receipt) = answer else { panic!("{kind}: {answer:?}") };
        assert!(receipt.outcome.as_ref().is_some_and(Outcome::is_accepted), "{kind}: {receipt:?}");
    }
}

/// Until nothing is on its way any more.
async fn settle(engine: &Engine, told: &Told<'_>) {
    let begun = std::time::Instant::now();
    loop {
        let mut rests = true;
        for status in engine.status() {
            assert_eq!(status.failed, None);
            let end = engine.log().end(status.id).await.unwrap();
            rests &= status.position.is_some_and(|last| last.next() == end);
        }
        for (_, store) in engine.stores() {
            rests &= nothing_to_publish(&store).unwrap();
            rests &= nothing_to_deliver(&store, PUBLICATION).unwrap();
        }
        if rests {
            return;
        }
        let publications = engine.publications();
        assert!(begun.elapsed() < WAIT_MAX, "no rest on {}: {publications:?}", told.kind);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn topology(told: &Told<'_>) -> Topology {
    let yaml = format!(
        "
event_types:
  shop.sale.made: {{ description: A sale. }}
  shop.sale.by_city: {{ description: The same by city., schema: ../schemas/open/v1.json }}
  shop.day.closed: {{ description: A shop's day., schema: ../schemas/open/v1.json }}
entities:
  shop: {{ description: A shop., join_keys: {{ shop: string }} }}
  city: {{ description: A city., join_keys: {{ city: string }} }}
feature_views:
  shop_days:
    description: Sales of a day.
    entity: shop
    from: shop.sale.made
    keys: {{ shop: subject }}
    window: {{ tumbling: 1d, lateness: 1d }}
    features: {{ sales: {{ count: all }}, total: {{ sum: /total, type: float64 }} }}
    results: shop.day.closed
  city_sales:
    description: Sales of a city.
    entity: city
    from: shop.sale.by_city
    keys: {{ city: subject }}
    features: {{ sales: {{ count: all }} }}
derived_events:
  shop.sale.by_city: {{ from: shop.sale.made, subject: /city }}
publications:
  {PUBLICATION}:
    description: For the test.
    events: [shop.day.closed, headwater.registered_model.created]
    topic: {}
    brokers: {}
",
        told.topic, told.broker
    );
    let sale = json!({
        "type": "object",
        "required": ["city", "total"],
        "properties": {"city": {"type": "string"}, "total": {"type": "number"}},
    });
    let file =
        |path: &str, text: &Value| SourceFile { path: path.to_owned(), text: text.to_string() };
    let files = [
        SourceFile { path: "topology/app.yaml".into(), text: yaml },
        file("schemas/shop.sale.made/v1.json", &sale),
        file("schemas/open/v1.json", &json!({"type": "object"})),
    ];
    check(&files, &|_| None).unwrap()
}
