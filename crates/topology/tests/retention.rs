//! How long the past is kept.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use headwater_topology::{Retention, check};
use support::{assert_told, file};

fn declared(text: &str) -> Retention {
    check(&[file("topology/t.yaml", text)], &|_| None).unwrap().retention
}

#[test]
fn all_is_kept_unless_a_span_is_declared() {
    assert_eq!(declared("event_types: {}\n"), Retention { versions_ms: None });
    assert_eq!(declared("retention: { versions: all }\n"), Retention { versions_ms: None });
    assert_eq!(
        declared("retention: { versions: 90d }\n"),
        Retention { versions_ms: Some(90 * 86_400_000) }
    );
}

#[test]
fn a_topology_without_it_is_the_one_that_it_was() {
    let text = serde_json::to_string(&headwater_topology::Topology::default()).unwrap();
    assert!(!text.contains("retention"), "{text}");
}

#[test]
fn each_problem_is_told_with_its_place() {
    assert_told(
        "retention: { versions: long, log: all }\n",
        &[
            "topology/t.yaml:1:24: `long` is not a duration",
            "topology/t.yaml:1:30: `retention` has no key `log`",
        ],
    );
    assert_told(
        "retention: { versions: 0d }\n",
        &["topology/t.yaml:1:24: a span must be longer than nothing"],
    );
}
