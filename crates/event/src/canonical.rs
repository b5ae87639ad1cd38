//! One spelling for equal JSON: the bytes that hashes are taken of.
//!
//! As in RFC 8785: keys sorted, no white space, the shortest spelling of a float. Beyond it, integers
//! that fit 64 bits keep all their digits, and `1.0` is spelled `1`, so that equal numbers are equal bytes.

use serde_json::Value;

/// The largest float below which every integer is exact; beyond it floats keep their own spelling.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The canonical bytes of a JSON value.
pub fn canonical_json(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out);
    out
}

/// The canonical text of a JSON value.
pub fn canonical_text(value: &Value) -> String {
    String::from_utf8_lossy(&canonical_json(value)).into_owned()
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => plain(value, out),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && is_small_integer(float) => {
                #[expect(clippy::cast_possible_truncation, reason = "checked to be an integer")]
                let integer = float as i64;
                out.extend_from_slice(integer.to_string().as_bytes());
            }
            _ => plain(value, out),
        },
        Value::Array(items) => list(b'[', b']', items, out, write),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            list(b'{', b'}', fields, out, |(name, value), out| {
                string(name, out);
                out.push(b':');
                write(value, out);
            });
        }
    }
}

fn list<T>(
    open: u8,
    close: u8,
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut each: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(close);
}

fn is_small_integer(float: f64) -> bool {
    float.abs() < EXACT_INTEGER_MAX && float.trunc() == float
}

fn plain(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn string(text: &str, out: &mut Vec<u8>) {
    plain(&Value::String(text.to_owned()), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        canonical_text(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn order_white_space_and_spelling_do_not_matter() {
        assert_eq!(text(r#"{ "b": [1.0, 2e2], "a": "\u0041" }"#), r#"{"a":"A","b":[1,200]}"#);
    }

    #[test]
    fn large_integers_keep_their_digits() {
        assert_eq!(text("18446744073709551615"), "18446744073709551615");
        assert_eq!(text("-0.0"), "0");
        assert_eq!(text("0.1"), "0.1");
    }
}
