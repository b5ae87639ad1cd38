//! What a schema says of values, read the same way for both sides of a comparison.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use crate::{
    kinds::referred,
    limits::{SCHEMA_REFS_MAX, SCHEMA_STEPS_MAX},
};

/// The schema with what its `$ref` points at written into it, as an object.
///
/// `true` is the empty schema; `None` stands for `false`.
pub(super) fn resolved<'s>(
    root: &'s Value,
    schema: &'s Value,
) -> Option<Cow<'s, Map<String, Value>>> {
    match schema {
        Value::Bool(false) => None,
        Value::Object(fields) if !fields.contains_key("$ref") => Some(Cow::Borrowed(fields)),
        Value::Object(fields) => {
            let mut merged = fields.clone();
            let mut node = schema;
            for _ in 0..SCHEMA_REFS_MAX {
                let Some(target) = referred(root, node) else { break };
                for (key, value) in target.as_object().into_iter().flatten() {
                    if key != "$ref" {
                        merged.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                }
                node = target;
            }
            merged.remove("$ref");
            Some(Cow::Owned(merged))
        }
        _ => Some(Cow::Owned(Map::new())),
    }
}

/// The names of the types of value that a schema lets through, with `null`; `None` if it does not say.
pub(super) fn types_of(root: &Value, schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let mut steps_left = SCHEMA_STEPS_MAX;
    types(root, schema, &mut steps_left)
}

fn types(
    root: &Value,
    schema: &Map<String, Value>,
    steps_left: &mut usize,
) -> Option<BTreeSet<String>> {
    *steps_left = steps_left.checked_sub(1)?;
    match schema.get("type") {
        Some(Value::String(one)) => return Some(BTreeSet::from([one.clone()])),
        Some(Value::Array(many)) => {
            return Some(many.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        _ => {}
    }
    if let Some(values) = values_of(schema) {
        return Some(values.iter().map(|value| type_name(value).to_owned()).collect());
    }
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let mut union = BTreeSet::new();
    for choice in choices {
        if let Some(choice) = resolved(root, choice) {
            union.extend(types(root, &choice, steps_left)?);
        }
    }
    Some(union)
}

/// The values that a schema lets through, if it lists them.
pub(super) fn values_of(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(many))) => Some(many.iter().collect()),
        _ => None,
    }
}

/// Whether a type's values are among those of some of these types.
pub(super) fn takes(types: &BTreeSet<String>, wanted: &str) -> bool {
    types.contains(wanted) || (wanted == "integer" && types.contains("number"))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
