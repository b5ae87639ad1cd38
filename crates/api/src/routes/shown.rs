//! A record of the log as people see it.

use headwater_engine::Engine;
use headwater_event::{Event, PartitionId, Record, Refusal, Timestamp, Verifier, decode};
use serde_json::{Map, Value, json};

/// Shows records; knows whose word an `actor` is.
#[derive(Debug)]
pub(super) struct Shower {
    verifier: Option<Verifier>,
}

impl Shower {
    pub(super) fn new(engine: &Engine) -> Self {
        let status = engine.status();
        let control = status.iter().find(|partition| partition.id == PartitionId::Control);
        let log = control.and_then(|control| control.head.log.as_ref());
        Self { verifier: log.and_then(|log| Verifier::new(&log.verifying_key, log.log_id.clone())) }
    }

    /// The event of a record. An actor that the server did not sign for is only claimed.
    pub(super) fn event(&self, record: &Record) -> Result<Event, Refusal> {
        let mut event = decode(&record.body)?;
        let signed = self.verifier.as_ref().is_some_and(|verifier| {
            matches!(verifier.epoch_of(record.partition, &record.body), Ok(Some(_)))
        });
        if !signed {
            event.claimed_actor = event.actor.take().or(event.claimed_actor.take());
        }
        Ok(event)
    }
}

/// `{"event" or "dead": {…}, "partition": "0", "offset": 12, "appended_at": "…"}`.
pub(super) fn placed(record: &Record, event: &Result<Event, Refusal>) -> Map<String, Value> {
    let mut object = Map::new();
    match event {
        Ok(event) => object.insert("event".to_owned(), event.to_json()),
        Err(refusal) => object.insert(
            "dead".to_owned(),
            json!({"reason": refusal.reason.name(), "detail": refusal.detail}),
        ),
    };
    object.insert("partition".to_owned(), record.partition.to_string().into());
    object.insert("offset".to_owned(), record.offset.0.into());
    object.insert("appended_at".to_owned(), appended_at(record).into());
    object
}

/// The event with its place as extensions, as an element of a batch.
pub(super) fn with_place(record: &Record, event: &Event) -> Value {
    let mut object = event.to_json();
    if let Value::Object(fields) = &mut object {
        fields.insert("hwpartition".to_owned(), record.partition.to_string().into());
        fields.insert("hwoffset".to_owned(), record.offset.to_string().into());
        fields.insert("hwappendedat".to_owned(), appended_at(record).into());
    }
    object
}

fn appended_at(record: &Record) -> String {
    Timestamp::from_millis(record.appended_at_ms).to_string()
}
