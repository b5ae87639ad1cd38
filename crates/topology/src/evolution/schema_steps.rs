//! The steps of an upcast, taken by a schema: what payloads look like afterwards.
//!
//! Followed as far as a schema is plain: properties of objects, references, elements of arrays. Where
//! it is not, there is no answer, and the samples and the fold itself must do.

use headwater_event::upcast::Step;
use serde_json::{Map, Value, json};

use super::{
    narrowing::may_be,
    values::{resolved, types_of},
};

type Fields = Map<String, Value>;

/// A property as it was taken out.
struct Taken {
    schema: Value,
    required: bool,
}

/// The schema of what the steps make of payloads of `schema`; `None` if it can't be told.
pub(super) fn apply(schema: &Value, steps: &[Step]) -> Option<Value> {
    let mut made = Value::Object(resolved(schema, schema)?.into_owned());
    for step in steps {
        let root = made.clone();
        match step {
            Step::Remove { at } => {
                if let Found::Object { object, last, .. } = find(&root, &mut made, at)? {
                    take(object, &last);
                }
            }
            Step::Rename { at, to } => {
                if let Found::Object { object, last, .. } = find(&root, &mut made, at)?
                    && let Some(taken) = take(object, &last)
                {
                    put(object, to, taken)?;
                }
            }
            Step::Move { from, to } => {
                let taken = match find(&root, &mut made, from)? {
                    Found::Object { object, last, always } => take(object, &last)
                        .map(|it| Taken { required: it.required && always, ..it }),
                    Found::Nothing => None,
                };
                if let Some(taken) = taken {
                    let (object, last) = make(&root, &mut made, to, &taken)?;
                    put(object, &last, taken)?;
                }
            }
            Step::Default { at, value } => {
                let always = Taken { schema: json!({ "const": value }), required: true };
                let (object, last) = make(&root, &mut made, at, &always)?;
                set(object, &last, always);
            }
        }
    }
    Some(made)
}

/// Where a place's last key belongs.
enum Found<'s> {
    Object {
        object: &'s mut Fields,
        last: String,
        /// Whether each payload has this object.
        always: bool,
    },
    Nothing,
}

fn tokens(pointer: &str) -> (Vec<String>, String) {
    let mut keys: Vec<String> =
        pointer.split('/').skip(1).map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
    let last = keys.pop().unwrap_or_default();
    (keys, last)
}

/// The schema of the object that has the place's last key.
fn find<'s>(root: &Value, schema: &'s mut Value, pointer: &str) -> Option<Found<'s>> {
    let (above, last) = tokens(pointer);
    let mut object = plain(root, schema)?;
    let mut always = true;
    for key in above {
        always = always && key != "*" && is_required(object, &key);
        // An element by its number: the other elements stay as they are.
        if key != "*" && may_be(root, object, &["array"]) && key.parse::<usize>().is_ok() {
            return None;
        }
        let next = if key == "*" {
            object.get_mut("items")
        } else {
            object.get_mut("properties").and_then(|properties| properties.get_mut(&key))
        };
        let Some(next) = next else { return Some(Found::Nothing) };
        object = plain(root, next)?;
        always = always && types_of(root, object).is_some_and(|types| types.iter().eq(["object"]));
    }
    Some(Found::Object { object, last, always })
}

/// The same, with the objects on the way made for what is put there.
fn make<'s>(
    root: &Value,
    schema: &'s mut Value,
    pointer: &str,
    for_it: &Taken,
) -> Option<(&'s mut Fields, String)> {
    let (above, last) = tokens(pointer);
    let mut object = plain(root, schema)?;
    for key in above {
        if key == "*" {
            object = plain(root, object.get_mut("items")?)?;
            continue;
        }
        let there = object.get("properties").is_some_and(|all| all.get(&key).is_some());
        if !there {
            let fresh =
                json!({ "type": "object", "properties": {}, "additionalProperties": false });
            put(object, &key, Taken { schema: fresh, required: for_it.required })?;
        }
        let made = there && !is_required(object, &key);
        object = plain(root, object.get_mut("properties")?.get_mut(&key)?)?;
        if made && (for_it.required || !may_be_empty(root, object)) {
            // As it was, or made for this alone: two shapes at once.
            return None;
        }
    }
    Some((object, last))
}

/// The schema as an object's, references written out; `None` if it is a choice or no object.
fn plain<'s>(root: &Value, schema: &'s mut Value) -> Option<&'s mut Fields> {
    if schema.get("$ref").is_some() {
        let written = resolved(root, schema)?.into_owned();
        *schema = Value::Object(written);
    }
    let fields = schema.as_object_mut()?;
    let choice = ["anyOf", "oneOf", "allOf", "not", "if", "patternProperties", "const", "enum"];
    (!choice.iter().any(|key| fields.contains_key(*key))).then_some(fields)
}

/// Whether an object without properties comes through, and nothing but objects.
fn may_be_empty(root: &Value, schema: &Fields) -> bool {
    let object = types_of(root, schema).is_some_and(|types| types.iter().eq(["object"]));
    let required = schema.get("required").and_then(Value::as_array);
    object && required.is_none_or(Vec::is_empty) && !schema.contains_key("minProperties")
}

fn is_required(object: &Fields, name: &str) -> bool {
    let names = object.get("required").and_then(Value::as_array);
    names.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
}

fn take(object: &mut Fields, name: &str) -> Option<Taken> {
    let required = is_required(object, name);
    if let Some(names) = object.get_mut("required").and_then(Value::as_array_mut) {
        names.retain(|one| one.as_str() != Some(name));
    }
    let schema = object.get_mut("properties")?.as_object_mut()?.remove(name)?;
    Some(Taken { schema, required })
}

/// Declares a property that was not; `None` if it was.
fn put(object: &mut Fields, name: &str, taken: Taken) -> Option<()> {
    let properties = object.entry("properties").or_insert_with(|| json!({})).as_object_mut()?;
    if properties.contains_key(name) {
        return None;
    }
    properties.insert(name.to_owned(), taken.schema);
    if taken.required {
        object.entry("required").or_insert_with(|| json!([])).as_array_mut()?.push(json!(name));
    }
    Some(())
}

/// Declares that the value stands wherever nothing, or null, stood.
fn set(object: &mut Fields, name: &str, value: Taken) {
    let was_required = is_required(object, name);
    let before = take(object, name);
    let schema = match before {
        None => value.schema,
        Some(before) => {
            let (before, may_be_null) = without_null(before.schema);
            match may_be_null || !was_required {
                true => json!({ "anyOf": [before, value.schema] }),
                false => before,
            }
        }
    };
    // It was just taken out, so it can be put.
    let _ = put(object, name, Taken { schema, required: true });
}

fn without_null(mut schema: Value) -> (Value, bool) {
    let Some(names) = schema.get_mut("type").and_then(Value::as_array_mut) else {
        // Without a list of types it may hide a null somewhere: leave it in.
        return (schema, false);
    };
    let before = names.len();
    names.retain(|name| name.as_str() != Some("null"));
    let may_be_null = names.len() < before;
    (schema, may_be_null)
}
