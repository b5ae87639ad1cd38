//! What can be wrong with an event type.

mod support;

use support::assert_told;

#[test]
fn each_problem_is_told_with_its_place() {
    assert_told(
        "event_types:\n  a.b: {}\n",
        &["topology/t.yaml:2:3: event type `a.b` needs `description`"],
    );
    assert_told(
        "event_types:\n  a.b: Something.\n",
        &["topology/t.yaml:2:8: event type `a.b` must be a mapping, not text"],
    );
    assert_told(
        "event_types:\n  a.b: {descripton: x, description: y}\n",
        &["topology/t.yaml:2:9: event type `a.b` has no key `descripton`"],
    );
    assert_told(
        "event_types:\n  headwater.a: {description: x, schema: ../schemas/a.b/v1.json}\n",
        &["topology/t.yaml:2:3: event type `headwater.a` begins with `headwater.`"],
    );
    assert_told(
        "event_types:\n  A.b: {description: x, schema: ../schemas/a.b/v1.json}\n",
        &["topology/t.yaml:2:3: `A.b` is not an event type's name"],
    );
    assert_told(
        "event_types:\n  purchase: {description: x, schema: ../schemas/a.b/v1.json}\n",
        &["topology/t.yaml:2:3: `purchase` is not an event type's name"],
    );
    assert_told(
        "event_types:\n  a.c: {description: x}\n",
        &["topology/t.yaml:2:3: the schema file schemas/a.c/v1.json is missing"],
    );
    assert_told(
        "event_types:\n  a.b: {description: x, schema: ../../../v1.json}\n",
        &["topology/t.yaml:2:33: `../../../v1.json` leads out of the folder around the topology"],
    );
    assert_told(
        "event_types:\n  a.b: {description: x, schema: ../schemas/a.b/v2.json}\n",
        &["topology/t.yaml:2:33: `../schemas/a.b/v2.json` does not end in v1.json"],
    );
    assert_told(
        "event_types:\n  a.b: {description: [x]}\n",
        &["topology/t.yaml:2:22: `description` of event type `a.b` must be text, not a list"],
    );
}
