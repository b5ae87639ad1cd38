//! What one topology declares otherwise than another, line by line.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Topology;

/// What became of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is gone.
    Dropped,
}

impl Change {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Dropped => "dropped",
        }
    }
}

/// One declaration that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// Of one that changed: lines `- path: value` as it was, `+ path: value` as it is to be.
    pub lines: Vec<String>,
}

/// All that one topology declares otherwise than another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Differences {
    /// Event types.
    pub event_types: Vec<Difference>,
    /// Entities.
    pub entities: Vec<Difference>,
    /// Feature views.
    pub feature_views: Vec<Difference>,
    /// Derived events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_events: Vec<Difference>,
    /// Publications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Difference>,
    /// Sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Difference>,
    /// Effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Difference>,
}

impl Differences {
    /// What `after` declares otherwise than `before`.
    pub fn between(before: &Topology, after: &Topology) -> Self {
        Self {
            event_types: of(&before.event_types, &after.event_types),
            entities: of(&before.entities, &after.entities),
            feature_views: of(&before.feature_views, &after.feature_views),
            derived_events: of(&before.derived_events, &after.derived_events),
            publications: of(&before.publications, &after.publications),
            sources: of(&before.sources, &after.sources),
            effects: of(&before.effects, &after.effects),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        [
            &self.event_types,
            &self.entities,
            &self.feature_views,
            &self.derived_events,
            &self.publications,
            &self.sources,
            &self.effects,
        ]
        .into_iter()
        .all(Vec::is_empty)
    }
}

fn of<T: Serialize + PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut differences = Vec::new();
    for name in names {
        let (change, lines) = match (before.get(name), after.get(name)) {
            (None, _) => (Change::Added, Vec::new()),
            (_, None) => (Change::Dropped, Vec::new()),
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => (Change::Changed, lines(a, b)),
        };
        differences.push(Difference { name: name.clone(), change, lines });
    }
    differences
}

/// The lines that differ, by path: as it was, then as it is to be.
fn lines(before: &impl Serialize, after: &impl Serialize) -> Vec<String> {
    let (before, after) = (flat(before), flat(after));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines = Vec::new();
    for path in paths {
        let (a, b) = (before.get(path), after.get(path));
        if a == b {
            continue;
        }
        lines.extend(a.map(|value| format!("- {path}: {value}")));
        lines.extend(b.map(|value| format!("+ {path}: {value}")));
    }
    lines
}

/// Every value with its path.
fn flat(declaration: &impl Serialize) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    walk("", &serde_json::to_value(declaration).unwrap_or_default(), &mut out);
    out
}

fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let below = |step: &str| match path {
        "" => step.to_owned(),
        path => format!("{path}.{step}"),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                walk(&below(name), value, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (place, item) in items.iter().enumerate() {
                // What has a name is the same wherever it stands.
                let named = item.get("name").and_then(Value::as_str);
                walk(&below(named.unwrap_or(&place.to_string())), item, out);
            }
        }
        Value::String(text) => {
            out.insert(path.to_owned(), text.clone());
        }
        other => {
            out.insert(path.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entity, JoinKey, KeyType};

    fn topology(entities: &[(&str, &str, KeyType)]) -> Topology {
        let entity = |(name, description, key_type): &(&str, &str, KeyType)| {
            let join_keys = vec![JoinKey { name: "id".into(), key_type: *key_type }];
            ((*name).to_owned(), Entity { description: (*description).to_owned(), join_keys })
        };
        Topology { entities: entities.iter().map(entity).collect(), ..Topology::default() }
    }

    #[test]
    fn each_line_that_differs_is_told_with_its_path() {
        let before = topology(&[("a", "Who.", KeyType::Int64), ("b", "Where.", KeyType::Int64)]);
        let after = topology(&[("a", "Who.", KeyType::String), ("c", "When.", KeyType::Int64)]);
        let found = Differences::between(&before, &after);
        let told: Vec<_> = found.entities.iter().map(|d| (&*d.name, d.change)).collect();
        assert_eq!(told, [("a", Change::Changed), ("b", Change::Dropped), ("c", Change::Added)]);
        let lines = &found.entities[0].lines;
        assert_eq!(*lines, ["- join_keys.id.type: int64", "+ join_keys.id.type: string"]);
        assert!(Differences::between(&before, &before).is_empty());
    }
}
