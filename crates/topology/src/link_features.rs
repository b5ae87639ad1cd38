//! Checks one view's features against the payloads that they read, and finds their types.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    complaint::Complaint,
    features::FeatureDeclared,
    fields::Given,
    model::{Aggregate, Feature, KeyType, ValueAt, ValueType},
    pointers::{Told, look_up},
    problem::Problems,
    source::At,
    value_types::{is_number, is_ordered, value_type_text},
};

/// What is known of the events that a view folds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'t> {
    /// The schemas of all versions of their type.
    Schemas {
        /// The event type's name.
        event_type: &'t str,
        /// By version.
        versions: &'t BTreeMap<u32, Value>,
    },
    /// Nothing: something is wrong with the event type, which is told.
    Untold,
}

/// What the schemas say of one place.
enum Seen {
    /// Whether it can be of a type could not be told.
    Open,
    /// It is of a plain type.
    Plain(ValueType),
}

impl Payload<'_> {
    /// Looks a place up in the newest version, which is what views see; `wanted` is the type that was
    /// declared.
    fn see(self, pointer: &str, wanted: Option<ValueType>) -> Result<Seen, Complaint> {
        let Self::Schemas { event_type, versions } = self else { return Ok(Seen::Open) };
        let Some((version, schema)) = versions.last_key_value() else { return Ok(Seen::Open) };
        let kinds = match look_up(schema, pointer) {
            Told::Absent(why) => {
                return Err(Complaint::new(
                    format!("`{pointer}` is nowhere in {event_type}: in v{version}, {why}"),
                    "correct the pointer, or add the property to the schema",
                ));
            }
            Told::Unknown => return Ok(Seen::Open),
            Told::Kinds(kinds) => kinds,
        };
        if let Some(wanted) = wanted.filter(|wanted| !kinds.can_be(*wanted)) {
            let wanted = value_type_text(wanted);
            let message = format!(
                "`{pointer}` is {} in v{version} of {event_type}, and cannot be {wanted}",
                kinds.words()
            );
            return Err(Complaint::new(message, "correct the type, the pointer or the schema"));
        }
        Ok(kinds.plain_type().map_or(Seen::Open, Seen::Plain))
    }

    /// Whether anything can be found at a place.
    pub(crate) fn check_place(self, value: &ValueAt) -> Result<(), Complaint> {
        let ValueAt::Data(pointer) = value else { return Ok(()) };
        self.see(pointer, None).map(|_| ())
    }

    /// Whether a join key can be found at a place.
    pub(crate) fn check_key(self, value: &ValueAt, key_type: KeyType) -> Result<(), Complaint> {
        let ValueAt::Data(pointer) = value else { return Ok(()) };
        let wanted = match key_type {
            KeyType::Int64 => ValueType::Int64,
            KeyType::String => ValueType::String,
        };
        self.see(pointer, Some(wanted)).map(|_| ())
    }
}

/// Checks one feature; `None` if something is wrong with it, which is then told.
pub(crate) fn link_feature(
    declared: &FeatureDeclared<'_>,
    payload: Payload<'_>,
    problems: &mut Problems,
) -> Option<Feature> {
    let Given::Value(aggregate, aggregate_at) = &declared.aggregate else { return None };
    let wanted = match &declared.value_type {
        Given::Refused => {
            // The type is told already; the place can still be checked.
            check_place(aggregate, *aggregate_at, payload, problems);
            return None;
        }
        Given::Absent => None,
        Given::Value(value_type, at) => Some((*value_type, *at)),
    };
    let value_type = match type_of(declared, aggregate, wanted, payload) {
        Ok(value_type) => value_type?,
        Err(Wrong::Type(complaint)) => {
            problems.complain(wanted.map_or(declared.at, |(_, at)| at), complaint);
            return None;
        }
        Err(Wrong::Place(complaint)) => {
            problems.complain(*aggregate_at, complaint);
            return None;
        }
    };
    if let Err(complaint) = suits(aggregate, value_type) {
        problems.complain(wanted.map_or(*aggregate_at, |(_, at)| at), complaint);
        return None;
    }
    Some(Feature {
        name: declared.name.clone(),
        description: declared.description.clone(),
        value_type,
        aggregate: aggregate.clone(),
    })
}

/// Which of a feature's parts is wrong.
enum Wrong {
    Type(Complaint),
    Place(Complaint),
}

/// The place that an aggregate reads.
pub(crate) fn value_of(aggregate: &Aggregate) -> Option<&ValueAt> {
    match aggregate {
        Aggregate::CountAll | Aggregate::Written => None,
        Aggregate::Count(value)
        | Aggregate::Sum(value)
        | Aggregate::Mean(value)
        | Aggregate::Min(value)
        | Aggregate::Max(value)
        | Aggregate::First(value)
        | Aggregate::Last(value) => Some(value),
    }
}

fn check_place(aggregate: &Aggregate, at: At<'_>, payload: Payload<'_>, problems: &mut Problems) {
    if let Some(ValueAt::Data(pointer)) = value_of(aggregate)
        && let Err(complaint) = payload.see(pointer, None)
    {
        problems.complain(at, complaint);
    }
}

/// The feature's type; `Ok(None)` if what would tell it is wrong and told.
fn type_of(
    declared: &FeatureDeclared<'_>,
    aggregate: &Aggregate,
    wanted: Option<(ValueType, At<'_>)>,
    payload: Payload<'_>,
) -> Result<Option<ValueType>, Wrong> {
    let wanted = wanted.map(|(value_type, _)| value_type);
    let missing = |why: &str| {
        let message = format!("feature `{}` needs `type`", declared.name);
        let help = format!("{why}; add a type, as in type: float64");
        Err(Wrong::Type(Complaint::new(message, help)))
    };
    let only = |fixed: ValueType, what: &str| match wanted {
        Some(other) if other != fixed => {
            let message = format!("{what} cannot be {}", value_type_text(other));
            let help = format!("write type: {}, or leave it out", value_type_text(fixed));
            Err(Wrong::Type(Complaint::new(message, help)))
        }
        _ => Ok(Some(fixed)),
    };
    match (aggregate, value_of(aggregate)) {
        (Aggregate::Written, _) => match wanted {
            Some(value_type) => Ok(Some(value_type)),
            None => missing("nothing else tells the type of a value computed elsewhere"),
        },
        (Aggregate::CountAll, _) => only(ValueType::Int64, "a count"),
        (Aggregate::Count(ValueAt::Data(pointer)), _) => {
            payload.see(pointer, None).map_err(Wrong::Place)?;
            only(ValueType::Int64, "a count")
        }
        (Aggregate::Count(_), _) => only(ValueType::Int64, "a count"),
        (_, Some(ValueAt::Time)) => only(ValueType::Timestamp, "a time"),
        (_, Some(ValueAt::Subject)) => only(ValueType::String, "a subject"),
        (_, Some(ValueAt::Data(pointer))) => {
            match (wanted, payload.see(pointer, wanted).map_err(Wrong::Place)?) {
                (Some(value_type), _) | (None, Seen::Plain(value_type)) => Ok(Some(value_type)),
                (None, Seen::Open) if matches!(payload, Payload::Untold) => Ok(None),
                (None, Seen::Open) => missing("the schema does not tell it plainly"),
            }
        }
        (_, None) => Ok(None),
    }
}

fn suits(aggregate: &Aggregate, value_type: ValueType) -> Result<(), Complaint> {
    let text = value_type_text(value_type);
    match aggregate {
        Aggregate::Sum(_) | Aggregate::Mean(_) if !is_number(value_type) => Err(Complaint::new(
            format!("values of type {text} cannot be added"),
            "sum and mean take int64, float64 or decimal",
        )),
        Aggregate::Min(_) | Aggregate::Max(_) if !is_ordered(value_type) => Err(Complaint::new(
            format!("of two values of type {text} none is the greater"),
            "min and max take int64, float64, decimal, string or timestamp; try first or last",
        )),
        _ => Ok(()),
    }
}
