//! Rules in SQL: answered as of a tick, whatever comes after it.

use crate::place::{Kind, Place, ask, click, pass, submit, topology, until};

const RULE: &str = "select sum(clicks) as clicks, sum(seconds) as seconds from visitor_clicks \
                    where window_start = timestamp '1997-01-01'";

fn effects() -> String {
    format!(
        "
  measured:
    description: What a window of a view says, by the hour.
    every: 1h
    sql: \"{RULE}\"
    result: app.effect.told
  seen:
    description: The same, for some clicks.
    on: app.page.clicked
    when: {{ /page: /p0 }}
    deadline: 1d
    sql: \"{RULE}\"
  many: {{ description: x, every: 1h, sql: 'select visitor from visitor_clicks' }}
  broken: {{ description: x, every: 1h, sql: 'select nothing from nowhere' }}
"
    )
}

async fn as_of_its_tick(kind: Kind) {
    let place = Place::new(kind).await;
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, &effects())).await.unwrap();
    submit(&engine, (0..100).map(click).collect()).await;
    pass(&engine, 3_600).await;
    submit(&engine, (100..150).map(click).collect()).await;
    pass(&engine, 1_200).await;
    until(
        &engine,
        "select count(*) from log.effects where effect = 'seen' and state = 'succeeded'",
        &["50"],
    )
    .await;
    pass(&engine, 2 * 3_600).await;
    submit(&engine, (150..190).map(click).collect()).await;
    let states = "select effect, state, count(*) from log.effects where effect <> 'seen' group by 1, 2 order by 1";
    until(&engine, states, &["broken|failed|2", "many|failed|2", "measured|succeeded|2"]).await;
    let told = "select passed_over, output from log.effects where effect = 'measured' order by scheduled_for";
    let told = ask(&engine, told).await;
    assert!(told[0].starts_with("0|") && told[1].starts_with("1|"), "{told:?}");
    assert!(
        told[0].contains(r#""clicks":100,"#) && told[1].contains(r#""clicks":150,"#),
        "{told:?}"
    );
    // The same query as of the same tick answers the same today.
    for line in ask(&engine, "select output from log.effects where state = 'succeeded'").await {
        let output: serde_json::Value = serde_json::from_str(&line).unwrap();
        let as_of = output["as_of"].as_str().unwrap();
        let again = format!("set headwater.as_of = '{as_of}'; {RULE}");
        let row = &output["row"];
        let expected = format!("{}|{}", row["clicks"], row["seconds"].as_str().unwrap());
        assert_eq!(ask(&engine, &again).await, [expected]);
    }
    let why = ask(
        &engine,
        "select distinct effect, error from log.effects where state = 'failed' order by 1",
    )
    .await;
    assert!(why[0].contains("nowhere") && why[1].contains("more than one row"), "{why:?}");
    let last = "select last_state from visitor_effects where visitor = 'measured'";
    until(&engine, last, &["succeeded"]).await;
    engine.shutdown().await;
    place.replay().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_sees_its_tick_and_nothing_after_it_on_embedded() {
    as_of_its_tick(Kind::Embedded(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_sees_its_tick_and_nothing_after_it_on_kafka() {
    as_of_its_tick(Kind::kafka(2)).await;
}
