//! Whether one schema lets through all that another one does, and where it does not.
//!
//! Read as a comparison of sets: each keyword of the new schema must be implied by the old one. What
//! can't be read so (`not`, `if`, patterns that differ) is told as uncertain.

mod bounds;
mod properties;

use std::collections::BTreeSet;

use headwater_event::canonical_text;
use serde_json::{Map, Value};

use super::values::{resolved, takes, types_of, values_of};
use crate::limits::COMPARISONS_MAX;

/// A place at which the new schema lets less through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The place in the new schema.
    pub(crate) pointer: String,
    /// What is narrower.
    pub(crate) what: String,
    /// Whether a payload is known that is refused now; else it can't be told that there is none.
    pub(crate) certain: bool,
}

impl Finding {
    /// One that is certain.
    pub(crate) fn certain(pointer: impl Into<String>, what: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), what: what.into(), certain: true }
    }
}

/// Where `new` refuses what `old` lets through.
pub(crate) fn narrowed(old: &Value, new: &Value) -> Vec<Finding> {
    let mut compare = Compare {
        old_root: old,
        new_root: new,
        steps_left: COMPARISONS_MAX,
        under_way: Vec::new(),
        found: Vec::new(),
    };
    compare.schemas(old, new, "");
    compare.found
}

/// Formats that the validator checks; others are remarks.
const FORMATS: [&str; 16] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "time",
    "uri",
    "uri-reference",
    "uuid",
];

/// Keywords that are compared by being the same.
const OPAQUE: [&str; 15] = [
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "contentSchema",
];

type Fields = Map<String, Value>;

struct Compare<'s> {
    old_root: &'s Value,
    new_root: &'s Value,
    steps_left: usize,
    /// Pairs of references that are being followed: a circle proves nothing new.
    under_way: Vec<(String, String)>,
    found: Vec<Finding>,
}

impl Compare<'_> {
    fn find(&mut self, pointer: &str, keyword: &str, what: String, certain: bool) {
        let pointer =
            if keyword.is_empty() { pointer.to_owned() } else { format!("{pointer}/{keyword}") };
        self.found.push(Finding { pointer, what, certain });
    }

    fn schemas(&mut self, old: &Value, new: &Value, at: &str) {
        let Some(left) = self.steps_left.checked_sub(1) else {
            let what = format!("more than {COMPARISONS_MAX} places: not all were compared");
            if !self.found.iter().any(|found| found.what == what) {
                self.find("", "", what, false);
            }
            return;
        };
        self.steps_left = left;
        let reference = |schema: &Value| schema.get("$ref")?.as_str().map(str::to_owned);
        let pair = (reference(old), reference(new));
        let referring = pair.0.is_some() || pair.1.is_some();
        // A side without a reference is at another place each time, and ends.
        let pair = (pair.0.unwrap_or(at.to_owned()), pair.1.unwrap_or(at.to_owned()));
        if referring {
            if self.under_way.contains(&pair) {
                return;
            }
            self.under_way.push(pair);
        }
        self.followed(old, new, at);
        if referring {
            self.under_way.pop();
        }
    }

    fn followed(&mut self, old: &Value, new: &Value, at: &str) {
        // Nothing came through before: nothing is lost.
        let Some(old) = resolved(self.old_root, old) else { return };
        let Some(new) = resolved(self.new_root, new) else {
            return self.find(at, "", "nothing is let through here any more".to_owned(), true);
        };
        if self.same(&old, &new) {
            return;
        }
        // A choice is let through if each of its branches is.
        let choices = ["anyOf", "oneOf"].into_iter().find_map(|key| old.get(key)?.as_array());
        let plain = |key: &String| !matches!(key.as_str(), "anyOf" | "oneOf") && constrains(key);
        if let Some(choices) = choices.filter(|_| !old.keys().any(plain)) {
            let before = self.found.len();
            let whole = Value::Object(new.into_owned());
            for choice in choices {
                self.schemas(choice, &whole, at);
            }
            return self.keep_distinct(before);
        }
        if let Some(values) = values_of(&old) {
            return self.listed(&values, &new, at);
        }
        self.types(&old, &new, at);
        self.only_listed(&new, at);
        self.bounds(&old, &new, at);
        self.texts(&old, &new, at);
        self.properties(&old, &new, at);
        self.items(&old, &new, at);
        self.choices(&old, &new, at);
        self.opaque(&old, &new, at);
    }

    /// Equal texts mean equal schemas only if what they refer to is equal too.
    fn same(&self, old: &Fields, new: &Fields) -> bool {
        let defs = |root: &Value| root.get("$defs").cloned();
        let text = |fields: &Fields| canonical_text(&Value::Object(fields.clone()));
        let (a, b) = (text(old), text(new));
        a == b && (!a.contains("\"$ref\"") || defs(self.old_root) == defs(self.new_root))
    }

    fn keep_distinct(&mut self, from: usize) {
        let tail = self.found.split_off(from.min(self.found.len()));
        for finding in tail {
            if !self.found.contains(&finding) {
                self.found.push(finding);
            }
        }
    }

    fn types(&mut self, old: &Fields, new: &Fields, at: &str) {
        if values_of(new).is_some() {
            return;
        }
        let Some(now) = types_of(self.new_root, new) else { return };
        let words = |types: &BTreeSet<String>| {
            types.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
        };
        let keyword = if new.contains_key("type") { "type" } else { "" };
        match types_of(self.old_root, old) {
            Some(before) => {
                if let Some(lost) = before.iter().find(|name| !takes(&now, name)) {
                    let (before, now) = (words(&before), words(&now));
                    let what = format!("the type was {before} and is {now}: {lost} is refused");
                    self.find(at, keyword, what, true);
                }
            }
            None => {
                let certain = !OPAQUE.iter().any(|key| old.contains_key(*key));
                let certain = certain && !old.contains_key("allOf");
                let what = format!("any type was let through; now only {}", words(&now));
                self.find(at, keyword, what, certain);
            }
        }
    }

    /// Values that are listed are tried one by one.
    fn listed(&mut self, values: &[&Value], new: &Fields, at: &str) {
        let mut alone = new.clone();
        if let Some(defs) = self.new_root.get("$defs") {
            alone.insert("$defs".to_owned(), defs.clone());
        }
        let Ok(validator) = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&Value::Object(alone))
        else {
            let what = "it can't be told whether the values listed are let through".to_owned();
            return self.find(at, "", what, false);
        };
        for value in values {
            if validator.is_valid(value) {
                continue;
            }
            let value = canonical_text(value);
            let keyword = ["enum", "const"].into_iter().find(|key| new.contains_key(*key));
            match keyword {
                Some(keyword) => {
                    self.find(at, keyword, format!("the value {value} is no longer listed"), true);
                }
                None => self.find(at, "", format!("the value {value} is refused now"), true),
            }
        }
    }

    fn only_listed(&mut self, new: &Fields, at: &str) {
        if values_of(new).is_some() {
            let keyword = if new.contains_key("const") { "const" } else { "enum" };
            let what = "any value was let through; now only those listed".to_owned();
            self.find(at, keyword, what, true);
        }
    }

    fn texts(&mut self, old: &Fields, new: &Fields, at: &str) {
        if !may_be(self.old_root, old, &["string"]) {
            return;
        }
        let text =
            |fields: &Fields, key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(now) =
            text(new, "pattern").filter(|now| text(old, "pattern").as_ref() != Some(now))
        {
            let what = format!("the pattern is {now} now: it can't be told what it refuses");
            self.find(at, "pattern", what, false);
        }
        let checked = text(new, "format").filter(|now| FORMATS.contains(&now.as_str()));
        if let Some(now) = checked.filter(|now| text(old, "format").as_ref() != Some(now)) {
            self.find(at, "format", format!("text must be of format {now} now"), true);
        }
    }

    fn items(&mut self, old: &Fields, new: &Fields, at: &str) {
        if !may_be(self.old_root, old, &["array"]) {
            return;
        }
        let empty = Vec::new();
        let list = |fields: &Fields| fields.get("prefixItems").and_then(Value::as_array).cloned();
        let (before, now) = (list(old).unwrap_or(empty.clone()), list(new).unwrap_or(empty));
        let any = Value::Bool(true);
        let (rest_before, rest_now) =
            (old.get("items").unwrap_or(&any), new.get("items").unwrap_or(&any));
        for index in 0..before.len().max(now.len()) {
            let one = before.get(index).unwrap_or(rest_before);
            let (other, pointer) = match now.get(index) {
                Some(other) => (other, format!("{at}/prefixItems/{index}")),
                None => (rest_now, format!("{at}/items")),
            };
            self.schemas(one, other, &pointer);
        }
        self.schemas(rest_before, rest_now, &format!("{at}/items"));
    }

    fn choices(&mut self, old: &Fields, new: &Fields, at: &str) {
        let list = |fields: &Fields, key: &str| fields.get(key).and_then(Value::as_array).cloned();
        let whole = Value::Object(old.clone());
        let known = list(old, "allOf").unwrap_or_default();
        for (index, branch) in list(new, "allOf").unwrap_or_default().iter().enumerate() {
            if !known.contains(branch) || branch.to_string().contains("$ref") {
                self.schemas(&whole, branch, &format!("{at}/allOf/{index}"));
            }
        }
        for key in ["anyOf", "oneOf"] {
            let Some(branches) = list(new, key) else { continue };
            let fits = branches.iter().any(|branch| self.tried(&whole, branch));
            if !fits {
                let what =
                    format!("what came through before fits no branch of this {key} for certain");
                self.find(at, key, what, false);
            } else if key == "oneOf"
                && list(old, key).as_ref() != Some(&branches)
                && branches.len() > 1
            {
                let what =
                    "it can't be told that only one branch takes what came before".to_owned();
                self.find(at, key, what, false);
            }
        }
    }

    /// Whether the comparison finds nothing; what it finds is forgotten.
    fn tried(&mut self, old: &Value, new: &Value) -> bool {
        let before = self.found.len();
        self.schemas(old, new, "");
        let fits = self.found.len() == before;
        self.found.truncate(before);
        fits
    }

    fn opaque(&mut self, old: &Fields, new: &Fields, at: &str) {
        for key in OPAQUE {
            let (before, now) = (old.get(key), new.get(key));
            let refers = now.is_some_and(|now| now.to_string().contains("$ref"));
            if now.is_some() && (before != now || refers) {
                self.find(
                    at,
                    key,
                    format!("`{key}` is another: it can't be told what it refuses"),
                    false,
                );
            }
        }
    }
}

/// Keywords that say nothing of what is let through.
fn constrains(key: &str) -> bool {
    const REMARKS: [&str; 12] = [
        "$anchor",
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "default",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    ];
    !REMARKS.contains(&key)
}

/// Whether some value of these types may come through.
pub(super) fn may_be(root: &Value, schema: &Fields, wanted: &[&str]) -> bool {
    types_of(root, schema).is_none_or(|types| {
        wanted.iter().any(|name| types.contains(*name))
            || (wanted.contains(&"number") && types.contains("integer"))
    })
}

/// Whether numbers with a fraction may come through.
fn takes_fractions(root: &Value, schema: &Fields) -> bool {
    types_of(root, schema).is_none_or(|types| types.contains("number"))
}
