//! `headwater.metric.logged`: v1 tells one value, v2 a list of them.
//!
//! Trackers log many values of one moment together; in v1 each was an event. And `timestamp` was
//! easily taken for the event's own time: in v2 it is `measured_at`.

use serde_json::{Map, Value, json};

/// One value becomes a list of one.
pub(super) fn v1_to_v2(data: Value) -> Result<Value, String> {
    let Value::Object(mut fields) = data else { return Err("it is not an object".to_owned()) };
    let mut metric = Map::new();
    for (before, now) in
        [("key", "key"), ("value", "value"), ("step", "step"), ("timestamp", "measured_at")]
    {
        metric.extend(fields.remove(before).map(|value| (now.to_owned(), value)));
    }
    fields.insert("metrics".to_owned(), json!([metric]));
    Ok(Value::Object(fields))
}
