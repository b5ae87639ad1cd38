//! Reads `when`: only events in which certain places hold certain values.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    complaint::Complaint, fields::Fields, limits::FILTER_VALUES_MAX, model::ValueAt,
    pointers::parse_value_at, problem::Problems, steps::json, yaml::Kind,
};

/// Reads the key `when`: by place, one value or a list of them. An empty mapping if it is absent.
pub(crate) fn read_when(
    fields: &Fields<'_, '_>,
    problems: &mut Problems,
) -> BTreeMap<String, Vec<Value>> {
    let mut when = BTreeMap::new();
    for entry in fields.entries("when", problems) {
        let pointer = match parse_value_at(&entry.key) {
            Ok(ValueAt::Data(pointer)) => pointer,
            Ok(ValueAt::Subject | ValueAt::Time) => {
                let help = "write a JSON pointer into the data, as in /status";
                problems.complain(entry.at, Complaint::new("`when` looks into the data", help));
                continue;
            }
            Err(complaint) => {
                problems.complain(entry.at, complaint);
                continue;
            }
        };
        let values = match &entry.value.kind {
            Kind::List(nodes) => nodes.iter().map(json).collect::<Option<Vec<Value>>>(),
            _ => json(&entry.value).map(|value| vec![value]),
        };
        let Some(values) = values else { continue };
        let plain = values.iter().all(|value| !value.is_object() && !value.is_array());
        if values.is_empty() || values.len() > FILTER_VALUES_MAX || !plain {
            let message = format!("`{}` needs one to {FILTER_VALUES_MAX} plain values", entry.key);
            problems.add(entry.value.at, message, "write them as in [web, app]");
            continue;
        }
        when.insert(pointer, values);
    }
    when
}
