//! The events that the benchmark folds, and how they come onto a log.

use std::sync::Arc;

use headwater_engine::{Ack, Engine, EngineConfig, Submitted};
use headwater_event::Event;
use headwater_log::EventLog;
use headwater_store::{Access, StoreOptions, StoreSet};
use headwater_topology::{SourceFile, Topology};
use serde_json::json;

/// Keys: each has fifteen events with the default number of events.
const KEYS: u64 = 20_000;
/// Events submitted at once.
const BATCH: u64 = 10_000;

/// Makes the log and fills it through an engine, whose own store is not measured.
pub(crate) async fn fill(log: &Arc<dyn EventLog>, config: EngineConfig, events: u64) {
    let dir = config.keys_dir.parent().unwrap().to_owned();
    let stores = StoreSet::open(&dir, Access::ReadWrite, StoreOptions::default()).unwrap();
    let engine = Engine::open(Arc::clone(log), stores, config).await.unwrap();
    engine.apply_topology(&topology()).await.unwrap();
    let mut next = 0;
    while next < events {
        let end = (next + BATCH).min(events);
        let answers = engine.submit((next..end).map(event).collect(), Ack::Durable).await;
        assert!(answers.iter().all(|answer| matches!(answer, Submitted::Appended(_))));
        next = end;
    }
    engine.shutdown().await;
}

fn event(n: u64) -> Event {
    // A multiplicative hash spreads neighbours over the keys.
    let key = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS;
    let data = json!({
        "customer": key,
        "amount": (n % 10_000) as f64 / 100.0,
        "items": n % 9,
        "note": "a purchase as an app would tell of it, with some words beside the numbers",
    });
    let mut event = Event::new(
        format!("bench-{n}"),
        "https://app.example.com/bench",
        "app.bench.happened",
        key.to_string(),
        data,
    );
    event.time = Some("1997-01-05T00:00:00Z".parse().unwrap());
    event
}

fn topology() -> Topology {
    let yaml = "
event_types:
  app.bench.happened: { description: One event of the benchmark. }
entities:
  customer: { description: Whose it is., join_keys: { customer: int64 } }
feature_views:
  customer_totals:
    description: What is known of a customer.
    entity: customer
    from: app.bench.happened
    features:
      events: { count: all }
      items: { sum: /items, type: int64 }
      amount: { sum: /amount, type: 'decimal(18,2)' }
      mean_amount: { mean: /amount, type: 'decimal(18,2)' }
      last_at: { max: time }
";
    let schema = json!({
        "type": "object",
        "required": ["customer", "amount", "items"],
        "additionalProperties": false,
        "properties": {
            "customer": {"type": "integer"},
            "amount": {"type": "number"},
            "items": {"type": "integer"},
            "note": {"type": "string"},
        },
    });
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let files = [
        file("topology/bench.yaml", yaml.to_owned()),
        file("schemas/app.bench.happened/v1.json", schema.to_string()),
    ];
    headwater_topology::check(&files, &|_| None).unwrap()
}
