//! Reads `upcasts` of an event type: the steps that lead from each version to the next.

use std::collections::BTreeMap;

use headwater_event::upcast::Step;
use serde_json::{Map, Value};

use crate::{
    fields::{Fields, mapping},
    limits::STEPS_MAX,
    names::suggest,
    problem::Problems,
    source::At,
    yaml::{Entry, Kind, Node},
};

const KINDS: [&str; 4] = ["default", "move", "rename", "remove"];

/// Reads the key `upcasts`: `v2: [steps]`, `v3: [steps]`.
pub(crate) fn read_upcasts<'a>(
    fields: &Fields<'_, 'a>,
    problems: &mut Problems,
) -> BTreeMap<u32, (Vec<Step>, At<'a>)> {
    let mut upcasts = BTreeMap::new();
    for entry in fields.entries("upcasts", problems) {
        let version = entry.key.strip_prefix('v').filter(|digits| !digits.starts_with('0'));
        let Some(version) = version.and_then(|digits| digits.parse::<u32>().ok()) else {
            let message = format!("`{}` is not a version", entry.key);
            problems.add(entry.at, message, "name the version that the steps lead to, as in v2");
            continue;
        };
        if version < 2 {
            let message = "no steps lead to v1";
            problems.add(entry.at, message, "v1 is the first; steps lead to v2 and later ones");
            continue;
        }
        if let Some(steps) = read_steps(entry, problems) {
            upcasts.insert(version, (steps, entry.at));
        }
    }
    upcasts
}

fn read_steps(entry: &Entry<'_>, problems: &mut Problems) -> Option<Vec<Step>> {
    let nodes = match &entry.value.kind {
        Kind::List(nodes) => nodes.as_slice(),
        Kind::Nothing => &[],
        Kind::Refused => return None,
        Kind::Text(_) | Kind::Map(_) => {
            let message = format!("the steps to {} must be a list", entry.key);
            let help = "write one step a line, as in - rename: { at: /qty, to: quantity }";
            problems.add(entry.value.at, message, help);
            return None;
        }
    };
    if nodes.len() > STEPS_MAX {
        let message = format!("{} steps lead to {}", nodes.len(), entry.key);
        problems.add(entry.value.at, message, format!("{STEPS_MAX} are allowed"));
        return None;
    }
    let steps: Vec<_> = nodes.iter().map(|node| read_step(node, problems)).collect();
    steps.into_iter().collect()
}

fn read_step(node: &Node<'_>, problems: &mut Problems) -> Option<Step> {
    let entries = mapping("a step", node, problems)?;
    let [entry] = entries else {
        let message = "a step is one of `default`, `move`, `rename` and `remove`";
        problems.add(node.at, message, "write each step as an item of its own");
        return None;
    };
    let keys: &[&str] = match entry.key.as_str() {
        "default" => &["at", "value"],
        "move" => &["from", "to"],
        "rename" => &["at", "to"],
        "remove" => &["at"],
        other => {
            let message = format!("`{other}` is not a step");
            problems.add(entry.at, message, suggest(other, KINDS.into_iter()));
            return None;
        }
    };
    let what = format!("the step `{}`", entry.key);
    let fields = Fields::read(what, entry.at, &entry.value, keys, problems)?;
    let place = |key: &str, problems: &mut Problems| {
        let help = "places are JSON pointers into the data, as in /address/city";
        fields.needed_text(key, help, problems).ok()
    };
    let step = match entry.key.as_str() {
        "default" => {
            let at = place("at", problems);
            let Some(value) = fields.entry("value") else {
                fields.missing("value", "say what is put where nothing is", problems);
                return None;
            };
            Step::Default { at: at?, value: json(&value.value)? }
        }
        "move" => {
            let (from, to) = (place("from", problems), place("to", problems));
            Step::Move { from: from?, to: to? }
        }
        "rename" => {
            let (at, to) = (place("at", problems), place("to", problems));
            Step::Rename { at: at?, to: to? }
        }
        _ => Step::Remove { at: place("at", problems)? },
    };
    match step.fault() {
        None => Some(step),
        Some(fault) => {
            problems.add(entry.at, fault, "correct the step; docs/evolution.md tells each");
            None
        }
    }
}

/// A YAML value as JSON. A scalar that is JSON is that; any other is text.
pub(crate) fn json(node: &Node<'_>) -> Option<Value> {
    match &node.kind {
        Kind::Nothing => Some(Value::Null),
        Kind::Text(text) => {
            Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
        }
        Kind::List(nodes) => nodes.iter().map(json).collect::<Option<Vec<_>>>().map(Value::Array),
        Kind::Map(entries) => entries
            .iter()
            .map(|entry| Some((entry.key.clone(), json(&entry.value)?)))
            .collect::<Option<Map<_, _>>>()
            .map(Value::Object),
        // Told already.
        Kind::Refused => None,
    }
}
