//! What can be wrong with a feature view.

mod support;

use support::{HEAD, assert_told};

#[test]
fn each_problem_is_told_with_its_place() {
    assert_told(
        &format!("{HEAD}{}", "  v: {}\n"),
        &[
            "topology/t.yaml:9:3: feature view `v` needs `description`",
            "topology/t.yaml:9:3: feature view `v` needs `entity`",
            "topology/t.yaml:9:3: feature view `v` needs `features`",
            "topology/t.yaml:9:3: feature view `v` needs `from`",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: d, from: a.c, features: {n: {count: all}}}\n"
        ),
        &[
            "topology/t.yaml:9:31: entity `d` is not declared",
            "topology/t.yaml:9:40: event type `a.c` is not declared",
        ],
    );
    assert_told(
        &format!("{HEAD}{}", "  v: {description: x, entity: c, from: a.b, features: {}}\n"),
        &["topology/t.yaml:9:45: feature view `v` has no features"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, feature: {n: {count: all}}}\n"
        ),
        &[
            "topology/t.yaml:9:3: feature view `v` needs `features`",
            "topology/t.yaml:9:45: feature view `v` has no key `feature`",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, tags: [a]}\n"
        ),
        &["topology/t.yaml:9:80: `tags` of feature view `v` must be a mapping, not a list"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, keys: {custmer: /customer}}\n"
        ),
        &["topology/t.yaml:9:81: `custmer` is not a join key of the entity"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, keys: {customer: time}}\n"
        ),
        &["topology/t.yaml:9:91: a time cannot be a key"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, keys: {customer: /note}}\n"
        ),
        &["topology/t.yaml:9:91: `/note` is of type string in v1 of a.b, and cannot be int64"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, keys: {customer: /who}}\n"
        ),
        &["topology/t.yaml:9:91: `/who` is nowhere in a.b: in v1, the data has no property `who`"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, window: {tumbling: 30x}}\n"
        ),
        &["topology/t.yaml:9:93: `30x` is not a duration"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, window: {tumbling: 0s}}\n"
        ),
        &["topology/t.yaml:9:93: a span must be longer than nothing"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, window: {tumbling: 99999d, origin: yesterday}}\n"
        ),
        &[
            "topology/t.yaml:9:93: `99999d` is longer than a century",
            "topology/t.yaml:9:109: `yesterday` is not a moment",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}, window: {size: 1d}}\n"
        ),
        &[
            "topology/t.yaml:9:74: `window` of feature view `v` needs `tumbling`",
            "topology/t.yaml:9:83: `window` of feature view `v` has no key `size`",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: written, features: {n: {count: all}}, window: {tumbling: 1d}, keys: {customer: subject}}\n"
        ),
        &[
            "topology/t.yaml:9:64: feature `n` is computed elsewhere and takes no `count`",
            "topology/t.yaml:9:78: feature view `v` is written elsewhere and takes no `window`",
            "topology/t.yaml:9:102: feature view `v` is written elsewhere and takes no `keys`",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  runs: {description: x, entity: c, from: a.b, features: {n: {count: all}}}\n"
        ),
        &["topology/t.yaml:9:3: feature view `runs` clashes with the table tracking.runs"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  metric: {description: x, entity: c, from: a.b, features: {n: {count: all}}}\n"
        ),
        &[
            "topology/t.yaml:9:3: `metric_history`, the view's history, clashes with the table tracking.metric_history",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: a.b, features: {n: {count: all}}}\n  v_history: {description: x, entity: c, from: a.b, features: {n: {count: all}}}\n"
        ),
        &["topology/t.yaml:10:3: feature view `v_history` clashes with the history of `v`"],
    );
}
