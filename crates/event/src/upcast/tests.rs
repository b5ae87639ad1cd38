//! Chains of versions: code for built-in types, declared steps for apps' own.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Step, Upcaster, run};
use crate::{DeclaredType, Event, Reason, Schemas, catalog::names, payload::MetricLogged};

fn steps(json: Value) -> Vec<Step> {
    serde_json::from_value(json).unwrap()
}

fn applied(steps_json: Value, mut data: Value) -> Result<Value, String> {
    steps(steps_json).iter().try_for_each(|step| step.apply(&mut data)).map(|()| data)
}

#[test]
fn code_chains_from_any_version_to_the_newest() {
    let to_v2: Upcaster = |mut data| {
        data["b"] = data["a"].take();
        Ok(data)
    };
    let to_v3: Upcaster = |data| match data["b"].as_i64() {
        Some(b) => Ok(json!({ "c": b * 10 })),
        None => Err("b is no integer".to_owned()),
    };
    let chain = [to_v2, to_v3];
    assert_eq!(run(&chain, 1, json!({"a": 1})), Ok(json!({"c": 10})));
    assert_eq!(run(&chain, 2, json!({"b": 2})), Ok(json!({"c": 20})));
    assert_eq!(run(&chain, 3, json!({"c": 3})), Ok(json!({"c": 3})));
    assert_eq!(run(&chain, 1, json!({"a": "x"})), Err("b is no integer".to_owned()));
}

#[test]
fn a_logged_metric_becomes_a_list_of_one() {
    let data = json!({"run_id": "r", "key": "auc", "value": "NaN", "step": -3, "timestamp": null});
    let event = Event::new("1", "s", names::METRIC_LOGGED, "r", data);
    let newer = Schemas::built_in().unwrap().admit(&event).unwrap().unwrap();
    let expected = json!({"run_id": "r", "metrics": [
        {"key": "auc", "value": "NaN", "step": -3, "measured_at": null}]});
    assert_eq!(newer.data, expected);
    assert_eq!(newer.dataschema.as_deref(), Some("headwater:schemas/headwater.metric.logged/v2"));
    // What is on the log, and the hash that tells repeats, are of the event as it was written.
    assert_eq!(event.data["key"], "auc");
    let logged: MetricLogged = event.payload().unwrap();
    assert_eq!(logged.metrics[0].step, -3);
    assert_eq!(newer.payload::<MetricLogged>().unwrap(), logged);
}

proptest! {
    /// Whatever v1's schema takes, v2's takes once it was upcast, and the Rust type too.
    #[test]
    fn every_metric_of_v1_is_one_of_v2(
        run_id in "[a-z]{1,64}", key in "\\PC{1,60}", value in any::<f64>(),
        step in prop::option::of(any::<i64>()), minute in prop::option::of(0_u32..60),
    ) {
        let mut data = json!({"run_id": run_id, "key": key, "value": crate::payload::MetricValue::from(value)});
        if let Some(step) = step {
            data["step"] = json!(step);
        }
        if let Some(minute) = minute {
            data["timestamp"] = json!(format!("1997-01-01T00:{minute:02}:00Z"));
        }
        let schemas = Schemas::built_in().unwrap();
        let event = Event::new("1", "s", names::METRIC_LOGGED, "r", data);
        let newer = schemas.admit(&event).unwrap().unwrap();
        schemas.check(&newer).unwrap();
        let logged: MetricLogged = newer.payload().unwrap();
        prop_assert_eq!(logged.metrics.len(), 1);
        prop_assert_eq!(&logged.metrics[0].key, &key);
    }
}

/// An app's orders: v1 flat, v2 with a currency and lines' renamed quantities, v3 with a nested amount.
fn orders() -> Schemas {
    let versions = BTreeMap::from([
        (
            1,
            json!({"type": "object", "required": ["total", "lines"], "additionalProperties": false,
            "properties": {"total": {"type": "number"}, "note": {"type": "string"},
                "lines": {"type": "array"}}}),
        ),
        (
            2,
            json!({"type": "object", "required": ["total", "currency", "lines"],
            "additionalProperties": false,
            "properties": {"total": {"type": "number"}, "currency": {"type": "string"},
                "lines": {"type": "array", "items": {"required": ["quantity"]}}}}),
        ),
        (
            3,
            json!({"type": "object", "required": ["amount", "lines"], "additionalProperties": false,
            "properties": {"amount": {"required": ["value", "currency"]},
                "lines": {"type": "array", "items": {"required": ["quantity"]}}}}),
        ),
    ]);
    let upcasts = BTreeMap::from([
        (
            2,
            steps(json!([
                {"default": {"at": "/currency", "value": "USD"}},
                {"rename": {"at": "/lines/*/qty", "to": "quantity"}},
                {"remove": {"at": "/note"}},
            ])),
        ),
        (
            3,
            steps(json!([
                {"move": {"from": "/total", "to": "/amount/value"}},
                {"move": {"from": "/currency", "to": "/amount/currency"}},
            ])),
        ),
    ]);
    let declared = DeclaredType { name: "app.order.placed", schemas: &versions, upcasts: &upcasts };
    Schemas::built_in().unwrap().with_declared([declared]).unwrap()
}

fn order(version: u32, data: Value) -> Event {
    Event::new("1", "s", "app.order.placed", "s", data).in_schema(version)
}

#[test]
fn declared_steps_chain_v1_to_v2_to_v3() {
    let schemas = orders();
    let v1 = order(1, json!({"total": 5, "note": "x", "lines": [{"qty": 1}, {"qty": 2}]}));
    let newest = json!({"amount": {"value": 5, "currency": "USD"},
        "lines": [{"quantity": 1}, {"quantity": 2}]});
    let newer = schemas.admit(&v1).unwrap().unwrap();
    assert_eq!(newer.data, newest);
    assert_eq!(newer.schema_version(), Some(3));
    let v2 = order(2, json!({"total": 5, "currency": "EUR", "lines": [{"quantity": 1}]}));
    let newer = schemas.admit(&v2).unwrap().unwrap();
    assert_eq!(newer.data["amount"], json!({"value": 5, "currency": "EUR"}));
    assert_eq!(schemas.admit(&order(3, newest)).unwrap(), None);
}

#[test]
fn a_payload_that_no_step_mends_is_refused_with_the_reason() {
    let refusal = orders().admit(&order(1, json!({"total": 5, "lines": [{}]}))).unwrap_err();
    assert_eq!(refusal.reason, Reason::SchemaViolation);
    assert!(refusal.detail.starts_with("app.order.placed can't be read as v3"), "{refusal}")
}

#[test]
fn versions_without_steps_are_taken_as_they_are() {
    let versions = BTreeMap::from([(1, json!({})), (2, json!({"required": ["x"]}))]);
    let declared = DeclaredType { name: "a.b", schemas: &versions, upcasts: &BTreeMap::new() };
    let schemas = Schemas::built_in().unwrap().with_declared([declared]).unwrap();
    assert_eq!(schemas.admit(&Event::new("1", "s", "a.b", "s", json!({}))).unwrap(), None);
}

#[test]
fn each_step_does_what_it_says_and_no_more() {
    let cases = [
        (json!([{"default": {"at": "/a", "value": 1}}]), json!({}), Ok(json!({"a": 1}))),
        (json!([{"default": {"at": "/a", "value": 1}}]), json!({"a": null}), Ok(json!({"a": 1}))),
        (json!([{"default": {"at": "/a", "value": 1}}]), json!({"a": 0}), Ok(json!({"a": 0}))),
        (json!([{"default": {"at": "/a/b", "value": 1}}]), json!({}), Ok(json!({"a": {"b": 1}}))),
        (json!([{"default": {"at": "/a/b", "value": 1}}]), json!({"a": 7}), Ok(json!({"a": 7}))),
        (json!([{"rename": {"at": "/a", "to": "b"}}]), json!({"c": 1}), Ok(json!({"c": 1}))),
        (json!([{"rename": {"at": "/a~1b", "to": "c"}}]), json!({"a/b": 1}), Ok(json!({"c": 1}))),
        (
            json!([{"rename": {"at": "/l/1/a", "to": "b"}}]),
            json!({"l": [{"a": 1}, {"a": 2}]}),
            Ok(json!({"l": [{"a": 1}, {"b": 2}]})),
        ),
        (
            json!([{"remove": {"at": "/l/*/a"}}]),
            json!({"l": [{"a": 1}, 3]}),
            Ok(json!({"l": [{}, 3]})),
        ),
        (
            json!([{"move": {"from": "/a", "to": "/b/c"}}]),
            json!({"a": null}),
            Ok(json!({"b": {"c": null}})),
        ),
        (json!([{"move": {"from": "/a", "to": "/b"}}]), json!({}), Ok(json!({}))),
        (
            json!([{"move": {"from": "/a", "to": "/b"}}]),
            json!({"a": 1, "b": 2}),
            Err("`/a` can't go to `/b`, where something is already"),
        ),
        (
            json!([{"move": {"from": "/a", "to": "/b/c"}}]),
            json!({"a": 1, "b": 2}),
            Err("`/a` can't go to `/b/c`: what is above that is no object"),
        ),
        (
            json!([{"rename": {"at": "/a", "to": "b"}}]),
            json!({"a": 1, "b": 2}),
            Err("`/a` can't become `b`, which is there too"),
        ),
    ];
    for (steps, data, expected) in cases {
        let told = format!("{steps} on {data}");
        assert_eq!(applied(steps, data), expected.map_err(str::to_owned), "{told}");
    }
}

#[test]
fn steps_that_mean_nothing_are_told() {
    let faults = [
        json!({"remove": {"at": "a"}}),
        json!({"remove": {"at": "/a~b"}}),
        json!({"remove": {"at": "/a/*"}}),
        json!({"default": {"at": "", "value": 1}}),
        json!({"default": {"at": "/a".repeat(65), "value": 1}}),
        json!({"rename": {"at": "/a", "to": "a"}}),
        json!({"rename": {"at": "/a", "to": ""}}),
        json!({"move": {"from": "/a", "to": "/a/b"}}),
        json!({"move": {"from": "/a/*/b", "to": "/b"}}),
    ];
    for fault in faults {
        let step: Step = serde_json::from_value(fault.clone()).unwrap();
        assert!(step.fault().is_some(), "{fault}");
    }
    for sound in [json!({"remove": {"at": "/a"}}), json!({"rename": {"at": "/a/*/b", "to": "c"}})] {
        assert_eq!(serde_json::from_value::<Step>(sound).unwrap().fault(), None);
    }
}

#[test]
fn steps_can_not_nest_without_end() {
    let deep = |n: usize| json!([{"default": {"at": "/a", "value": 1}}, {"move": {"from": "/a", "to": "/b".repeat(n)}}]);
    let versions = BTreeMap::from([(1, json!({})), (2, json!({})), (3, json!({}))]);
    let twice = BTreeMap::from([
        (2, steps(deep(60))),
        (
            3,
            steps(json!([{"move": {"from": "/b", "to": "/c".repeat(64)}},
            {"move": {"from": "/c", "to": "/d".repeat(64)}}])),
        ),
    ]);
    let declared = DeclaredType { name: "a.b", schemas: &versions, upcasts: &twice };
    let schemas = Schemas::built_in().unwrap().with_declared([declared]).unwrap();
    let refusal = schemas.admit(&Event::new("1", "s", "a.b", "s", json!({}))).unwrap_err();
    assert!(refusal.detail.contains("deeper than 128"), "{refusal}");
}

proptest! {
    /// Steps are total and pure on any payload: they end, and twice gives the same.
    #[test]
    fn steps_are_pure(data in any_json(), at in place(), to in place(), value in any_json()) {
        let all = [
            Step::Default { at: at.clone(), value },
            Step::Rename { at: at.clone(), to: "n".to_owned() },
            Step::Move { from: at.clone(), to },
            Step::Remove { at },
        ];
        let run = || {
            let mut data = data.clone();
            all.iter().try_for_each(|step| step.apply(&mut data)).map(|()| data)
        };
        prop_assert_eq!(run(), run());
    }
}

fn place() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "0", "*", "n"]), 1..4)
        .prop_map(|keys| keys.into_iter().map(|key| format!("/{key}")).collect())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(vec!["a", "b", "n"]), inner, 0..4)
                .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}
