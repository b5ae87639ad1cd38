//! Objects: which properties must be there, which may, and what they hold.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Compare, Fields, may_be};

impl Compare<'_> {
    pub(super) fn properties(&mut self, old: &Fields, new: &Fields, at: &str) {
        if !may_be(self.old_root, old, &["object"]) {
            return;
        }
        let had = required(old);
        for name in required(new).difference(&had) {
            let what = format!("`{name}` is required now and was not");
            self.find(at, "required", what, true);
        }
        let none = Map::new();
        let of = |fields: &Fields| {
            fields.get("properties").and_then(Value::as_object).cloned().unwrap_or(none.clone())
        };
        let (before, now) = (of(old), of(new));
        let open = Value::Bool(true);
        let (others_before, others_now) = (
            old.get("additionalProperties").unwrap_or(&open),
            new.get("additionalProperties").unwrap_or(&open),
        );
        let patterned = new.contains_key("patternProperties");
        for (name, schema) in &before {
            let token = name.replace('~', "~0").replace('/', "~1");
            match now.get(name) {
                Some(other) => self.schemas(schema, other, &format!("{at}/properties/{token}")),
                // What was never let through is not missed.
                None if *schema == Value::Bool(false) || patterned => {}
                None if *others_now == Value::Bool(false) => {
                    let what = format!("the property `{name}` is gone, and others are refused");
                    self.find(at, "properties", what, true);
                }
                None => self.schemas(schema, others_now, &format!("{at}/additionalProperties")),
            }
        }
        if *others_now == Value::Bool(false) {
            let closed = matches!(others_before, Value::Bool(false));
            if !closed {
                let what = "properties that are not declared were let through and are refused now";
                self.find(at, "additionalProperties", what.to_owned(), true);
            }
            return;
        }
        self.schemas(others_before, others_now, &format!("{at}/additionalProperties"));
    }
}

fn required(fields: &Fields) -> BTreeSet<String> {
    let names = fields.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
