//! Sources as they are declared, and everything that can be wrong with them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use headwater_topology::{
    Difference, Differences, RecordData, RecordPlace, RecordTime, Source, Start, TimeUnit,
    Topology, check,
};
use serde_json::json;
use support::{HEAD, SCHEMA, assert_told, file, problems_of};

/// Declarations with one source, whose keys follow; the first of them stands in line 11.
fn with_source(keys: &str) -> String {
    let head = HEAD.trim_end_matches("feature_views:\n");
    format!("{head}sources:\n  s:\n    description: A topic.\n    topic: t.v1\n{keys}")
}

fn declared(keys: &str) -> Topology {
    let text = with_source(keys);
    check(&[file("topology/t.yaml", &text), file("schemas/a.b/v1.json", SCHEMA)], &|_| None)
        .unwrap()
}

#[test]
fn what_is_left_out_has_a_plain_meaning() {
    let topology = declared("    event_type: a.b\n    subject: key\n");
    let expected = Source {
        description: "A topic.".into(),
        topic: "t.v1".into(),
        brokers: None,
        event_type: "a.b".into(),
        id: None,
        subject: RecordPlace::Key,
        time: RecordTime::Record,
        data: RecordData::At(RecordPlace::Value(String::new())),
        when: [].into(),
        tombstones: false,
        start: Start::Earliest,
    };
    assert_eq!(topology.sources["s"], expected);
    let without = serde_json::to_string(&Topology::default()).unwrap();
    assert!(!without.contains("sources"), "a topology without is the one that it was");
}

#[test]
fn everything_can_be_said() {
    let topology = declared(
        "    event_type: a.b
    brokers: one:9092,two:9092
    id: key:/id
    subject: header:who
    time: { at: /payload/ts_ms, unit: ms }
    data: { customer: /payload/after/id, note: header:channel }
    when: { /payload/op: [c, u, r], /payload/n: 1 }
    start: latest
",
    );
    let source = &topology.sources["s"];
    assert_eq!(source.id, Some(RecordPlace::KeyAt("/id".into())));
    assert_eq!(source.subject, RecordPlace::Header("who".into()));
    let place = RecordPlace::Value("/payload/ts_ms".into());
    assert_eq!(source.time, RecordTime::At { place, unit: Some(TimeUnit::Ms) });
    assert_eq!(source.when["/payload/op"], [json!("c"), json!("u"), json!("r")]);
    assert_eq!(source.when["/payload/n"], [json!(1)]);
    assert_eq!(
        (source.start, source.brokers.as_deref()),
        (Start::Latest, Some("one:9092,two:9092"))
    );
    let travelled: Topology =
        serde_json::from_value(serde_json::to_value(&topology).unwrap()).unwrap();
    assert_eq!(travelled, topology);
    let tombstones = declared(
        "    event_type: a.b\n    subject: key\n    data: { customer: key }\n    tombstones: only\n",
    );
    assert!(tombstones.sources["s"].tombstones);
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    assert_told(
        &with_source(
            "    event_typ: a.b
    event_type: a.c
    brokers: kafka
    id: kye
    subject: customer/id
    time: { at: /ts, unit: msec }
    data: { customer: id }
    when: { op: c }
    tombstones: skip
    start: first
",
        ),
        &[
            "topology/t.yaml:12:5: source `s` has no key `event_typ`",
            "topology/t.yaml:13:17: event type `a.c` is not declared",
            "topology/t.yaml:14:14: `kafka` names no brokers",
            "topology/t.yaml:15:9: `kye` is not a place in a record",
            "topology/t.yaml:16:14: `customer/id` is not a place in a record",
            "topology/t.yaml:17:28: `msec` is not a unit of time",
            "topology/t.yaml:18:23: `id` is not a place in a record",
            "topology/t.yaml:19:13: `op` is not a place in an event",
            "topology/t.yaml:20:17: `skip` is nothing to do about tombstones",
            "topology/t.yaml:21:12: `first` is not where a source can start",
        ],
    );
    let text = with_source("    subject: keys\n    event_type: headwater.run.created\n");
    let told =
        check(&[file("topology/t.yaml", &text), file("schemas/a.b/v1.json", SCHEMA)], &|_| None);
    let helps: Vec<String> = told.unwrap_err().into_iter().map(|problem| problem.help).collect();
    assert!(helps[0].starts_with("did you mean `key`?"), "{helps:?}");
    assert!(helps[1].contains("headwater.label.observed"), "{helps:?}");
}

#[test]
fn what_is_needed_and_missing_is_told() {
    assert_told(
        "sources:\n  s: { description: A topic. }\n  S: { topic: 'a b' }\n",
        &[
            "topology/t.yaml:2:3: source `s` needs `event_type`",
            "topology/t.yaml:2:3: source `s` needs `subject`",
            "topology/t.yaml:2:3: source `s` needs `topic`",
            "topology/t.yaml:3:3: source `S` is not a name",
            "topology/t.yaml:3:3: source `S` needs `description`",
            "topology/t.yaml:3:3: source `S` needs `event_type`",
            "topology/t.yaml:3:3: source `S` needs `subject`",
            "topology/t.yaml:3:15: `a b` is not a topic's name",
        ],
    );
}

#[test]
fn fields_are_held_against_the_newest_schema() {
    let told = problems_of(&with_source(
        "    event_type: a.b\n    subject: key\n    data: { note: /note, custmer: /id }\n",
    ));
    assert_eq!(
        told,
        [
            "topology/t.yaml:12:17: a.b requires `customer`, which `data` of the source lacks",
            "topology/t.yaml:14:26: `/custmer` is nowhere in a.b: in v1, the data has no property `custmer`",
        ]
    );
}

#[test]
fn a_tombstone_has_no_value_to_look_into() {
    let told = problems_of(&with_source(
        "    event_type: a.b\n    subject: /id\n    when: { /op: d }\n    tombstones: only\n",
    ));
    let told: Vec<&str> = told.iter().map(|t| t.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        told,
        [
            "`the value` looks into the value, and a tombstone has none",
            "`/id` looks into the value, and a tombstone has none",
            "`when` looks into the value, and a tombstone has none",
        ]
    );
}

#[test]
fn a_source_does_not_read_what_is_published() {
    let text = with_source("    event_type: a.b\n    subject: key\n")
        + "publications:\n  p: { description: For others., events: a.b, topic: t.v1 }\n";
    assert_told(
        &text,
        &["topology/t.yaml:9:3: source `s` reads topic `t.v1`, which publication `p` writes"],
    );
}

#[test]
fn a_changed_source_is_told_line_by_line() {
    let before = declared("    event_type: a.b\n    subject: key\n");
    let after = declared("    event_type: a.b\n    subject: /id\n");
    let Differences { sources, .. } = Differences::between(&before, &after);
    let [Difference { name, lines, .. }] = sources.as_slice() else { panic!("{sources:?}") };
    assert_eq!((name.as_str(), lines.len()), ("s", 2));
    assert_ne!(before.hash(), after.hash());
}
