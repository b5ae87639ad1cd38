//! What changes while a source is read: the mapping, the topology, the topic, the active process.

use std::{sync::Arc, time::Duration};

use headwater_engine::Engine;
use headwater_event::Offset;
use headwater_log::{EventLog, MemoryTopics, Topics};

use super::feed::{TOPIC, expected, open, records, told, topology, wait_told, without_source};
use crate::place::{Kind, Place, query};

struct App {
    place: Place,
    memory: MemoryTopics,
    topics: Arc<dyn Topics>,
}

impl App {
    fn new() -> Self {
        let memory = MemoryTopics::default();
        let topics: Arc<dyn Topics> = Arc::new(memory.clone());
        Self { place: Place::new(Kind::memory(2)), memory, topics }
    }

    async fn open(&self) -> Engine {
        open(&self.place, self.place.log(false).await, &self.topics).await
    }

    async fn put(&self, partition: u32, range: std::ops::Range<u64>) {
        self.memory.put(TOPIC, partition, records(range)).await.unwrap();
    }
}

async fn ask(engine: &Engine, sql: &str) -> Vec<String> {
    query(engine.moment().await.unwrap(), sql).await
}

async fn wait_asked(engine: &Engine, sql: &str, expected: &[&str]) {
    for _ in 0..300 {
        if ask(engine, sql).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?} is not {expected:?}; {:?}", ask(engine, sql).await, engine.sources());
}

/// Waits until a source tells of a problem that says this.
async fn wait_problem(engine: &Engine, says: &str) {
    for _ in 0..300 {
        let sources = engine.sources();
        if sources.iter().any(|s| s.problem.as_ref().is_some_and(|told| told.contains(says))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody says {says:?}: {:?}", engine.sources());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_restart_reads_nothing_twice() {
    let app = App::new();
    app.memory.make(TOPIC, 3);
    let engine = app.open().await;
    engine.apply_topology(&topology("")).await.unwrap();
    app.put(0, 0..20).await;
    app.put(2, 20..30).await;
    wait_told(&engine, &expected(30)).await;
    engine.shutdown().await;
    app.put(1, 30..50).await;
    let engine = app.open().await;
    wait_told(&engine, &expected(50)).await;
    let places = ask(&engine, "select partition, next_offset from log.sources order by 1").await;
    assert_eq!(places, ["0|20", "1|20", "2|10"]);
    let repeats: u64 = engine.status().iter().map(|status| status.head.counts.repeats).sum();
    assert_eq!(repeats, 0);
    // The original position stands on the event.
    let at =
        "select extensions from events where type = 'app.page.visited' order by extensions limit 1";
    assert_eq!(
        ask(&engine, at).await,
        [r#"{"sourceoffset":"0","sourcepartition":"0","sourcetopic":"visits.v1"}"#]
    );
    let letter = "select reason, detail, event_type, raw_bytes, encode(raw, 'base64') from dead_letters \
                  where detail like '%visits.v1/0/7%'";
    assert_eq!(
        ask(&engine, letter).await,
        [
            "not_json|source visits, visits.v1/0/7: the value is not JSON: expected ident at line 1 column 2|\
          app.page.visited|10|bm90IGpzb24gNw"
        ]
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mapping_holds_from_where_it_was_applied() {
    let app = App::new();
    app.memory.make(TOPIC, 1);
    let engine = app.open().await;
    engine.apply_topology(&topology("")).await.unwrap();
    app.put(0, 0..10).await;
    wait_told(&engine, &expected(10)).await;
    let mut other = topology("");
    let source = other.sources.get_mut("visits").unwrap();
    source.when = [("/kind".to_owned(), vec!["click".into()])].into();
    source.subject = headwater_topology::RecordPlace::Value("/kind".into());
    source.data =
        headwater_topology::RecordData::At(headwater_topology::RecordPlace::Value(String::new()));
    engine.apply_topology(&other).await.unwrap();
    app.put(0, 10..20).await;
    // Of these one is a click, which lacks seconds; a line that is no JSON is refused by either.
    wait_asked(
        &engine,
        "select next_offset, mapped, passed_over, refused from log.sources",
        &["20|7|9|4"],
    )
    .await;
    assert_eq!(told(&engine).await[0], expected(10)[0], "what was mapped stays as it was");
    // Taken away, nothing is read; back again, it goes on where it was.
    engine.apply_topology(&without_source()).await.unwrap();
    assert!(engine.sources().is_empty() || wait_gone(&engine).await);
    app.put(0, 20..30).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(&engine, "select next_offset from log.sources").await, ["20"]);
    engine.apply_topology(&topology("")).await.unwrap();
    wait_asked(&engine, "select next_offset, mapped from log.sources", &["30|14"]).await;
    engine.shutdown().await;
}

async fn wait_gone(engine: &Engine) -> bool {
    for _ in 0..100 {
        if engine.sources().is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_told_and_waited_for() {
    let app = App::new();
    let engine = app.open().await;
    engine.apply_topology(&topology("")).await.unwrap();
    wait_problem(&engine, "topic visits.v1 does not exist; it is waited for").await;
    app.memory.make(TOPIC, 1);
    app.put(0, 0..10).await;
    wait_told(&engine, &expected(10)).await;
    assert_eq!(engine.sources()[0].problem, None);
    engine.shutdown().await;
    // Made anew, it does not have what was read: a person must decide.
    app.memory.make(TOPIC, 1);
    let engine = app.open().await;
    wait_problem(&engine, "was made anew or cut; declare the source under another name").await;
    assert_eq!(told(&engine).await, expected(10));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_before_it_was_read_is_on_record() {
    let app = App::new();
    app.memory.make(TOPIC, 1);
    let engine = app.open().await;
    engine.apply_topology(&topology("")).await.unwrap();
    app.put(0, 0..10).await;
    wait_told(&engine, &expected(10)).await;
    engine.shutdown().await;
    app.put(0, 10..30).await;
    app.memory.trim(TOPIC, 0, Offset(20)).await.unwrap();
    let engine = app.open().await;
    wait_asked(&engine, "select next_offset, mapped, lost from log.sources", &["30|14|10"]).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_may_begin_with_what_is_latest() {
    let app = App::new();
    app.memory.make(TOPIC, 1);
    app.put(0, 0..10).await;
    let engine = app.open().await;
    engine.apply_topology(&topology("    start: latest")).await.unwrap();
    wait_asked(&engine, "select next_offset, mapped from log.sources", &["10|0"]).await;
    engine.shutdown().await;
    // Where it began is known, whatever came while nobody read.
    app.put(0, 10..20).await;
    let engine = app.open().await;
    wait_asked(&engine, "select next_offset, mapped from log.sources", &["20|7"]).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_no_longer_the_active_one_stops() {
    let app = App::new();
    app.memory.make(TOPIC, 1);
    let log: Arc<dyn EventLog> = app.place.log(false).await;
    let first = open(&app.place, Arc::clone(&log), &app.topics).await;
    first.apply_topology(&topology("")).await.unwrap();
    app.put(0, 0..10).await;
    wait_told(&first, &expected(10)).await;
    // Another process with stores of its own, and the same key.
    let elsewhere = Place::new(Kind::memory(2));
    let keys = elsewhere.dir.path().join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    for entry in std::fs::read_dir(app.place.dir.path().join("keys")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), keys.join(entry.file_name())).unwrap();
    }
    let second = open(&elsewhere, log, &app.topics).await;
    assert!(wait_gone(&first).await, "{:?}", first.sources());
    app.put(0, 10..20).await;
    wait_told(&second, &expected(20)).await;
    first.shutdown().await;
    second.shutdown().await;
}
