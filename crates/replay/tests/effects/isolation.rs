//! Effects that hang, fail or flood leave folding and each other alone.

use crate::place::{Kind, Place, STATES, ask, click, pass, submit, topology, until, wait};

const EFFECTS: &str = "
  fails: { description: x, on: app.page.clicked, attempts_max: 1, concurrency_max: 2,
           http: { url: 'http://WORLD/fail/9', allow_private: true } }
  hangs: { description: x, on: app.page.clicked, timeout: 1h, deadline: 30d,
           http: { url: 'http://WORLD/hang', allow_private: true } }
  works: { description: x, on: app.page.clicked, when: { /seconds: [1.5] }, concurrency_max: 8,
           http: { url: 'http://WORLD/ok', allow_private: true } }
";

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_that_fail_or_hang_leave_another_and_folding_alone() {
    let place = Place::new(Kind::Embedded(2)).await;
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, EFFECTS)).await.unwrap();
    for start in (0..10_000).step_by(1_000) {
        submit(&engine, (start..start + 1_000).map(click).collect()).await;
    }
    // A seventh of the clicks took a second and a half.
    let works = "select state, count(*) from log.effects where effect = 'works' group by 1";
    until(&engine, works, &["succeeded|1428"]).await;
    assert_eq!(place.world.counts("/ok").len(), 1_428);
    let hangs = "select pending, running from log.effect_totals where effect = 'hangs'";
    assert_eq!(ask(&engine, hangs).await, ["9996|4"], "its own four places hang, no more");
    assert_eq!(place.world.counts("/hang").len(), 4);
    // Events are folded and answered as ever.
    submit(&engine, (20_000..20_100).map(click).collect()).await;
    let clicks = "select sum(clicks) from visitor_clicks";
    assert_eq!(ask(&engine, clicks).await, ["10100"]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_hang_leave_each_other_effect_a_place() {
    let place = Place::new(Kind::Embedded(1)).await;
    let hang = |n: usize| {
        format!(
            "  hangs_{n}: {{ description: x, on: app.page.clicked, timeout: 1h, concurrency_max: 32, \
             http: {{ url: 'http://WORLD/hang', allow_private: true }} }}\n"
        )
    };
    let mut effects: String = (0..4).map(hang).collect();
    effects.push_str(
        "  works: { description: x, on: app.page.clicked, http: { url: 'http://WORLD/ok', allow_private: true } }\n",
    );
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, &effects)).await.unwrap();
    submit(&engine, (0..40).map(click).collect()).await;
    wait("the one that works is done", || place.world.counts("/ok").len() == 40).await;
    let running = "select sum(running) from log.effect_totals";
    let held: i64 = ask(&engine, running).await[0].parse().unwrap();
    assert!(held <= 64 + 5, "all together have so many places: {held}");
    pass(&engine, 7_200).await;
    until(
        &engine,
        STATES,
        &[
            "hangs_0|expired|40",
            "hangs_1|expired|40",
            "hangs_2|expired|40",
            "hangs_3|expired|40",
            "works|succeeded|40",
        ],
    )
    .await;
    engine.shutdown().await;
}
