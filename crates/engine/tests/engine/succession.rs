//! A changed view on a real log: the old version serves, the new one is built beside and takes over.

use std::{collections::BTreeMap, time::Duration};

use headwater_engine::{Ack, Engine};
use headwater_event::{Event, PartitionId, Signer};
use headwater_fold::Digest;
use headwater_log::AppendAck;
use headwater_topology::Topology;
use serde_json::json;

use crate::place::{Kind, Place, click, digests, query, refused, submit, topology, topology_with};

const SUM: &str = "select sum(clicks), sum(seconds) from visitor_clicks";
const STATES: &str = "select version, state from feature_view_versions \
                      where name = 'visitor_clicks' order by state";

fn version(topology: &Topology) -> String {
    let built_in = headwater_event::Schemas::built_in().unwrap();
    let compiled = headwater_fold::Compiled::new(&built_in, topology.clone()).unwrap();
    compiled.view("visitor_clicks").unwrap().table.version_hex()
}

async fn ask(engine: &Engine, sql: &str) -> Vec<String> {
    query(engine.moment().await.unwrap(), sql).await
}

async fn clicks(engine: &Engine, ids: std::ops::Range<u64>) {
    for start in ids.clone().step_by(4_000) {
        let part = (start..ids.end.min(start + 4_000)).map(click).collect();
        submit(engine, part).await;
    }
}

/// The digest of a version that was there from the start, over so many clicks.
async fn from_the_start(topology: &Topology, count: u64) -> Digest {
    let place = Place::new(Kind::memory(1));
    let engine = place.open().await;
    engine.apply_topology(topology).await.unwrap();
    clicks(&engine, 0..count).await;
    let digest = digests(&engine.moment().await.unwrap()).await[&version(topology)];
    engine.shutdown().await;
    digest
}

async fn digest(engine: &Engine, topology: &Topology) -> Digest {
    digests(&engine.moment().await.unwrap()).await[&version(topology)]
}

async fn the_old_serves_while_the_new_is_built(kind: Kind) {
    let (old, new) = (topology(false), topology_with(false, "max"));
    let place = Place::new(kind);
    let engine = place.open_with(0).await;
    engine.apply_topology(&old).await.unwrap();
    clicks(&engine, 0..100).await;
    let before = ask(&engine, SUM).await;
    assert!(engine.request_topology(&new).await.unwrap());
    assert_eq!(ask(&engine, SUM).await, before);
    clicks(&engine, 100..150).await;
    let served = ask(&engine, SUM).await;
    assert!(served[0].starts_with("150|"), "the old one is kept up to date: {served:?}");
    let (old_version, new_version) = (version(&old), version(&new));
    let states = [format!("{old_version}|active"), format!("{new_version}|building")];
    assert_eq!(ask(&engine, STATES).await, states);
    let at_new = format!("select * from features.\"visitor_clicks@{}\"", &new_version[..8]);
    let told = refused(engine.moment().await.unwrap(), &at_new).await;
    assert!(told.contains("still being built"), "{told}");
    let building = engine.builds();
    assert!(building.iter().all(|build| build.views[0].version == new_version));
    engine.shutdown().await;

    // After a restart it goes on.
    let engine = place.open().await;
    engine.wait_activated(&new).await.unwrap();
    clicks(&engine, 150..160).await;
    assert!(engine.builds().is_empty());
    let states = [format!("{new_version}|active"), format!("{old_version}|retired")];
    assert_eq!(ask(&engine, STATES).await, states);
    assert!(ask(&engine, SUM).await[0].starts_with("160|"));
    // Any version can still be read: the old one as it was when it was retired.
    let at_old =
        format!("select sum(clicks), sum(seconds) from \"visitor_clicks@{}\"", &old_version[..10]);
    assert_eq!(ask(&engine, &at_old).await, served);
    let both = format!(
        "select count(*) from visitor_clicks n join features.\"visitor_clicks@{old_version}\" o \
         using (visitor) where n.seconds < o.seconds"
    );
    assert_ne!(ask(&engine, &both).await, ["0"], "two versions in one query");
    assert_eq!(digest(&engine, &new).await, from_the_start(&new, 160).await);
    assert_eq!(digest(&engine, &old).await, from_the_start(&old, 150).await);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_serves_while_the_new_is_built_on_memory() {
    the_old_serves_while_the_new_is_built(Kind::memory(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_serves_while_the_new_is_built_on_embedded() {
    the_old_serves_while_the_new_is_built(Kind::Embedded(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_serves_while_the_new_is_built_on_kafka() {
    the_old_serves_while_the_new_is_built(Kind::kafka(2)).await;
}

async fn a_view_changed_twice_quickly_ends_as_the_last(kind: Kind) {
    let (first, second, third) =
        (topology(false), topology_with(false, "max"), topology_with(false, "min"));
    let place = Place::new(kind);
    let engine = place.open().await;
    engine.apply_topology(&first).await.unwrap();
    clicks(&engine, 0..3_000).await;
    engine.request_topology(&second).await.unwrap();
    engine.request_topology(&third).await.unwrap();
    clicks(&engine, 3_000..3_100).await;
    engine.wait_activated(&third).await.unwrap();
    let given_up = engine.wait_activated(&second).await.unwrap_err();
    assert!(given_up.to_string().contains("another topology"), "{given_up}");
    let reads = engine.compiled().view("visitor_clicks").unwrap().table.version_hex();
    assert_eq!(reads, version(&third));
    assert_eq!(digest(&engine, &third).await, from_the_start(&third, 3_100).await);
    // What was given up half way is whole once it is wanted again.
    assert!(engine.apply_topology(&second).await.unwrap());
    clicks(&engine, 3_100..3_200).await;
    assert_eq!(digest(&engine, &second).await, from_the_start(&second, 3_200).await);
    // And so is what was retired.
    assert!(engine.apply_topology(&first).await.unwrap());
    assert_eq!(digest(&engine, &first).await, from_the_start(&first, 3_200).await);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_changed_twice_quickly_ends_as_the_last_on_embedded() {
    a_view_changed_twice_quickly_ends_as_the_last(Kind::Embedded(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_changed_twice_quickly_ends_as_the_last_on_kafka() {
    a_view_changed_twice_quickly_ends_as_the_last(Kind::kafka(2)).await;
}

/// Stops in the midst of building, at several moments; events keep coming.
async fn a_build_that_is_stopped_goes_on(kind: Kind) {
    const BEFORE: u64 = 8_000;
    let (old, new) = (topology(false), topology_with(true, "max"));
    let place = Place::new(kind);
    let engine = place.open().await;
    engine.apply_topology(&old).await.unwrap();
    clicks(&engine, 0..BEFORE).await;
    engine.request_topology(&new).await.unwrap();
    engine.shutdown().await;
    let mut count = BEFORE;
    for wait_ms in [1, 30, 80] {
        let engine = place.open().await;
        let events = (count..count + 200).map(click).collect();
        engine.submit(events, Ack::Written).await;
        count += 200;
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        engine.shutdown().await;
    }
    let engine = place.open().await;
    engine.wait_activated(&new).await.unwrap();
    clicks(&engine, 0..count + 10).await;
    let expected = from_the_start(&new, count + 10).await;
    assert_eq!(digest(&engine, &new).await, expected);
    let sum = "select sum(clicks) from page_clicks";
    assert_eq!(ask(&engine, sum).await, [(count + 10).to_string()]);
    let tallies: BTreeMap<_, _> =
        engine.status().into_iter().map(|p| (p.id, p.head.coming.len())).collect();
    assert!(tallies.values().all(|coming| *coming == 0), "{tallies:?}");
    assert!(tallies.contains_key(&PartitionId::Control));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_stopped_goes_on_on_embedded() {
    a_build_that_is_stopped_goes_on(Kind::Embedded(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_stopped_goes_on_on_kafka() {
    a_build_that_is_stopped_goes_on(Kind::kafka(2)).await;
}

async fn events_come_while_it_is_built(kind: Kind) {
    let (old, new) = (topology(false), topology_with(false, "max"));
    let place = Place::new(kind);
    let engine = place.open().await;
    engine.apply_topology(&old).await.unwrap();
    clicks(&engine, 0..6_000).await;
    let producer = {
        let engine = engine.clone();
        tokio::spawn(async move {
            for start in (6_000..12_000).step_by(100) {
                submit(&engine, (start..start + 100).map(click).collect()).await;
            }
        })
    };
    assert!(engine.apply_topology(&new).await.unwrap());
    producer.await.unwrap();
    assert_eq!(digest(&engine, &new).await, from_the_start(&new, 12_000).await);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_while_it_is_built_on_embedded() {
    events_come_while_it_is_built(Kind::Embedded(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_while_it_is_built_on_kafka() {
    events_come_while_it_is_built(Kind::kafka(1)).await;
}

/// The handover is on the log, and the process that built has gone: the history is folded there and
/// then. A second handover of the same version, and one of a version that nobody wants, change nothing.
async fn a_handover_without_a_builder(kind: Kind) {
    let (old, new) = (topology(false), topology_with(false, "max"));
    let place = Place::new(kind);
    let engine = place.open_with(0).await;
    engine.apply_topology(&old).await.unwrap();
    clicks(&engine, 0..500).await;
    engine.request_topology(&new).await.unwrap();
    let control = engine.status().into_iter().find(|p| p.id == PartitionId::Control).unwrap();
    let (log_id, epoch) = (control.head.log.clone().unwrap().log_id, control.head.epoch);
    let data: Vec<PartitionId> = engine
        .status()
        .into_iter()
        .map(|p| p.id)
        .filter(|id| *id != PartitionId::Control)
        .collect();
    engine.shutdown().await;

    let secret = std::fs::read(place.dir.path().join("keys/control.ed25519")).unwrap();
    let signer = Signer::new(&secret.try_into().unwrap(), log_id);
    let log = place.log(false).await;
    for version in [version(&new), version(&new), "00".repeat(16)] {
        for id in &data {
            let built = json!({"built": [{"view": "visitor_clicks", "version": version}]});
            let event = Event::new("h", "headwater", "headwater.view.built", "views", built);
            let record = signer.sign(*id, epoch, event.to_record());
            log.append(*id, vec![record], AppendAck::Durable).await.unwrap();
        }
    }
    drop(log);
    let engine = place.open_with(0).await;
    engine.wait_activated(&new).await.unwrap();
    clicks(&engine, 500..520).await;
    assert_eq!(digest(&engine, &new).await, from_the_start(&new, 520).await);
    let letters = "select count(*) from dead_letters";
    assert_eq!(ask(&engine, letters).await, ["0"]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handover_without_a_builder_on_embedded() {
    a_handover_without_a_builder(Kind::Embedded(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handover_without_a_builder_on_kafka() {
    a_handover_without_a_builder(Kind::kafka(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_any_size_give_the_same_on_memory() {
    let (old, new) = (topology(false), topology_with(true, "max"));
    for (batch, partitions) in [(1, 1), (7, 4), (10_000, 2)] {
        let place = Place::new(Kind::memory(partitions));
        let engine = place.open_in_batches(batch).await;
        engine.apply_topology(&old).await.unwrap();
        clicks(&engine, 0..900).await;
        engine.request_topology(&new).await.unwrap();
        clicks(&engine, 900..1_200).await;
        engine.wait_activated(&new).await.unwrap();
        let found = digest(&engine, &new).await;
        assert_eq!(found, from_the_start(&new, 1_200).await, "batches of {batch}");
        engine.shutdown().await;
    }
}
