//! Files that are not what a topology is written in.

mod support;

use support::assert_told;

#[test]
fn each_problem_is_told_with_its_place() {
    assert_told(
        "event_types: [a\n",
        &[
            "topology/t.yaml:2:1: this is not YAML: while parsing a flow sequence, expected ',' or ']'",
        ],
    );
    assert_told(
        "- a\n- b\n",
        &["topology/t.yaml:1:1: a topology file must be a mapping, not a list"],
    );
    assert_told(
        "entities:\n  c: {description: x, join_keys: {k: int64}}\n---\nentities: {}\n",
        &["topology/t.yaml:3:1: a second YAML document begins here"],
    );
    assert_told("entities: &e {}\n", &["topology/t.yaml:1:11: anchors are not read here"]);
    assert_told(
        "event_types: &e {}\nentities: *e\n",
        &[
            "topology/t.yaml:1:14: anchors are not read here",
            "topology/t.yaml:2:11: aliases are not read here",
        ],
    );
    assert_told(
        "entities: !own {}\n",
        &["topology/t.yaml:1:11: the tag `!own` means nothing here"],
    );
    assert_told("? [a, b]\n: c\n", &["topology/t.yaml:1:3: a key must be a plain word"]);
    assert_told(
        "entities:\n  c: {description: x, join_keys: {k: int64}}\n  c: {description: y, join_keys: {k: int64}}\n",
        &["topology/t.yaml:3:3: `c` stands twice here, first at line 2"],
    );
    assert_told("entitys: {}\n", &["topology/t.yaml:1:1: a topology file has no key `entitys`"]);
    assert_told(
        "entities: [c]\n",
        &["topology/t.yaml:1:11: `entities` of a topology file must be a mapping, not a list"],
    );
    assert_told(
        &format!("entities: {}{}\n", "[".repeat(40), "]".repeat(40)),
        &["topology/t.yaml:1:42: this nests deeper than 32 levels"],
    );
}
