//! Events in, answers out, a restart in between, and equal digests on every log.

use std::collections::BTreeMap;

use headwater_engine::{Ack, Submitted};
use headwater_event::{PartitionId, Reason};
use headwater_fold::Outcome;
use headwater_store::Access;

use crate::place::{Kind, Place, click, create_experiment, query, submit, topology};

const EVENTS: u64 = 300;

/// Tells the story on one log; answers the digests.
async fn tell(kind: Kind) -> BTreeMap<String, headwater_fold::Digest> {
    let place = Place::new(kind);
    let engine = place.open().await;
    assert!(engine.apply_topology(&topology(false)).await.unwrap());
    assert!(!engine.apply_topology(&topology(false)).await.unwrap(), "it holds already");
    engine.tick("1997-01-02T00:00:00Z".parse().unwrap()).await.unwrap();
    let outcomes = submit(&engine, (0..EVENTS / 2).map(click).collect()).await;
    assert!(outcomes.iter().all(Outcome::is_accepted));
    engine.shutdown().await;

    // What was there is there again, and goes on.
    let engine = place.open().await;
    submit(&engine, (0..EVENTS).map(click).collect()).await;
    let sum = "select sum(clicks), sum(seconds), count(*) from visitor_clicks";
    let expected: f64 = (0..EVENTS).map(|n| f64::from(u32::try_from(n % 13).unwrap()) / 8.0).sum();
    let answer = query(engine.moment().await.unwrap(), sum).await;
    assert_eq!(answer, [format!("{EVENTS}|{expected:?}|31")], "the first half was sent twice");

    // Of two equal requests at the same moment, one wins.
    let (one, two) = tokio::join!(
        engine.submit(vec![create_experiment("a")], Ack::Folded),
        engine.submit(vec![create_experiment("b")], Ack::Folded),
    );
    let refused: Vec<_> = [one, two].into_iter().flatten().filter_map(refusal).collect();
    assert_eq!(refused, [Reason::Conflict]);

    // The edge refuses what the fold would.
    let mut unknown = click(1);
    unknown.event_type = "app.unknown".to_owned();
    let answers = engine.submit(vec![unknown, click(EVENTS)], Ack::Written).await;
    assert!(matches!(&answers[0], Submitted::Refused(r) if r.reason == Reason::UnknownType));
    let Submitted::Appended(receipt) = &answers[1] else { panic!("{answers:?}") };
    engine.wait_folded(&BTreeMap::from([(receipt.partition, receipt.offset)])).await.unwrap();
    assert!(engine.is_ready());
    engine.shutdown().await;
    place.digests().await
}

fn refusal(answer: Submitted) -> Option<Reason> {
    match answer {
        Submitted::Appended(receipt) => match receipt.outcome {
            Some(Outcome::Rejected { refusal }) => Some(refusal.reason),
            _ => None,
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_embedded_give_equal_digests() {
    let embedded = tell(Kind::Embedded(2)).await;
    assert_eq!(tell(Kind::memory(2)).await, embedded);
    assert_eq!(tell(Kind::Embedded(1)).await, embedded, "one partition");
    assert_eq!(tell(Kind::Embedded(4)).await, embedded, "four partitions");
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_and_memory_give_equal_digests() {
    assert_eq!(tell(Kind::kafka(2)).await, tell(Kind::memory(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_log_is_refused_on_embedded() {
    let place = Place::new(Kind::Embedded(1));
    place.open().await.shutdown().await;
    std::fs::remove_dir_all(place.dir.path().join("log")).unwrap();
    let error = place.try_open().await.unwrap_err();
    assert_eq!(error.kind(), headwater_engine::ErrorKind::Corrupt, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_process_is_fenced_by_a_newer_on_kafka() {
    let kind = Kind::kafka(1);
    let (first, second) = (Place::new(kind.clone()), Place::new(kind));
    let old = first.open().await;
    std::fs::create_dir_all(second.dir.path().join("keys")).unwrap();
    let key = "keys/control.ed25519";
    std::fs::copy(first.dir.path().join(key), second.dir.path().join(key)).unwrap();
    let new = second.open().await;
    // The old one may append for a moment, but nothing of it is taken any more.
    let late = old.submit(vec![create_experiment("late")], Ack::Folded).await;
    let taken = late.into_iter().any(|answer| match answer {
        Submitted::Appended(receipt) => receipt.outcome.is_some_and(|o| o.is_accepted()),
        _ => false,
    });
    assert!(!taken);
    let accepted = submit(&new, vec![create_experiment("now")]).await;
    assert!(accepted[0].is_accepted());
    let control = old.status().into_iter().find(|p| p.id == PartitionId::Control).unwrap();
    assert!(control.failed.unwrap().contains("another process"));
    old.shutdown().await;
    new.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_open_an_embedded_folder_while_it_is_written() {
    let place = Place::new(Kind::Embedded(1));
    let engine = place.open().await;
    engine.apply_topology(&topology(false)).await.unwrap();
    submit(&engine, (0..50).map(click).collect()).await;
    let stores = place.stores(Access::ReadOnly);
    let moment = headwater_engine::open_moment(place.log(true).await, &stores).await.unwrap();
    assert_eq!(query(moment, "select sum(clicks) from visitor_clicks").await, ["50"]);
    let second = place.try_open_on(std::sync::Arc::clone(engine.log())).await.unwrap_err();
    assert!(second.to_string().contains("another process"), "a second writer is refused: {second}");
    engine.shutdown().await;
}
