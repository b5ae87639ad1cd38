//! Many problems, several files: everything is told at once and nothing twice.

mod support;

use support::{HEAD, SCHEMA, VIEW, assert_told, file, problems};

#[test]
fn ten_problems_are_told_at_once() {
    assert_told(
        "\
colour: red
event_types:
  a.b: { descripton: Something happened. }
entities:
  c:
    description: Someone.
    join_keys: { customer: int64, customer: string }
feature_views:
  V: { description: x, entity: c, from: a.b, features: { n: { count: all } } }
  w:
    description: x
    entity: customer
    from: a.b
    window: { tumbling: 1 week }
    features:
      n: { sum: amount }
      m: { mean: /amount, type: decimal }
      o: { count: all, last: /note }
      p: { last: /nowhere }
",
        &[
            "topology/t.yaml:1:1: a topology file has no key `colour`",
            "topology/t.yaml:3:3: event type `a.b` needs `description`",
            "topology/t.yaml:3:10: event type `a.b` has no key `descripton`",
            "topology/t.yaml:7:35: `customer` stands twice here, first at line 7",
            "topology/t.yaml:9:3: feature view `V` is not a name",
            "topology/t.yaml:12:13: entity `customer` is not declared",
            "topology/t.yaml:14:25: `1 week` is not a duration",
            "topology/t.yaml:16:17: `amount` is not a place in an event",
            "topology/t.yaml:17:33: `decimal` is not a type",
            "topology/t.yaml:18:24: feature `o` has two aggregates, `count` and `last`",
            "topology/t.yaml:19:18: `/nowhere` is nowhere in a.b: in v1, the data has no property `nowhere`",
        ],
    );
}

#[test]
fn a_view_in_two_files_names_both_places() {
    let view = format!("{VIEW}      n: {{ count: all }}\n");
    let files = [
        file("topology/b.yaml", &format!("feature_views:\n{view}")),
        file("topology/a.yaml", &format!("{HEAD}{view}")),
        file("schemas/a.b/v1.json", SCHEMA),
    ];
    assert_eq!(
        problems(&files),
        ["topology/b.yaml:2:3: feature view `v` is declared twice, first at topology/a.yaml:9:3"]
    );
}

#[test]
fn what_may_stand_in_an_unreadable_file_is_not_called_missing() {
    let view = format!("feature_views:\n{VIEW}      n: {{ count: all }}\n");
    let files = [file("topology/a.yaml", "entities: ]\n"), file("topology/b.yaml", &view)];
    let told = problems(&files);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("topology/a.yaml:1:11: this is not YAML"), "{told:?}");
}

#[test]
fn bounds_are_told() {
    let mut features = format!("{HEAD}{VIEW}");
    for n in 0..501 {
        features.push_str(&format!("      n{n}: {{ count: all }}\n"));
    }
    assert_told(
        &features,
        &["topology/t.yaml:9:3: feature view `v` has 501 features; 500 are allowed"],
    );
    let mut views = HEAD.to_owned();
    for n in 0..1_001 {
        let body = "{ description: x, entity: c, from: a.b, features: { n: { count: all } } }";
        views.push_str(&format!("  v{n}: {body}\n"));
    }
    assert_told(
        &views,
        &["topology/t.yaml:1009:3: from here on there are more than 1000 feature views"],
    );
}

#[test]
fn a_problem_is_written_with_its_help() {
    let files = [file("topology/t.yaml", "entitis: {}\n")];
    let told = headwater_topology::check(&files, &|_| None).unwrap_err();
    assert_eq!(
        told[0].to_string(),
        "topology/t.yaml:1:1: a topology file has no key `entitis`\n  help: did you mean `entities`?"
    );
}
