//! Numbers that bound a value: its size, its length, its count.

use serde_json::Value;

use super::{Compare, Fields, may_be};

/// A keyword, the types that it bounds, and whether it bounds from below.
const COUNTS: [(&str, &str, bool); 6] = [
    ("minLength", "string", true),
    ("maxLength", "string", false),
    ("minItems", "array", true),
    ("maxItems", "array", false),
    ("minProperties", "object", true),
    ("maxProperties", "object", false),
];

impl Compare<'_> {
    pub(super) fn bounds(&mut self, old: &Fields, new: &Fields, at: &str) {
        for (keyword, bounded, from_below) in COUNTS {
            if !may_be(self.old_root, old, &[bounded]) {
                continue;
            }
            let Some(now) = number(new, keyword) else { continue };
            let before = number(old, keyword);
            let tighter = match (before, from_below) {
                (None, true) => now > 0.0,
                (None, false) => true,
                (Some(before), true) => now > before,
                (Some(before), false) => now < before,
            };
            if tighter {
                self.tighter(keyword, before, now, at);
            }
        }
        if may_be(self.old_root, old, &["number"]) {
            self.limits(old, new, at);
        }
        let unique = |fields: &Fields| fields.get("uniqueItems") == Some(&Value::Bool(true));
        if unique(new) && !unique(old) && may_be(self.old_root, old, &["array"]) {
            self.find(at, "uniqueItems", "repeated items are refused now".to_owned(), true);
        }
    }

    fn limits(&mut self, old: &Fields, new: &Fields, at: &str) {
        // A bound may be given by either of two keywords; the tighter one counts.
        for (keyword, exclusive, sign) in
            [("minimum", "exclusiveMinimum", 1.0), ("maximum", "exclusiveMaximum", -1.0)]
        {
            let bound = |fields: &Fields| {
                let inclusive = number(fields, keyword).map(|value| (sign * value, false));
                let exclusive = number(fields, exclusive).map(|value| (sign * value, true));
                [inclusive, exclusive]
                    .into_iter()
                    .flatten()
                    .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            };
            let Some(now) = bound(new) else { continue };
            let before = bound(old);
            let tighter = before
                .is_none_or(|before| now.0 > before.0 || (now.0 >= before.0 && now.1 && !before.1));
            if tighter {
                let keyword = if now.1 { exclusive } else { keyword };
                self.tighter(keyword, before.map(|before| sign * before.0), sign * now.0, at);
            }
        }
        let (before, now) = (number(old, "multipleOf"), number(new, "multipleOf"));
        let implied = |before: f64, now: f64| (before / now).fract() == 0.0;
        if let Some(now) = now
            && !before.is_some_and(|before| implied(before, now))
        {
            // Whole numbers are multiples of 1 anyway.
            let whole = now == 1.0 && !super::takes_fractions(self.old_root, old);
            if !whole {
                let what = format!("numbers must be multiples of {now} now");
                self.find(at, "multipleOf", what, true);
            }
        }
    }

    fn tighter(&mut self, keyword: &str, before: Option<f64>, now: f64, at: &str) {
        let what = match before {
            Some(before) => format!("`{keyword}` was {before} and is {now}"),
            None => format!("`{keyword}` is {now} and was not there"),
        };
        self.find(at, keyword, what, true);
    }
}

fn number(fields: &Fields, keyword: &str) -> Option<f64> {
    fields.get(keyword).and_then(Value::as_f64)
}
