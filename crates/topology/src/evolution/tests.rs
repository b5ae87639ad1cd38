//! Steps taken by a schema and steps taken by its payloads come to the same.

use headwater_event::upcast::Step;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::schema_steps;

fn value_schema() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"type": "integer"}),
        json!({"type": ["integer", "null"]}),
        json!({"enum": [1, "x"]}),
        json!({"type": "object", "required": ["s"], "properties": {"s": {"type": "integer"}},
            "additionalProperties": false}),
        json!({"type": "array", "items": {"$ref": "#/$defs/line"}}),
    ])
}

fn schema() -> impl Strategy<Value = Value> {
    let required = prop::sample::subsequence(vec!["p", "q"], 0..=2);
    (value_schema(), value_schema(), required).prop_map(|(p, q, required)| {
        json!({"type": "object", "properties": {"p": p, "q": q}, "required": required,
            "additionalProperties": false,
            "$defs": {"line": {"type": "object", "properties": {"s": {"type": "integer"}}}}})
    })
}

fn payload() -> impl Strategy<Value = Value> {
    let value = prop::sample::select(vec![
        json!(null),
        json!(1),
        json!("x"),
        json!({"s": 1}),
        json!([]),
        json!([{"s": 1}, {}]),
    ]);
    prop::collection::btree_map(prop::sample::select(vec!["p", "q"]), value, 0..=2)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let at = || {
        prop::sample::select(vec!["/p", "/q", "/r", "/p/s", "/q/s", "/r/s", "/p/*/s", "/q/*/s"])
            .prop_map(str::to_owned)
    };
    let to = prop::sample::select(vec!["r", "s", "t"]).prop_map(str::to_owned);
    let value = prop::sample::select(vec![json!(7), json!("x"), json!({"s": 7})]);
    prop_oneof![
        (at(), value).prop_map(|(at, value)| Step::Default { at, value }),
        (at(), to).prop_map(|(at, to)| Step::Rename { at, to }),
        (at(), at()).prop_map(|(from, to)| Step::Move { from, to }),
        at().prop_map(|at| Step::Remove { at }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn what_steps_make_of_a_payload_fits_what_they_make_of_its_schema(
        schema in schema(), data in payload(), steps in prop::collection::vec(step(), 1..4),
    ) {
        prop_assume!(steps.iter().all(|step| step.fault().is_none()));
        prop_assume!(jsonschema::is_valid(&schema, &data));
        let mut made = data;
        let taken = steps.iter().try_for_each(|step| step.apply(&mut made));
        if let (Ok(()), Some(of_schema)) = (taken, schema_steps::apply(&schema, &steps)) {
            prop_assert!(jsonschema::is_valid(&of_schema, &made), "{made} under {of_schema}");
        }
    }
}
