//! The declared steps of one app's type, from each of its versions to the newest.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jsonschema::Validator;
use serde_json::Value;

use super::Step;
use crate::{Event, Reason, Refusal, limits::PAYLOAD_DEPTH_MAX, schema::violations_of};

/// How payloads of a declared type become those of its newest version.
#[derive(Clone, Default)]
pub struct Chain {
    /// The steps by the version that they lead to; a version without an entry takes payloads as they
    /// are.
    steps: Arc<BTreeMap<u32, Vec<Step>>>,
    versions: Arc<BTreeMap<u32, Validator>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Chain {
    pub(crate) fn new(versions: BTreeMap<u32, Validator>, steps: BTreeMap<u32, Vec<Step>>) -> Self {
        Self { steps: Arc::new(steps), versions: Arc::new(versions) }
    }

    /// The newest declared version.
    pub fn newest(&self) -> u32 {
        self.versions.keys().next_back().copied().unwrap_or(1)
    }

    pub(crate) fn validator(&self, version: u32) -> Option<&Validator> {
        self.versions.get(&version)
    }

    /// The event in the newest version; `None` if it is so already, or if it is taken as it is
    /// because no steps are declared on the way.
    pub fn upcast(&self, event: &Event) -> Result<Option<Event>, Refusal> {
        let Some(from) = event.schema_version() else { return Ok(None) };
        let newest = self.newest();
        if from >= newest {
            return Ok(None);
        }
        let mut ahead = self.steps.range(from + 1..=newest).peekable();
        if ahead.peek().is_none() {
            return Ok(None);
        }
        let mut data = event.data.clone();
        for (version, steps) in ahead {
            run(steps, &mut data).map_err(|what| refusal(event, *version, &what))?;
        }
        if let Some(validator) = self.versions.get(&newest).filter(|v| !v.is_valid(&data)) {
            let violations = violations_of(validator, &data);
            let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
            let refusal = refusal(event, newest, &told.join("; "));
            return Err(Refusal { violations, ..refusal });
        }
        Ok(Some(Event { data, ..event.clone() }.in_schema(newest)))
    }

    /// A payload of the version before `version` as one of `version`, checked by its schema.
    pub fn step_to(&self, version: u32, mut data: Value) -> Result<Value, String> {
        if let Some(steps) = self.steps.get(&version) {
            run(steps, &mut data)?;
        }
        let Some(validator) = self.versions.get(&version) else {
            return Err(format!("there is no v{version}"));
        };
        let told: Vec<String> =
            violations_of(validator, &data).iter().map(ToString::to_string).collect();
        if told.is_empty() { Ok(data) } else { Err(told.join("; ")) }
    }
}

fn run(steps: &[Step], data: &mut Value) -> Result<(), String> {
    steps.iter().try_for_each(|step| step.apply(data))?;
    match depth(data) > PAYLOAD_DEPTH_MAX {
        true => Err(format!("the steps nest it deeper than {PAYLOAD_DEPTH_MAX} levels")),
        false => Ok(()),
    }
}

fn refusal(event: &Event, version: u32, what: &str) -> Refusal {
    let detail = format!("{} can't be read as v{version}: {what}", event.event_type);
    Refusal::new(Reason::SchemaViolation, detail)
}

/// How many levels there are; without recursion, since that is what it guards.
fn depth(data: &Value) -> usize {
    let mut level = vec![data];
    let mut levels = 0;
    while !level.is_empty() {
        levels += 1;
        let below = level.into_iter().flat_map(|value| match value {
            Value::Array(items) => items.iter().collect::<Vec<_>>(),
            Value::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        });
        level = below.collect();
    }
    levels
}
