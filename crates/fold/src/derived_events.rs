//! Events that follow from events as the topology declares it: repartitions above all.
//!
//! A derived event has the time of its cause, and an id made of the cause's: it is the same event however many
//! partitions there are, and whatever stands around it.

use headwater_event::{Event, PartitionId, Timestamp, partition_for};
use headwater_topology::{DerivedEvent, Topology, ValueAt};
use serde_json::{Map, Value};

use crate::{Derived, Fold, Head, StoredRows};

/// Publishes what follows from the event of this fold.
pub(crate) fn follow<R: StoredRows>(fold: &mut Fold<'_, R>, topology: &Topology) {
    for (event_type, declared) in &topology.derived_events {
        if declared.from != fold.event.event_type || !passes(declared, &fold.event.data) {
            continue;
        }
        match derive(event_type, declared, fold.event, fold.event_time, fold.head) {
            Some(derived) => fold.derive(derived),
            None => fold.view_mismatch(event_type, "the derived event's subject is missing"),
        }
    }
}

/// Whether each place that is asked for holds one of its values.
fn passes(declared: &DerivedEvent, data: &Value) -> bool {
    declared.when.iter().all(|(pointer, values)| {
        let found = data.pointer(pointer).unwrap_or(&Value::Null);
        values.contains(found)
    })
}

fn derive(
    event_type: &str,
    declared: &DerivedEvent,
    cause: &Event,
    time: Timestamp,
    head: &Head,
) -> Option<Derived> {
    let subject = match &declared.subject {
        ValueAt::Subject => cause.subject.clone(),
        ValueAt::Time => return None,
        ValueAt::Data(pointer) => match cause.data.pointer(pointer)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        },
    };
    if subject.is_empty() {
        return None;
    }
    let data = match &declared.data {
        None => cause.data.clone(),
        Some(fields) => {
            let found = fields.iter().filter_map(|(name, at)| {
                let value = match at {
                    ValueAt::Subject => Value::String(cause.subject.clone()),
                    ValueAt::Time => Value::String(time.to_string()),
                    ValueAt::Data(pointer) => cause.data.pointer(pointer)?.clone(),
                };
                Some((name.clone(), value))
            });
            Value::Object(found.collect::<Map<_, _>>())
        }
    };
    let partitions = head.log.as_ref().map_or(1, |log| log.partitions);
    let to = PartitionId::Data(partition_for(subject.as_bytes(), partitions));
    let id: String = cause.id_hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let source = format!("headwater/derived_events/{event_type}");
    let mut event = Event::new(id, source, event_type, subject, data);
    event.project.clone_from(&cause.project);
    event.time = Some(time);
    event.cause_id = Some(cause.id.clone());
    event.correlation_id.clone_from(&cause.correlation_id);
    event.traceparent.clone_from(&cause.traceparent);
    Some(Derived { to, event })
}
