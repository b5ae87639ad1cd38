//! What can be wrong with an entity.

mod support;

use support::assert_told;

#[test]
fn each_problem_is_told_with_its_place() {
    assert_told(
        "entities:\n  c: {}\n",
        &[
            "topology/t.yaml:2:3: entity `c` needs `description`",
            "topology/t.yaml:2:3: entity `c` needs `join_keys`",
        ],
    );
    assert_told(
        "entities:\n  C: {description: x, join_keys: {k: int64}}\n",
        &["topology/t.yaml:2:3: entity `C` is not a name"],
    );
    assert_told(
        "entities:\n  c: {description: x, join_keys: {}}\n",
        &["topology/t.yaml:2:23: entity `c` has no join keys"],
    );
    assert_told(
        "entities:\n  c: {description: x, join_keys: [k]}\n",
        &["topology/t.yaml:2:34: `join_keys` of entity `c` must be a mapping, not a list"],
    );
    assert_told(
        "entities:\n  c: {description: x, join_keys: {k: float64}}\n",
        &["topology/t.yaml:2:38: `float64` is not a type of a join key"],
    );
    assert_told(
        "entities:\n  c: {description: x, join_keys: {project: int64, _k: int64}}\n",
        &[
            "topology/t.yaml:2:35: join key `project` has the name of a column that every view has",
            "topology/t.yaml:2:51: join key `_k` begins with `_`, as Headwater's own columns do",
        ],
    );
    assert_told(
        &format!(
            "entities:\n  {}: {{ description: x, join_keys: {{ k: int64 }} }}\n",
            "c".repeat(64)
        ),
        &[
            "topology/t.yaml:2:3: the name of entity `cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc` has 64 bytes",
        ],
    );
}
