//! What a changed schema breaks: within a version, from version to version, and for the views.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod support;

use headwater_topology::{
    Breaking, EventType, Topology, check, check_against, compatible, unreadable,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{file, problems};

fn topology(versions: &[Value], upcasts: Value) -> Topology {
    let schemas = (1..).zip(versions.iter().cloned()).collect();
    let upcasts = serde_json::from_value(upcasts).unwrap();
    let event_type = EventType { description: String::new(), schemas, upcasts };
    Topology { event_types: [("a.b".to_owned(), event_type)].into(), ..Topology::default() }
}

/// What a change of v1 breaks: place and message.
fn broken(old: Value, new: Value) -> Vec<(String, String)> {
    let none = json!({});
    let found = compatible(&topology(&[old], none.clone()), &topology(&[new], none));
    found.into_iter().map(|Breaking { pointer, message, .. }| (pointer, message)).collect()
}

fn object(fields: Value) -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false,
        "required": ["a"],
        "properties": {
            "a": {"type": "integer", "minimum": 0, "maximum": 9},
            "b": {"type": ["string", "null"], "maxLength": 5},
            "c": {"enum": ["x", "y"]},
            "d": {"type": "array", "items": {"type": "number"}},
            "e": {"$ref": "#/$defs/e"}},
        "$defs": {"e": {"type": "object", "properties": {"f": {"type": "boolean"}}}}});
    for (pointer, value) in fields.as_object().unwrap() {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = schema.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => drop(parent.remove(key)),
            value => drop(parent.insert(key.to_owned(), value.clone())),
        }
    }
    schema
}

#[test]
fn wider_is_fine() {
    for change in [
        json!({}),
        json!({"/description": "other words", "/title": "A"}),
        json!({"/required": []}),
        json!({"/properties/a/type": "number"}),
        json!({"/properties/a/type": ["integer", "null"]}),
        json!({"/properties/a/minimum": -1}),
        json!({"/properties/a/minimum": null, "/properties/a/exclusiveMinimum": -1}),
        json!({"/properties/a/maximum": null}),
        json!({"/properties/b/maxLength": 6}),
        json!({"/properties/c/enum": ["x", "y", "z"]}),
        json!({"/properties/c": {"type": "string"}}),
        json!({"/properties/d/items": true}),
        json!({"/properties/g": {"type": "string"}}),
        json!({"/additionalProperties": true}),
        json!({"/additionalProperties": true, "/properties/b": null}),
        json!({"/$defs/e": {"type": ["object", "array"]}}),
        json!({"/properties/e": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/e"}]}}),
        json!({"/properties/a": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}),
    ] {
        assert_eq!(broken(object(json!({})), object(change.clone())), [], "{change}");
    }
}

#[test]
fn narrower_is_told_with_its_place() {
    for (change, pointer, what) in [
        (json!({"/required": ["a", "b"]}), "/required", "`b` is required now and was not"),
        (
            json!({"/properties/b": null}),
            "/properties",
            "the property `b` is gone, and others are refused",
        ),
        (
            json!({"/properties/a/type": "string"}),
            "/properties/a/type",
            "the type was integer and is string: integer is refused",
        ),
        (
            json!({"/properties/b/type": "string"}),
            "/properties/b/type",
            "the type was null or string and is string: null is refused",
        ),
        (json!({"/properties/a/minimum": 1}), "/properties/a/minimum", "`minimum` was 0 and is 1"),
        (
            json!({"/properties/a/exclusiveMinimum": 0}),
            "/properties/a/exclusiveMinimum",
            "`exclusiveMinimum` was 0 and is 0",
        ),
        (json!({"/properties/a/maximum": 8}), "/properties/a/maximum", "`maximum` was 9 and is 8"),
        (
            json!({"/properties/a/multipleOf": 2}),
            "/properties/a/multipleOf",
            "numbers must be multiples of 2 now",
        ),
        (
            json!({"/properties/b/maxLength": 4}),
            "/properties/b/maxLength",
            "`maxLength` was 5 and is 4",
        ),
        (
            json!({"/properties/b/minLength": 1}),
            "/properties/b/minLength",
            "`minLength` is 1 and was not there",
        ),
        (
            json!({"/properties/b/format": "date"}),
            "/properties/b/format",
            "text must be of format date now",
        ),
        (
            json!({"/properties/b/pattern": "^x"}),
            "/properties/b/pattern",
            "the pattern is ^x now: it can't be told what it refuses",
        ),
        (
            json!({"/properties/c/enum": ["x"]}),
            "/properties/c/enum",
            "the value \"y\" is no longer listed",
        ),
        (
            json!({"/properties/d/items": {"type": "integer"}}),
            "/properties/d/items/type",
            "the type was number and is integer: number is refused",
        ),
        (
            json!({"/properties/d/maxItems": 3}),
            "/properties/d/maxItems",
            "`maxItems` is 3 and was not there",
        ),
        (
            json!({"/properties/d/uniqueItems": true}),
            "/properties/d/uniqueItems",
            "repeated items are refused now",
        ),
        (
            json!({"/properties/d/items": false}),
            "/properties/d/items",
            "nothing is let through here any more",
        ),
        (
            json!({"/$defs/e/properties/f": {"type": "string"}}),
            "/properties/e/properties/f/type",
            "the type was boolean and is string: boolean is refused",
        ),
        (
            json!({"/$defs/e/additionalProperties": false}),
            "/properties/e/additionalProperties",
            "properties that are not declared were let through and are refused now",
        ),
        (
            json!({"/properties/a/not": {"const": 3}}),
            "/properties/a/not",
            "`not` is another: it can't be told what it refuses",
        ),
        (
            json!({"/properties/b": {"oneOf": [{"type": "string"}, {"type": "null"}]}}),
            "/properties/b/oneOf",
            "what came through before fits no branch of this oneOf for certain",
        ),
    ] {
        let found = broken(object(json!({})), object(change.clone()));
        assert!(found.contains(&(pointer.to_owned(), what.to_owned())), "{change}: {found:?}");
    }
}

#[test]
fn a_version_that_was_applied_stays() {
    let one = topology(&[json!({}), json!({})], json!({}));
    let found = compatible(&one, &topology(&[json!({})], json!({})));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].message, "v2 was applied and is gone");
    // A type that is gone altogether, a new version and a new type are no one's loss.
    assert_eq!(compatible(&one, &Topology::default()), []);
    assert_eq!(
        compatible(&one, &topology(&[json!({}), json!({}), json!({"required": ["x"]})], json!({}))),
        []
    );
    let steps = |value: i64| json!({"2": [{"default": {"at": "/x", "value": value}}]});
    let applied = topology(&[json!({}), json!({})], steps(1));
    let found = compatible(&applied, &topology(&[json!({}), json!({})], steps(2)));
    assert_eq!(found[0].message, "the steps to v2 were applied and are others now");
    assert_eq!(compatible(&one, &applied), []);
}

#[test]
fn steps_must_make_the_next_version() {
    let v1 = || {
        json!({"type": "object", "additionalProperties": false, "required": ["total"],
        "properties": {"total": {"type": "number"}, "note": {"type": ["string", "null"]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
        "$defs": {"line": {"type": "object", "required": ["qty"], "additionalProperties": false,
            "properties": {"qty": {"type": "integer"}}}}})
    };
    let v2 = || {
        json!({"type": "object", "additionalProperties": false,
        "required": ["amount", "currency", "note"],
        "properties": {
            "amount": {"type": "object", "required": ["value"], "properties": {"value": {"type": "number"}}},
            "currency": {"type": "string", "minLength": 3}, "note": {"type": "string"},
            "lines": {"type": "array", "items": {"type": "object", "required": ["quantity"],
                "properties": {"quantity": {"type": "number"}}, "additionalProperties": false}}}})
    };
    let whole = json!([
        {"move": {"from": "/total", "to": "/amount/value"}},
        {"default": {"at": "/currency", "value": "USD"}},
        {"default": {"at": "/note", "value": ""}},
        {"rename": {"at": "/lines/*/qty", "to": "quantity"}},
    ]);
    assert_eq!(unreadable(&topology(&[v1(), v2()], json!({"2": whole}))), []);
    // Each step left out leaves something that v2 does not take.
    let missing =
        ["`amount` is required", "`currency` is required", "`note`", "`quantity` is required"];
    for (left_out, what) in missing.into_iter().enumerate() {
        let mut steps = whole.clone();
        steps.as_array_mut().unwrap().remove(left_out);
        let found = unreadable(&topology(&[v1(), v2()], json!({"2": steps})));
        assert!(found.iter().any(|found| found.message.contains(what)), "{what}: {found:?}");
        assert!(found.iter().all(|found| found.version == 2 && found.help.contains("upcasts: v2")));
    }
    // The default is no value of the new type; a step that means nothing.
    let short = json!([{"default": {"at": "/currency", "value": 7}}]);
    let found = unreadable(&topology(
        &[
            json!({"type": "object", "additionalProperties": false}),
            json!({"properties": {"currency": {"type": "string"}}}),
        ],
        json!({"2": short}),
    ));
    assert!(found[0].message.contains("the value 7 is refused now"), "{found:?}");
    let wrong = json!([{"remove": {"at": "note"}}]);
    assert_eq!(unreadable(&topology(&[v1(), v1()], json!({"2": wrong}))).len(), 1);
}

const YAML: &str = "\
event_types:
  a.b:
    description: Something happened.
entities:
  c: { description: Someone, join_keys: { customer: int64 } }
feature_views:
  v: { description: x, entity: c, from: a.b, features: { n: { sum: /n, type: int64 } } }
";

const V1: &str = r#"{
  "type": "object",
  "required": ["customer", "n"],
  "properties": {
    "customer": {"type": "integer"},
    "n": {"type": "integer"}
  }
}"#;

fn read(v1: &str) -> (Vec<headwater_topology::SourceFile>, Topology) {
    let files = vec![file("topology/t.yaml", YAML), file("schemas/a.b/v1.json", v1)];
    let topology = check(&files, &|_| None).unwrap();
    (files, topology)
}

#[test]
fn what_views_lose_is_told_by_file_and_line() {
    let (_, holds) = read(V1);
    for (from, to, expected) in [
        (
            "\"n\": {\"type\": \"integer\"}",
            "\"m\": {\"type\": \"integer\"}",
            "schemas/a.b/v1.json:4:17: feature view `v` reads `/n`: the schema no longer declares it",
        ),
        (
            "\"n\": {\"type\": \"integer\"}",
            "\"n\": {\"type\": [\"integer\", \"string\"]}",
            "schemas/a.b/v1.json:6:10: feature view `v` reads `/n`: it may be of type string now, which is no int64",
        ),
        (
            "[\"customer\", \"n\"]",
            "[\"n\"]",
            "schemas/a.b/v1.json:5:17: feature view `v` reads `/customer`: it is a key, and need not be there any more",
        ),
        (
            "\"integer\"}\n",
            "\"integer\", \"minimum\": 1}\n",
            "schemas/a.b/v1.json:6:41: `minimum` is 1 and was not there",
        ),
    ] {
        let (files, new) = read(&V1.replace(from, to));
        let told: Vec<_> = check_against(&files, &new, &holds)
            .into_iter()
            .map(|p| format!("{}:{}:{}: {}", p.file, p.line, p.column, p.message))
            .collect();
        assert_eq!(told, [expected], "{to}");
    }
    assert_eq!(check_against(&read(V1).0, &holds, &holds), []);
}

#[test]
fn wrong_steps_are_told_where_they_stand() {
    let told = |upcasts: &str, v2: &str| {
        let yaml = YAML.replace("happened.\n", &format!("happened.\n    upcasts:\n{upcasts}"));
        let mut files = vec![file("topology/t.yaml", &yaml), file("schemas/a.b/v1.json", V1)];
        if !v2.is_empty() {
            files.push(file("schemas/a.b/v2.json", v2));
        }
        problems(&files)
    };
    let v2 = V1.replace("\"n\"]", "\"n\", \"m\"]");
    assert_eq!(told("      v2: [ default: { at: /m, value: 1 } ]\n", &v2), [""; 0]);
    assert_eq!(
        told("      v2: []\n", &v2),
        [
            "schemas/a.b/v2.json:3:15: payloads of v1 do not become this: `m` is required now and was not"
        ]
    );
    for (upcasts, expected) in [
        ("      2: []\n", "topology/t.yaml:5:7: `2` is not a version"),
        ("      v1: []\n", "topology/t.yaml:5:7: no steps lead to v1"),
        (
            "      v2: []\n      v3: []\n",
            "topology/t.yaml:6:7: steps lead to v3, which has no schema",
        ),
        (
            "      v2: { remove: { at: /m } }\n",
            "topology/t.yaml:5:11: the steps to v2 must be a list",
        ),
        ("      v2: [ delete: { at: /m } ]\n", "topology/t.yaml:5:13: `delete` is not a step"),
        (
            "      v2: [ remove: { at: m } ]\n",
            "topology/t.yaml:5:13: `m` is not a place in the data, such as /address/city",
        ),
        ("      v2: [ move: { from: /m } ]\n", "topology/t.yaml:5:13: the step `move` needs `to`"),
        (
            "      v2: [ default: { at: /m } ]\n",
            "topology/t.yaml:5:13: the step `default` needs `value`",
        ),
        (
            "      v2: [ remove: { at: /m, to: /n } ]\n",
            "topology/t.yaml:5:31: the step `remove` has no key `to`",
        ),
    ] {
        let told = told(upcasts, V1);
        assert!(told.contains(&expected.to_owned()), "{upcasts}: {told:?}");
    }
}

#[test]
fn views_read_the_newest_version() {
    let v2 = V1
        .replace("\"n\"", "\"total\"")
        .replace("  }\n}", "  }, \"additionalProperties\": false\n}");
    let with = |pointer: &str| {
        let yaml = YAML.replace("sum: /n", &format!("sum: {pointer}")).replace(
            "happened.\n",
            "happened.\n    upcasts: { v2: [ rename: { at: /n, to: total } ] }\n",
        );
        problems(&[
            file("topology/t.yaml", &yaml),
            file("schemas/a.b/v1.json", V1),
            file("schemas/a.b/v2.json", &v2),
        ])
    };
    let open = "schemas/a.b/v2.json:7:30: payloads of v1 do not become this: properties that are not declared were let through and are refused now";
    assert_eq!(with("/total"), [open]);
    assert_eq!(with("/n").len(), 2);
}

/// Schemas of a few keywords, and payloads that they may or may not take.
fn schema() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        json!({}),
        json!({"type": "integer"}),
        json!({"type": "number"}),
        json!({"type": ["integer", "null"]}),
        json!({"type": "string", "maxLength": 1}),
        json!({"enum": [1, "x"]}),
        json!({"const": null}),
        json!({"minimum": 1}),
        json!({"exclusiveMaximum": 1}),
        json!({"anyOf": [{"type": "string"}, {"minimum": 2}]}),
        json!({"type": "array", "items": {"type": "integer"}, "maxItems": 1}),
        json!(true),
        json!(false),
    ]);
    let required = prop::sample::subsequence(vec!["p", "q"], 0..=2);
    (kind.clone(), kind, required, any::<bool>(), any::<bool>()).prop_map(
        |(p, q, required, closed, both)| {
            let mut schema =
                json!({"type": "object", "properties": {"p": p}, "required": required});
            if both {
                schema["properties"]["q"] = q;
            }
            if closed {
                schema["additionalProperties"] = json!(false);
            }
            schema
        },
    )
}

fn payload() -> impl Strategy<Value = Value> {
    let value = prop::sample::select(vec![
        json!(null),
        json!(0),
        json!(1),
        json!(2.5),
        json!("x"),
        json!("xy"),
        json!([]),
        json!([1]),
        json!([1, 2]),
        json!({}),
    ]);
    prop::collection::btree_map(prop::sample::select(vec!["p", "q", "r"]), value, 0..=3)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// If nothing is told, every payload of the old schema is one of the new; but for properties that
    /// are new in an open schema, which are taken as new.
    #[test]
    fn what_is_called_compatible_is(old in schema(), new in schema(), data in payload()) {
        let (one, other) = (jsonschema::validator_for(&old).unwrap(), jsonschema::validator_for(&new).unwrap());
        if broken(old.clone(), new.clone()).is_empty() && one.is_valid(&data) {
            let added = new["properties"].get("q").is_some() && old["properties"].get("q").is_none();
            prop_assert!(other.is_valid(&data) || added, "{data}");
        }
    }
}
