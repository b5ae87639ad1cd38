//! A process that ends between any two steps of a try: the next one makes it good.

use std::sync::{Arc, Mutex};

use headwater_engine::{EffectStep, EffectWatch};

use crate::place::{Kind, Place, STATES, ask, click, submit, topology, until, wait};

const TELL: &str = "
  tell:
    description: Tells the world.
    on: app.page.clicked
    http: { url: 'http://WORLD/ok', allow_private: true }
    attempts_max: 1
    result: app.effect.told
";

async fn ends_at(kind: Kind, step: EffectStep) {
    let place = Place::new(kind).await;
    let reached = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&reached);
    let watch = EffectWatch(Arc::new(move |at, _| {
        *seen.lock().unwrap() += usize::from(at == step);
        at != step
    }));
    let engine = place.open_watched(watch).await;
    engine.apply_topology(&topology(&place.world, TELL)).await.unwrap();
    submit(&engine, (0..3).map(click).collect()).await;
    wait("the step", || *reached.lock().unwrap() == 3).await;
    engine.shutdown().await;

    let engine = place.open().await;
    until(&engine, STATES, &["tell|succeeded|3"]).await;
    // One event each tells of it, however often it was called.
    until(&engine, "select sum(told), min(last_state) from visitor_effects", &["3|succeeded"])
        .await;
    let calls = place.world.counts("/ok");
    let expected = if step == EffectStep::Called { 2 } else { 1 };
    assert_eq!(calls.len(), 3);
    assert!(calls.values().all(|count| *count == expected), "{step:?}: {calls:?}");
    let lost = match step {
        EffectStep::Due | EffectStep::Finished => "1|0",
        EffectStep::Started | EffectStep::Called => "1|1",
    };
    let rows = ask(&engine, "select distinct attempt, leases_lost from log.effects").await;
    assert_eq!(rows, [lost], "{step:?}: a try that was cut off is not counted");
    engine.shutdown().await;
    place.replay().await;
}

const STEPS: [EffectStep; 4] =
    [EffectStep::Due, EffectStep::Started, EffectStep::Called, EffectStep::Finished];

#[tokio::test(flavor = "multi_thread")]
async fn each_is_done_at_least_once_wherever_the_process_ends_on_embedded() {
    for step in STEPS {
        ends_at(Kind::Embedded(2), step).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_done_at_least_once_wherever_the_process_ends_on_kafka() {
    for step in STEPS {
        ends_at(Kind::kafka(2), step).await;
    }
}
