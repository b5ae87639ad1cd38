//! A live clock: windows close when nothing comes any more, and history can be written to a new log.

use std::time::Duration;

use headwater_engine::{Engine, EngineConfig};
use headwater_event::Event;
use headwater_store::Access;
use headwater_topology::{SourceFile, Topology, check};
use serde_json::json;

use crate::place::{Kind, Place, query, submit};

async fn open(place: &Place) -> Engine {
    let config =
        EngineConfig { idle_after: Duration::from_secs(2), ..EngineConfig::new(place.dir.path()) };
    Engine::open(place.log(false).await, place.stores(Access::ReadWrite), config).await.unwrap()
}

fn topology() -> Topology {
    let yaml = "
event_types:
  app.page.clicked: { description: Somebody clicked. }
entities:
  visitor: { description: Who., join_keys: { visitor: string } }
feature_views:
  hourly:
    description: Clicks of an hour.
    entity: visitor
    from: app.page.clicked
    keys: { visitor: subject }
    window: { tumbling: 1h, lateness: 1h }
    features: { clicks: { count: all } }
";
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let schema = r#"{"type": "object"}"#;
    let files = [file("topology/a.yaml", yaml), file("schemas/app.page.clicked/v1.json", schema)];
    check(&files, &|_| None).unwrap()
}

fn click(id: &str, visitor: &str, at: &str) -> Event {
    let mut event = Event::new(id, "app", "app.page.clicked", visitor, json!({}));
    event.time = Some(at.parse().unwrap());
    event
}

/// Until a query has this answer.
async fn until(engine: &Engine, sql: &str, answer: &[&str]) {
    let mut last = Vec::new();
    for _ in 0..600 {
        last = query(engine.moment().await.unwrap(), sql).await;
        if last == answer {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{sql}: {last:?}, expected {answer:?}");
}

async fn closes(kind: Kind) {
    let place = Place::new(kind);
    let engine = open(&place).await;
    engine.apply_topology(&topology()).await.unwrap();
    // History in the order of time, whatever the wall clock says: it follows the events themselves. Events of
    // one hour come before those of the next are there.
    let none = "select count(*) from late_events";
    for hour in 0..6 {
        let at = format!("1997-01-05T0{hour}:30:00Z");
        let each = ["a", "b", "c", "d"].map(|who| click(&format!("{who}{hour}"), who, &at));
        submit(&engine, each.to_vec()).await;
    }
    assert_eq!(query(engine.moment().await.unwrap(), none).await, ["0"]);
    // Nothing comes any more: all windows close all the same, the last ones too.
    until(&engine, "select count(*) from hourly where closed_at is null", &["0"]).await;
    until(&engine, "select count(*), sum(clicks) from hourly", &["24|24"]).await;
    // From now on old events are late.
    submit(&engine, vec![click("late", "a", "1997-01-05T00:45:00Z")]).await;
    assert_eq!(query(engine.moment().await.unwrap(), none).await, ["1"]);
    // A restart believes no less than before.
    engine.shutdown().await;
    let engine = open(&place).await;
    submit(&engine, vec![click("later", "b", "1997-01-05T00:45:00Z")]).await;
    assert_eq!(query(engine.moment().await.unwrap(), none).await, ["2"]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_close_when_nothing_comes_any_more_on_embedded() {
    closes(Kind::Embedded(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_close_when_nothing_comes_any_more_on_kafka() {
    closes(Kind::kafka(3)).await;
}
