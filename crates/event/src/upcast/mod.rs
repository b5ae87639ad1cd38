//! Older payloads to newer ones: what a reader sees is always the newest version of a type.
//!
//! A payload stays on the log as it was written; `dataschema` tells its version. On the way to a fold
//! each version is made the next one, v1 to v2 to v3, for ever. For built-in types that is code, one
//! module a type; apps declare [`Step`]s in their topology. Both are pure: the same payload gives the
//! same newer payload whenever it is read.
//!
//! A new version of a built-in type: keep `vN.json` and its sample, name the new version in the
//! catalog, change the Rust type, `cargo xtask schemas`, and add the function here.

mod chain;
mod metric_logged;
mod place;
mod step;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use chain::Chain;
pub use step::Step;

use crate::{
    Event, Reason, Refusal,
    catalog::{self, names},
};

/// Makes a payload of one version one of the next; the text says why it can't.
type Upcaster = fn(Value) -> Result<Value, String>;

/// The upcasters of a built-in type: the first makes v2 of v1.
fn upcasters(event_type: &str) -> &'static [Upcaster] {
    match event_type {
        names::METRIC_LOGGED => &[metric_logged::v1_to_v2],
        _ => &[],
    }
}

/// The payload of a built-in type in its newest version, given in version `from`.
pub fn upcast(event_type: &str, from: u32, data: Value) -> Result<Value, Refusal> {
    run(upcasters(event_type), from, data).map_err(|what| {
        let detail = format!("the payload of {event_type} v{from} has no newer form: {what}");
        Refusal::new(Reason::SchemaViolation, detail)
    })
}

fn run(upcasters: &[Upcaster], from: u32, data: Value) -> Result<Value, String> {
    let passed = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
    upcasters.iter().skip(passed).try_fold(data, |data, upcaster| upcaster(data))
}

/// The event as the newest version of its built-in type would tell it; `None` if it is of it already.
pub(crate) fn newest_built_in(event: &Event) -> Result<Option<Event>, Refusal> {
    let newest = catalog::built_in(&event.event_type).map_or(1, catalog::BuiltIn::newest);
    match event.schema_version() {
        Some(version) if version < newest => {
            let data = upcast(&event.event_type, version, event.data.clone())?;
            Ok(Some(Event { data, ..event.clone() }.in_newest_schema()))
        }
        _ => Ok(None),
    }
}

impl Event {
    /// The payload of a built-in type as its Rust type, whatever version it came in.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let newer = newest_built_in(self)?;
        let data = newer.as_ref().map_or(&self.data, |newer| &newer.data);
        T::deserialize(data)
            .map_err(|error| Refusal::new(Reason::SchemaViolation, format!("payload: {error}")))
    }

    /// Says in `dataschema` that the payload is of the newest version of its built-in type.
    ///
    /// Says nothing where that is version 1, as a missing `dataschema` means it.
    #[must_use]
    pub fn in_newest_schema(self) -> Self {
        let newest = catalog::built_in(&self.event_type).map_or(1, catalog::BuiltIn::newest);
        self.in_schema(newest)
    }

    /// Says in `dataschema` which version of its type's schema the payload is of.
    #[must_use]
    pub fn in_schema(self, version: u32) -> Self {
        let uri = format!("headwater:schemas/{}/v{version}", self.event_type);
        Self { dataschema: (version > 1).then_some(uri), ..self }
    }
}

#[cfg(test)]
mod tests;
