//! A small app whose events come from a topic, and what must have become of its records.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use headwater_engine::Engine;
use headwater_event::NewRecord;
use headwater_log::{EventLog, Topics};
use headwater_topology::{SourceFile, Topology};

use crate::place::{Place, query};

/// The topic.
pub(crate) const TOPIC: &str = "visits.v1";

/// The app's topology; `more` are keys of the source.
pub(crate) fn topology(more: &str) -> Topology {
    let yaml = format!(
        "
event_types:
  app.page.visited: {{ description: Somebody came. }}
sources:
  visits:
    description: Visits.
    topic: {TOPIC}
    event_type: app.page.visited
    subject: /who
    data: {{ seconds: /seconds }}
    when: {{ /kind: visit }}
{more}
entities:
  visitor: {{ description: Who., join_keys: {{ visitor: string }} }}
feature_views:
  visits_of:
    description: Visits of a visitor.
    entity: visitor
    from: app.page.visited
    keys: {{ visitor: subject }}
    features:
      visits: {{ count: all }}
      seconds: {{ sum: /seconds, type: int64 }}
"
    );
    let schema = r#"{"type": "object", "required": ["seconds"], "properties": {
        "seconds": {"type": "integer"}, "minutes": {"type": "number"}}}"#;
    checked(&yaml, &[("schemas/app.page.visited/v1.json", schema)])
}

/// The same without its source.
pub(crate) fn without_source() -> Topology {
    Topology { sources: [].into(), ..topology("") }
}

fn checked(yaml: &str, schemas: &[(&str, &str)]) -> Topology {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let mut files = vec![file("topology/app.yaml", yaml)];
    files.extend(schemas.iter().map(|(path, text)| file(path, text)));
    headwater_topology::check(&files, &|_| None).unwrap_or_else(|told| panic!("{told:?}"))
}

/// The record with this number: of each ten one is passed over, one is no JSON, one the edge refuses.
pub(crate) fn record(n: u64) -> NewRecord {
    let value = match n % 10 {
        7 => format!("not json {n}"),
        8 => format!("{{\"kind\": \"visit\", \"who\": \"w{n}\", \"seconds\": \"long\"}}"),
        9 => "{\"kind\": \"click\"}".to_owned(),
        _ => format!("{{\"kind\": \"visit\", \"who\": \"w{}\", \"seconds\": {n}}}", n % 5),
    };
    NewRecord { key: None, headers: Vec::new(), value: Some(Bytes::from(value)) }
}

pub(crate) fn records(range: std::ops::Range<u64>) -> Vec<NewRecord> {
    range.map(record).collect()
}

/// What the views must tell once so many records were read.
pub(crate) fn expected(count: u64) -> [String; 3] {
    let visits: Vec<u64> = (0..count).filter(|n| n % 10 < 7).collect();
    let of = |rests: &[u64]| (0..count).filter(|n| rests.contains(&(n % 10))).count();
    let (mapped, refused, passed_over) = (visits.len(), of(&[7, 8]), of(&[9]));
    [
        format!("{mapped}|{}", visits.iter().sum::<u64>()),
        format!("{refused}|{refused}"),
        format!("{count}|{mapped}|{passed_over}|{refused}|0"),
    ]
}

/// What the views tell: visits, dead letters, places and counts.
pub(crate) async fn told(engine: &Engine) -> [String; 3] {
    let ask = async |sql: &str| query(engine.moment().await.unwrap(), sql).await.join(",");
    [
        ask("select coalesce(sum(visits), 0), coalesce(sum(seconds), 0) from visits_of").await,
        ask("select count(*), count(distinct detail) from dead_letters").await,
        ask("select coalesce(sum(next_offset), 0), coalesce(sum(mapped), 0), \
             coalesce(sum(passed_over), 0), coalesce(sum(refused), 0), coalesce(sum(lost), 0) \
             from log.sources")
        .await,
    ]
}

/// Waits until the views tell this.
pub(crate) async fn wait_told(engine: &Engine, expected: &[String; 3]) {
    let mut last = told(engine).await;
    for _ in 0..300 {
        if last == *expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        last = told(engine).await;
    }
    panic!("{last:?} is not {expected:?}; {:?}", engine.sources());
}

/// Opens an engine that reads topics.
pub(crate) async fn open(
    place: &Place,
    log: Arc<dyn EventLog>,
    topics: &Arc<dyn Topics>,
) -> Engine {
    place.try_open_reading(log, Arc::clone(topics)).await.unwrap()
}
