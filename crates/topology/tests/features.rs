//! What can be wrong with a feature.

mod support;

use support::{HEAD, VIEW, assert_told};

#[test]
fn each_problem_is_told_with_its_place() {
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: {}\n"),
        &["topology/t.yaml:14:7: feature `n` does not say how it is folded"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { count: all, sum: /amount }\n"),
        &["topology/t.yaml:14:24: feature `n` has two aggregates, `count` and `sum`"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { summ: /amount, type: float64 }\n"),
        &[
            "topology/t.yaml:14:7: feature `n` does not say how it is folded",
            "topology/t.yaml:14:12: feature `n` has no key `summ`",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { count: all, type: float64 }\n"),
        &["topology/t.yaml:14:30: a count cannot be float64"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: time }\n"),
        &["topology/t.yaml:14:17: `sum` takes numbers, and `time` is none"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: amount }\n"),
        &["topology/t.yaml:14:17: `amount` is not a place in an event"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /note }\n"),
        &["topology/t.yaml:14:17: values of type string cannot be added"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /note, type: string }\n"),
        &["topology/t.yaml:14:30: values of type string cannot be added"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /note, type: int64 }\n"),
        &["topology/t.yaml:14:17: `/note` is of type string in v1 of a.b, and cannot be int64"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /paid, type: int64 }\n"),
        &["topology/t.yaml:14:17: `/paid` is of type boolean in v1 of a.b, and cannot be int64"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { min: /paid }\n"),
        &["topology/t.yaml:14:17: of two values of type bool none is the greater"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { max: /lines, type: json }\n"),
        &["topology/t.yaml:14:31: of two values of type json none is the greater"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { min: time, type: int64 }\n"),
        &["topology/t.yaml:14:29: a time cannot be int64"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: subject, type: int64 }\n"),
        &["topology/t.yaml:14:33: a subject cannot be int64"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /mixed }\n"),
        &["topology/t.yaml:14:7: feature `n` needs `type`"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /open/a }\n"),
        &["topology/t.yaml:14:7: feature `n` needs `type`"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /a~2 }\n"),
        &["topology/t.yaml:14:18: `/a~2` is not a JSON pointer"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /other, type: string }\n"),
        &[
            "topology/t.yaml:14:18: `/other` is nowhere in a.b: in v1, the data has no property `other`",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { count: /note/below }\n"),
        &[
            "topology/t.yaml:14:19: `/note/below` is nowhere in a.b: in v1, /note is of type string, with nothing below it",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /lines/0/cd }\n"),
        &[
            "topology/t.yaml:14:18: `/lines/0/cd` is nowhere in a.b: in v1, /lines/0 has no property `cd`",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /lines/first }\n"),
        &[
            "topology/t.yaml:14:18: `/lines/first` is nowhere in a.b: in v1, /lines has no property `first`",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /maybe/cd }\n"),
        &["topology/t.yaml:14:7: feature `n` needs `type`"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /note, type: text }\n"),
        &["topology/t.yaml:14:31: `text` is not a type"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { last: /other, type: text }\n"),
        &[
            "topology/t.yaml:14:18: `/other` is nowhere in a.b: in v1, the data has no property `other`",
            "topology/t.yaml:14:32: `text` is not a type",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /amount, type: \"decimal(39,2)\" }\n"),
        &["topology/t.yaml:14:32: a decimal cannot have 39 digits"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /amount, type: \"decimal(0,0)\" }\n"),
        &["topology/t.yaml:14:32: a decimal cannot have 0 digits"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /amount, type: \"decimal(3,4)\" }\n"),
        &["topology/t.yaml:14:32: a decimal of 3 digits cannot have 4 after the point"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { sum: /amount, type: decimal(18,2) }\n"),
        &[
            "topology/t.yaml:14:32: `decimal(18` is not a type",
            "topology/t.yaml:14:43: feature `n` has no key `2)`",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      customer: { count: all }\n"),
        &["topology/t.yaml:14:7: feature `customer` has the name of a join key"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      window_start: { count: all }\n"),
        &[
            "topology/t.yaml:14:7: feature `window_start` has the name of a column that every view has",
        ],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      _n: { count: all }\n"),
        &["topology/t.yaml:14:7: feature `_n` begins with `_`, as Headwater's own columns do"],
    );
    assert_told(
        &format!(
            "{HEAD}{VIEW}{}",
            "      n: { count: all }\n    derived:\n      n: { sql: \"1\", type: int64 }\n"
        ),
        &["topology/t.yaml:16:7: derived feature `n` has the name of a stored feature"],
    );
    assert_told(
        &format!("{HEAD}{VIEW}{}", "      n: { count: all }\n    derived:\n      d: {}\n"),
        &[
            "topology/t.yaml:16:7: derived feature `d` needs `sql`",
            "topology/t.yaml:16:7: derived feature `d` needs `type`",
        ],
    );
    assert_told(
        &format!(
            "{HEAD}{VIEW}{}",
            "      n: { count: all }\n    derived:\n      d: { sql: \" \", type: int64 }\n"
        ),
        &["topology/t.yaml:16:17: this expression is empty"],
    );
    assert_told(
        &format!(
            "{HEAD}{}",
            "  v: {description: x, entity: c, from: written, features: {n: {}}}\n"
        ),
        &["topology/t.yaml:9:60: feature `n` needs `type`"],
    );
}
