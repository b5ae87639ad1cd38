//! The schemas that hold: built in and declared, compiled once.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jsonschema::Validator;
use serde_json::Value;

use crate::{
    Event, Reason, Refusal, Violation,
    catalog::{BUILT_IN, built_in},
    limits::VIOLATIONS_MAX,
    upcast::{self, Chain, Step},
};

/// The compiled schemas of every known type and version.
#[derive(Clone)]
pub struct Schemas {
    /// By type, in the order of versions from 1.
    built_in: Arc<BTreeMap<&'static str, Vec<Validator>>>,
    declared: BTreeMap<String, Chain>,
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

/// An app's own type: its schemas, and the steps that lead to each version.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredType<'a> {
    /// Its name.
    pub name: &'a str,
    /// The JSON Schema of each version.
    pub schemas: &'a BTreeMap<u32, Value>,
    /// The steps that make a payload of the version before one of this version.
    pub upcasts: &'a BTreeMap<u32, Vec<Step>>,
}

impl Schemas {
    /// The built-in types alone.
    pub fn built_in() -> Result<Self, BadSchema> {
        let mut compiled: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for built_in in BUILT_IN {
            for (version, text) in (1..).zip(built_in.versions) {
                let bad =
                    |message| BadSchema { event_type: built_in.name.to_owned(), version, message };
                let schema: Value =
                    serde_json::from_str(text.schema).map_err(|error| bad(error.to_string()))?;
                let validator = compile(&schema).map_err(bad)?;
                compiled.entry(built_in.name).or_default().push(validator);
            }
        }
        Ok(Self { built_in: Arc::new(compiled), declared: BTreeMap::new() })
    }

    /// The built-in types and these declared ones, instead of those declared before.
    pub fn with_declared<'a>(
        &self,
        declared: impl IntoIterator<Item = DeclaredType<'a>>,
    ) -> Result<Self, BadSchema> {
        let mut all = BTreeMap::new();
        for DeclaredType { name, schemas, upcasts } in declared {
            let mut versions = BTreeMap::new();
            for (version, schema) in schemas {
                let validator = compile(schema).map_err(|message| BadSchema {
                    event_type: name.to_owned(),
                    version: *version,
                    message,
                })?;
                versions.insert(*version, validator);
            }
            all.insert(name.to_owned(), Chain::new(versions, upcasts.clone()));
        }
        Ok(Self { built_in: Arc::clone(&self.built_in), declared: all })
    }

    /// The versions of a declared type.
    pub fn chain(&self, event_type: &str) -> Option<&Chain> {
        self.declared.get(event_type)
    }

    /// Checks that the event's type is known, that its payload fits the schema of its version, and
    /// that readers of the newest version can read it; all violations are told at once.
    pub fn check(&self, event: &Event) -> Result<(), Refusal> {
        self.admit(event).map(|_| ())
    }

    /// Checks the event, and gives it as the newest version of its type tells it; `None` if it is of
    /// that version already.
    pub fn admit(&self, event: &Event) -> Result<Option<Event>, Refusal> {
        self.check_version(event)?;
        match self.declared.get(&event.event_type) {
            Some(chain) => chain.upcast(event),
            None => upcast::newest_built_in(event),
        }
    }

    /// Checks the event by the schema of its own version alone.
    pub fn check_version(&self, event: &Event) -> Result<(), Refusal> {
        let validator = self.validator(event)?;
        if validator.is_valid(&event.data) {
            return Ok(());
        }
        let violations = violations_of(validator, &event.data);
        let places = violations.len();
        let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
        Err(Refusal {
            reason: Reason::SchemaViolation,
            detail: format!(
                "the payload violates the schema of {} in {places} place{}: {}",
                event.event_type,
                if places == 1 { "" } else { "s" },
                told.join("; ")
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
        let found = if built_in(&event.event_type).is_some() {
            let index = usize::try_from(version).ok().and_then(|version| version.checked_sub(1));
            let versions = self.built_in.get(&*event.event_type);
            versions.zip(index).and_then(|(versions, index)| versions.get(index))
        } else {
            let Some(chain) = self.declared.get(&event.event_type) else {
                let detail = format!("no event type {:?} is declared", event.event_type);
                return Err(Refusal::new(Reason::UnknownType, detail));
            };
            chain.validator(version)
        };
        found.ok_or_else(|| {
            let detail = format!("{} has no schema v{version}", event.event_type);
            Refusal::new(Reason::UnknownSchemaVersion, detail)
        })
    }
}

/// What a schema finds wrong with a payload, as much as helps.
pub(crate) fn violations_of(validator: &Validator, data: &Value) -> Vec<Violation> {
    validator
        .iter_errors(data)
        .take(VIOLATIONS_MAX)
        .map(|error| Violation {
            pointer: error.instance_path().to_string(),
            message: error.to_string(),
        })
        .collect()
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| error.to_string())
}
