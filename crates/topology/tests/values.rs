//! What may be left out, and what it then is.

mod support;

use headwater_topology::{FeatureView, Topology, ValueAt, ValueType, ViewSource, Window, check};
use support::{HEAD, SCHEMA, VIEW, file, problems_of};

fn topology(yaml: &str) -> Topology {
    let files = [file("topology/t.yaml", yaml), file("schemas/a.b/v1.json", SCHEMA)];
    let checked = check(&files, &|_| None);
    assert_eq!(checked.as_ref().err(), None, "in\n{yaml}");
    checked.unwrap_or_default()
}

fn view(below: &str) -> FeatureView {
    let mut views = topology(&format!("{HEAD}{VIEW}{below}")).feature_views;
    views.remove("v").unwrap_or_else(|| unreachable!("v is declared"))
}

#[test]
fn a_file_may_declare_nothing() {
    for text in ["", "# later\n", "---\n", "entities:\n", "~\n", "\u{feff}entities: {}\n"] {
        let files = [file("topology/t.yaml", text)];
        assert_eq!(check(&files, &|_| None), Ok(Topology::default()), "{text:?}");
    }
}

#[test]
fn types_are_found_in_the_schema() {
    let cases = [
        ("sum: /amount", ValueType::Float64),
        ("mean: /customer", ValueType::Int64),
        ("last: /note", ValueType::String),
        ("last: /at", ValueType::Timestamp),
        ("first: /paid", ValueType::Bool),
        ("last: /lines", ValueType::Json),
        ("max: /lines/0/cds", ValueType::Int64),
        ("last: /maybe", ValueType::Json),
        ("last: /open/anything, type: string", ValueType::String),
        ("sum: /amount, type: \"decimal(38,0)\"", ValueType::Decimal { precision: 38, scale: 0 }),
        ("count: /note", ValueType::Int64),
        ("min: time", ValueType::Timestamp),
        ("last: subject", ValueType::String),
    ];
    for (feature, expected) in cases {
        let view = view(&format!("      n: {{ {feature} }}\n"));
        assert_eq!(view.features[0].value_type, expected, "{feature}");
    }
}

#[test]
fn keys_are_found_by_their_names_unless_told() {
    let keys = |below: &str| match view(below).source {
        ViewSource::Events { keys, .. } => keys,
        ViewSource::Written => Vec::new(),
    };
    let features = "      n: { count: all }\n";
    assert_eq!(keys(features), [ValueAt::Data("/customer".to_owned())]);
    assert_eq!(keys(&format!("{features}    keys: {{ customer: subject }}\n")), [ValueAt::Subject]);
}

#[test]
fn windows_start_in_1970_unless_told() {
    let cases = [
        ("{ tumbling: 500ms }", 500, 0),
        ("{ tumbling: 10s }", 10_000, 0),
        ("{ tumbling: 15m }", 900_000, 0),
        ("{ tumbling: 12h, origin: 1970-01-02 }", 43_200_000, 86_400_000),
        ("{ tumbling: 30d, origin: 1970-01-01T01:00:00+01:00 }", 2_592_000_000, 0),
        ("{ tumbling: 1d, origin: 1969-12-31 }", 86_400_000, -86_400_000),
    ];
    for (window, size_ms, origin_ms) in cases {
        let view = view(&format!("      n: {{ count: all }}\n    window: {window}\n"));
        assert_eq!(view.window, Some(Window::Tumbling { size_ms, origin_ms }), "{window}");
    }
}

#[test]
fn windows_may_begin_more_often_than_they_are_long() {
    let features = "      n: { count: all }\n";
    let of = |window: &str| view(&format!("{features}    window: {window}\n")).window;
    assert_eq!(
        of("{ hopping: 7d, every: 1d, origin: 1970-01-02 }"),
        Some(Window::Hopping { size_ms: 604_800_000, every_ms: 86_400_000, origin_ms: 86_400_000 })
    );
    for (window, told) in [
        ("{ hopping: 7d }", "every"),
        ("{ every: 1d }", "hopping"),
        ("{ hopping: 7d, every: 2d }", "is not some whole number of times"),
        ("{ hopping: 1d, every: 7d }", "is not some whole number of times"),
        ("{ hopping: 365d, every: 1m }", "a window would have 525600 parts"),
        ("{ hopping: 7d, every: 1d, tumbling: 7d }", "tumbling and hopping at once"),
    ] {
        let yaml = format!("{HEAD}{VIEW}{features}    window: {window}\n");
        let problems = problems_of(&yaml).join("\n");
        assert!(problems.contains(told), "{window}: {problems}");
    }
}

#[test]
fn schemas_may_lie_elsewhere() {
    let yaml = "event_types:\n  a.b: { description: x, schema: ./types/v1.json }\n";
    let files = [file("topology/t.yaml", yaml), file("topology/types/v1.json", SCHEMA)];
    let topology = check(&files, &|_| None).unwrap();
    assert_eq!(topology.event_types["a.b"].schemas.len(), 1);
}
