//! Calls: what is sent, what is tried again, what is refused, what becomes of the answer.

use std::collections::BTreeSet;

use headwater_engine::EffectsConfig;
use headwater_event::{Event, payload::ClockMode};
use serde_json::json;

use crate::place::{Kind, Place, STATES, ask, click, pass, submit, topology, until, wait};

const TELL: &str = "
  tell:
    description: Tells the world.
    on: app.page.clicked
    when: { /page: [/p0, /p1] }
    http:
      url: http://WORLD/fail/1
      headers: { authorization: 'Bearer ${file:TOKEN}' }
      body: event
      allow_private: true
    backoff: { first: 1s, max: 2s }
    result: app.effect.told
";

/// Tells the world of clicks; answers the rows of the effects, as far as they are content.
async fn told(kind: Kind) -> Vec<String> {
    let place = Place::new(kind).await;
    let token = place.dir.path().join("token");
    std::fs::write(&token, "hunter2hunter2\n").unwrap();
    let effects = TELL.replace("TOKEN", token.to_str().unwrap());
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, &effects)).await.unwrap();
    submit(&engine, (0..30).map(click).collect()).await;
    // The same again causes nothing.
    submit(&engine, (0..30).map(click).collect()).await;
    until(&engine, STATES, &["tell|succeeded|20"]).await;
    until(&engine, "select sum(told), min(last_state) from visitor_effects", &["20|succeeded"])
        .await;
    assert_eq!(ask(&engine, "select count(*) from dead_letters").await, ["0"]);
    let counts = place.world.counts("/fail/1");
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (20, 40), "one more try each");
    for call in place.world.calls() {
        assert!(call.head.contains("authorization: Bearer hunter2hunter2"), "{call:?}");
        let sent: serde_json::Value = serde_json::from_str(&call.body).unwrap();
        assert_eq!(sent["type"], "app.page.clicked");
    }
    // What was secret is nowhere in the data folder's events, though the world said it back.
    let secret = "select count(*) from events where strpos(data, 'hunter2hunter2') > 0";
    assert_eq!(ask(&engine, secret).await, ["0"]);
    let output = "select distinct attempt, status, output from log.effects";
    let echoed = r#"2|200|{"body":{"echo":"***","seen":true},"content_type":"application/json","status":200}"#;
    assert_eq!(ask(&engine, output).await, [echoed]);
    let rows =
        ask(&engine, "select effect, key, subject, cause_id from log.effects order by key").await;
    let keys: BTreeSet<_> =
        rows.iter().map(|row| row.split('|').nth(1).unwrap().to_owned()).collect();
    assert_eq!(keys, counts.into_keys().collect());
    engine.shutdown().await;
    place.replay().await;
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_is_told_once_with_one_key_on_one_partition_and_on_four() {
    assert_eq!(told(Kind::Embedded(1)).await, told(Kind::Embedded(4)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_is_told_once_with_the_same_key_on_kafka() {
    assert_eq!(told(Kind::kafka(2)).await, told(Kind::Embedded(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_world_answers_decides_whether_it_is_tried_again() {
    let place = Place::new(Kind::Embedded(2)).await;
    let one = |name: &str, url: &str, more: &str| {
        format!(
            "  {name}: {{ description: x, on: app.page.clicked, attempts_max: 2, timeout: 300ms, \
             backoff: {{ first: 1s, max: 1s }}, http: {{ url: '{url}'{more} }} }}\n"
        )
    };
    let private = ", allow_private: true";
    let effects = [
        one("away", "http://WORLD/away", private),
        one("fails", "http://WORLD/fail/9", private),
        one("floods", "http://WORLD/flood", private),
        one("hangs", "http://WORLD/hang", private),
        one("private", "http://WORLD/ok", ""),
        one("secret", "http://WORLD/${env:HEADWATER_NO_SUCH_VARIABLE}", private),
        one("stranger", "http://example.com/ok", ""),
        one("wrong", "http://WORLD/wrong", private),
    ];
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, &effects.concat())).await.unwrap();
    submit(&engine, vec![click(0)]).await;
    let rows = "select effect, state, attempt, status from log.effects order by 1";
    until(
        &engine,
        rows,
        &[
            "away|failed|1|302",
            "fails|failed|2|503",
            "floods|succeeded|1|200",
            "hangs|failed|2|",
            "private|failed|1|",
            "secret|failed|1|",
            "stranger|failed|1|",
            "wrong|failed|1|422",
        ],
    )
    .await;
    let told = ask(&engine, "select error from log.effects order by effect").await;
    assert!(told[0].contains("redirects are not followed"), "{told:?}");
    assert!(told[3].contains("longer than 300 ms"), "{told:?}");
    assert!(told[4].contains("private address 127.0.0.1; declare allow_private"), "{told:?}");
    assert!(told[5].contains("no variable HEADWATER_NO_SUCH_VARIABLE"), "{told:?}");
    assert!(told[6].contains("--effects-allow example.com"), "{told:?}");
    assert!(place.world.counts("/ok").is_empty(), "nobody went there");
    let kept = "select length(output) between 32768 and 33000, strpos(output, 'truncated') > 0
        from log.effects where effect = 'floods'";
    assert_eq!(ask(&engine, kept).await, ["true|true"], "the first 32 KiB of it");
    engine.shutdown().await;
    place.replay().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pending_or_running_can_be_cancelled_and_ends_at_its_deadline() {
    let place = Place::new(Kind::Embedded(2)).await;
    let effects = "
  hangs: { description: x, on: app.page.clicked, concurrency_max: 1, deadline: 1h, timeout: 2h,
           http: { url: 'http://WORLD/hang', allow_private: true } }
";
    let engine = place.open().await;
    engine.apply_topology(&topology(&place.world, effects)).await.unwrap();
    submit(&engine, (0..3).map(click).collect()).await;
    wait("the first call", || place.world.calls().len() == 1).await;
    until(&engine, STATES, &["hangs|pending|2", "hangs|running|1"]).await;
    let cancel = async |state: &str| {
        let key =
            format!("select key from log.effects where state = '{state}' order by key limit 1");
        let key = ask(&engine, &key).await.remove(0);
        let data = json!({"effect": "hangs", "key": key});
        let kind = "headwater.effect.cancel_requested";
        submit(&engine, vec![Event::new(format!("cancel {key}"), "test", kind, "hangs", data)])
            .await;
    };
    cancel("pending").await;
    cancel("running").await;
    // Its place is free again, and the last one takes it.
    wait("the call is broken off", || place.world.left() == 1).await;
    wait("the last call", || place.world.calls().len() == 2).await;
    until(&engine, STATES, &["hangs|cancelled|2", "hangs|running|1"]).await;
    pass(&engine, 3_600).await;
    until(&engine, STATES, &["hangs|cancelled|2", "hangs|expired|1"]).await;
    wait("the last call is broken off", || place.world.left() == 2).await;
    engine.shutdown().await;
    place.replay().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_clock_ticks_for_what_is_due() {
    let place = Place::new(Kind::Embedded(1)).await;
    let effects = "
  again: { description: x, on: app.page.clicked, attempts_max: 3, backoff: { first: 1s, max: 1s },
           http: { url: 'http://WORLD/fail/2', allow_private: true } }
  every: { description: x, every: 2s, http: { url: 'http://WORLD/ok', allow_private: true } }
";
    let engine = place.open_with(place.allowing(), ClockMode::Live).await;
    engine.apply_topology(&topology(&place.world, effects)).await.unwrap();
    submit(&engine, vec![click(0)]).await;
    wait("the third try", || place.world.counts("/fail/2").values().any(|count| *count == 3)).await;
    wait("three multiples", || place.world.counts("/ok").len() >= 3).await;
    engine.shutdown().await;
    place.replay().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_or_run_that_the_operator_did_not_allow() {
    let place = Place::new(Kind::Embedded(1)).await;
    let effects = "
  call: { description: x, on: app.page.clicked, http: { url: 'http://WORLD/ok', allow_private: true } }
  run: { description: x, on: app.page.clicked, command: { run: [touch, ran] } }
";
    // Whoever opens a folder to send events leaves what is to be done to a server.
    let engine = place.open_with(EffectsConfig::default(), ClockMode::Given).await;
    engine.apply_topology(&topology(&place.world, effects)).await.unwrap();
    submit(&engine, vec![click(0)]).await;
    until(&engine, STATES, &["call|pending|1", "run|pending|1"]).await;
    engine.shutdown().await;
    let serving = EffectsConfig { run: true, ..EffectsConfig::default() };
    let engine = place.open_with(serving, ClockMode::Given).await;
    until(&engine, STATES, &["call|failed|1", "run|failed|1"]).await;
    let told = ask(&engine, "select error from log.effects order by effect").await;
    assert!(told[0].contains("--effects-allow 127.0.0.1:"), "{told:?}");
    assert!(told[1].contains("--effects-commands"), "{told:?}");
    assert!(place.world.calls().is_empty());
    engine.shutdown().await;
}
