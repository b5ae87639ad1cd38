//! Small topologies and the problems that they have.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this one")]

use headwater_topology::{SourceFile, check};

/// A schema with something of each kind in it.
pub const SCHEMA: &str = r##"{
  "type": "object",
  "properties": {
    "customer": {"type": "integer"},
    "amount": {"type": ["number", "null"]},
    "note": {"type": "string"},
    "at": {"type": "string", "format": "date-time"},
    "paid": {"type": "boolean"},
    "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    "open": {"type": "object"},
    "maybe": {"anyOf": [{"$ref": "#/$defs/line"}, {"type": "null"}]},
    "mixed": {"type": ["string", "integer"]}
  },
  "required": ["customer"],
  "additionalProperties": false,
  "$defs": {
    "line": {"type": "object", "properties": {"cds": {"type": "integer"}}, "additionalProperties": false}
  }
}"##;

/// Declarations that are right, to put a wrong one behind; eight lines.
pub const HEAD: &str = "\
event_types:
  a.b:
    description: Something happened.
entities:
  c:
    description: Someone.
    join_keys: { customer: int64 }
feature_views:
";

/// A view whose features follow; the first of them stands in line 14, column 7.
pub const VIEW: &str = "  v:
    description: A view.
    entity: c
    from: a.b
    features:
";

pub fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

/// What is wrong with files, as `file:line:col: message`.
pub fn problems(files: &[SourceFile]) -> Vec<String> {
    let reserved = |name: &str| match name {
        "runs" => Some("tracking.runs".to_owned()),
        "metric_history" => Some("tracking.metric_history".to_owned()),
        _ => None,
    };
    match check(files, &reserved) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            assert!(problems.iter().all(|problem| !problem.help.is_empty()), "{problems:?}");
            problems
                .iter()
                .map(|problem| problem.to_string())
                .filter_map(|told| told.split("\n  help: ").next().map(str::to_owned))
                .collect()
        }
    }
}

/// What is wrong with one YAML text beside the schema of `a.b`.
pub fn problems_of(yaml: &str) -> Vec<String> {
    problems(&[file("topology/t.yaml", yaml), file("schemas/a.b/v1.json", SCHEMA)])
}

/// Asserts that a text has just these problems.
pub fn assert_told(yaml: &str, expected: &[&str]) {
    assert_eq!(problems_of(yaml), expected, "in\n{yaml}");
}
