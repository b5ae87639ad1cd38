//! A schema takes all that it was made of.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;

fn shape(values: &[Value]) -> Shape {
    let mut shape = Shape::default();
    values.iter().for_each(|value| shape.add(value));
    shape
}

#[test]
fn what_all_have_is_required_and_kinds_are_joined() {
    let shape = shape(&[
        json!({"id": 1, "total": 2, "at": "2026-01-01T00:00:00Z", "tags": ["a"], "note": null}),
        json!({"id": 2, "total": 2.5, "at": "2026-01-02T00:00:00Z", "tags": [], "to": {"zip": "1"}}),
    ]);
    assert_eq!(
        Value::Object(shape.schema()),
        json!({
            "type": "object",
            "required": ["at", "id", "tags", "total"],
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "id": {"type": "integer"},
                "note": {"type": "null"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "to": {
                    "type": "object",
                    "required": ["zip"],
                    "properties": {"zip": {"type": "string"}},
                },
                "total": {"type": "number"},
            },
        })
    );
}

#[test]
fn values_of_several_kinds_are_of_none() {
    let mixed = shape(&[json!("x"), json!(1)]);
    assert_eq!(mixed.kind(), None);
    assert_eq!(mixed.schema()["type"], json!(["integer", "string"]));
    let nullable = shape(&[json!(null), json!(1), json!(1.5)]);
    assert_eq!(nullable.kind(), Some(Kind::Number));
    assert!(nullable.is_nullable());
    assert_eq!(nullable.example, Some(json!(1)));
}

#[test]
fn an_object_whose_names_are_data_is_a_map() {
    let many: Map<String, Value> = (0..300).map(|n| (format!("k{n}"), json!(n))).collect();
    let map = shape(&[Value::Object(many)]);
    assert_eq!(Value::Object(map.schema()), json!({"type": "object"}));
    assert_eq!(map.properties().count(), 0);
}
