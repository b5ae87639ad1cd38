//! A view declared after its events came has their history too.

use crate::place::{Kind, Place, click, digests, query, submit, topology};

async fn tell(kind: fn() -> Kind) {
    let late = Place::new(kind());
    let engine = late.open().await;
    engine.apply_topology(&topology(false)).await.unwrap();
    submit(&engine, (0..100).map(click).collect()).await;
    assert!(engine.apply_topology(&topology(true)).await.unwrap());
    submit(&engine, (100..150).map(click).collect()).await;
    let sql = "select page, clicks, seconds from page_clicks order by page";
    let answer = query(engine.moment().await.unwrap(), sql).await;

    let early = Place::new(kind());
    let other = early.open().await;
    other.apply_topology(&topology(true)).await.unwrap();
    submit(&other, (0..150).map(click).collect()).await;
    assert_eq!(query(other.moment().await.unwrap(), sql).await, answer);
    let (a, b) = (engine.moment().await.unwrap(), other.moment().await.unwrap());
    let version = a.compiled.view("page_clicks").unwrap().table.version_hex();
    assert_eq!(
        digests(&a).await[&version],
        digests(&b).await[&version],
        "rows and every version of them"
    );
    engine.shutdown().await;
    other.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_view_has_its_history_on_embedded() {
    tell(|| Kind::Embedded(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_view_has_its_history_on_kafka() {
    tell(|| Kind::kafka(2)).await;
}
