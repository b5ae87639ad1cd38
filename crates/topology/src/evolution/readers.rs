//! What a changed schema takes from the views that read events of it.

use serde_json::Value;

use super::narrowing::Finding;
use crate::{
    kinds::Kinds,
    link_features::value_of,
    model::{Aggregate, FeatureView, KeyType, Topology, ValueAt, ValueType, ViewSource},
    pointers::{Told, look_up},
    value_types::value_type_text,
};

/// A place that a view reads.
struct Place<'t> {
    pointer: &'t str,
    /// The type that it needs; a count takes any.
    wanted: Option<ValueType>,
    /// Without a key an event can't be folded.
    key: bool,
}

/// What the views of `topology` no longer find in events of a type.
pub(super) fn lost(
    event_type: &str,
    old: &Value,
    new: &Value,
    topology: &Topology,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, view) in &topology.feature_views {
        for place in places(event_type, view, topology) {
            let Some(what) = change(&place, old, new) else { continue };
            let what = format!("feature view `{name}` reads `{}`: {what}", place.pointer);
            found.push(Finding::certain(schema_pointer(new, place.pointer), what));
        }
    }
    found
}

fn places<'t>(event_type: &str, view: &'t FeatureView, topology: &'t Topology) -> Vec<Place<'t>> {
    let ViewSource::Events { event_type: source, keys } = &view.source else { return Vec::new() };
    if source != event_type {
        return Vec::new();
    }
    let join_keys = topology.entities.get(&view.entity).map(|entity| entity.join_keys.as_slice());
    let keys = keys.iter().zip(join_keys.unwrap_or_default()).filter_map(|(at, join_key)| {
        let ValueAt::Data(pointer) = at else { return None };
        let wanted = match join_key.key_type {
            KeyType::Int64 => ValueType::Int64,
            KeyType::String => ValueType::String,
        };
        Some(Place { pointer, wanted: Some(wanted), key: true })
    });
    let features = view.features.iter().filter_map(|feature| {
        let Some(ValueAt::Data(pointer)) = value_of(&feature.aggregate) else { return None };
        let any = matches!(feature.aggregate, Aggregate::Count(_));
        Some(Place { pointer, wanted: (!any).then_some(feature.value_type), key: false })
    });
    keys.chain(features).collect()
}

fn change(place: &Place<'_>, old: &Value, new: &Value) -> Option<String> {
    let Told::Kinds(before) = look_up(old, place.pointer) else { return None };
    let now = match look_up(new, place.pointer) {
        Told::Kinds(now) => now,
        Told::Absent(why) => return Some(why),
        Told::Unknown => return Some("the schema no longer declares it".to_owned()),
    };
    if let Some(wanted) = place.wanted {
        let added = now.kinds.difference(&before.kinds).find(|kind| {
            let alone = Kinds { kinds: [**kind].into(), date_time: now.date_time };
            !alone.can_be(wanted)
        });
        if let Some(added) = added {
            let alone = Kinds { kinds: [*added].into(), date_time: false };
            let wanted = value_type_text(wanted);
            return Some(format!("it may be {} now, which is no {wanted}", alone.words()));
        }
    }
    let optional = place.key && is_required(old, place.pointer) && !is_required(new, place.pointer);
    optional.then(|| "it is a key, and need not be there any more".to_owned())
}

/// Whether each property on the way must be there.
fn is_required(root: &Value, pointer: &str) -> bool {
    let mut above = String::new();
    pointer.split('/').skip(1).all(|token| {
        let key = token.replace("~1", "/").replace("~0", "~");
        let object = schema_at(root, &above);
        above.push('/');
        above.push_str(token);
        let names = object.and_then(|schema| schema.get("required")).and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(&key)))
    })
}

fn schema_at<'s>(root: &'s Value, pointer: &str) -> Option<&'s Value> {
    root.pointer(&schema_pointer(root, pointer))
}

/// The place in a schema that tells of a place in the data, as far as `properties` lead.
fn schema_pointer(root: &Value, pointer: &str) -> String {
    let mut at = String::new();
    for token in pointer.split('/').skip(1) {
        let next = format!("{at}/properties/{token}");
        if root.pointer(&next).is_none() {
            let properties = format!("{at}/properties");
            return if root.pointer(&properties).is_some() { properties } else { at };
        }
        at = next;
    }
    at
}
