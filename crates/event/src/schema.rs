//! The schemas that hold: built in and declared, compiled once.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jsonschema::Validator;
use serde_json::Value;

use crate::{
    Event, Reason, Refusal, Violation,
    catalog::{BUILT_IN, BuiltIn, built_in},
    limits::VIOLATIONS_MAX,
};

/// The compiled schemas of every known type and version.
#[derive(Clone)]
pub struct Schemas {
    built_in: Arc<BTreeMap<&'static str, Validator>>,
    declared: BTreeMap<String, BTreeMap<u32, Arc<Validator>>>,
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schemas").field("declared", &self.declared.keys()).finish_non_exhaustive()
    }
}

/// A JSON Schema that does not compile.
#[derive(Debug, thiserror::Error)]
#[error("schema of {event_type} v{version}: {message}")]
pub struct BadSchema {
    event_type: String,
    version: u32,
    message: String,
}

impl Schemas {
    /// The built-in types alone.
    pub fn built_in() -> Result<Self, BadSchema> {
        let mut compiled = BTreeMap::new();
        for BuiltIn { name, schema, .. } in BUILT_IN {
            let bad =
                |message: String| BadSchema { event_type: (*name).to_owned(), version: 1, message };
            let schema: Value = serde_json::from_str(schema).map_err(|e| bad(e.to_string()))?;
            compiled.insert(*name, compile(&schema).map_err(bad)?);
        }
        Ok(Self { built_in: Arc::new(compiled), declared: BTreeMap::new() })
    }

    /// The built-in types and these declared ones, instead of those declared before.
    pub fn with_declared<'a>(
        &self,
        declared: impl IntoIterator<Item = (&'a str, u32, &'a Value)>,
    ) -> Result<Self, BadSchema> {
        let mut all: BTreeMap<String, BTreeMap<u32, Arc<Validator>>> = BTreeMap::new();
        for (event_type, version, schema) in declared {
            let validator = compile(schema).map_err(|message| BadSchema {
                event_type: event_type.to_owned(),
                version,
                message,
            })?;
            all.entry(event_type.to_owned()).or_default().insert(version, Arc::new(validator));
        }
        Ok(Self { built_in: Arc::clone(&self.built_in), declared: all })
    }

    /// Checks that the event's type is known and that its payload fits the schema; all violations
    /// are told at once.
    pub fn check(&self, event: &Event) -> Result<(), Refusal> {
        let validator = self.validator(event)?;
        if validator.is_valid(&event.data) {
            return Ok(());
        }
        let violations: Vec<Violation> = validator
            .iter_errors(&event.data)
            .take(VIOLATIONS_MAX)
            .map(|error| Violation {
                pointer: error.instance_path().to_string(),
                message: error.to_string(),
            })
            .collect();
        let places = violations.len();
        Err(Refusal {
            reason: Reason::SchemaViolation,
            detail: format!(
                "the payload violates the schema of {} in {places} place{}: {}",
                event.event_type,
                if places == 1 { "" } else { "s" },
                violations
                    .iter()
                    .map(|v| format!(
                        "{}: {}",
                        if v.pointer.is_empty() { "/" } else { &v.pointer },
                        v.message
                    ))
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
            violations,
        })
    }

    fn validator(&self, event: &Event) -> Result<&Validator, Refusal> {
        let version = event.schema_version().ok_or_else(|| {
            Refusal::new(
                Reason::UnknownSchemaVersion,
                format!(
                    "dataschema {:?} does not end in a version such as v1",
                    event.dataschema.as_deref().unwrap_or_default()
                ),
            )
        })?;
        let unknown_version = || {
            let detail = format!("{} has no schema v{version}", event.event_type);
            Refusal::new(Reason::UnknownSchemaVersion, detail)
        };
        if built_in(&event.event_type).is_some() {
            let validator = self.built_in.get(&*event.event_type).filter(|_| version == 1);
            return validator.ok_or_else(unknown_version);
        }
        let Some(versions) = self.declared.get(&event.event_type) else {
            let detail = format!("no event type {:?} is declared", event.event_type);
            return Err(Refusal::new(Reason::UnknownType, detail));
        };
        versions.get(&version).map(AsRef::as_ref).ok_or_else(unknown_version)
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| error.to_string())
}
