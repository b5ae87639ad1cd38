//! The model of effects: what is done in the world when an event comes, or when the clock says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An action in the world, as it is declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What it does.
    pub description: String,
    /// When it is done.
    pub trigger: EffectTrigger,
    /// What is done.
    pub kind: EffectKind,
    /// The event type that its result becomes, besides a row of `log.effects`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// How long, how often and how many at once.
    pub limits: EffectLimits,
}

/// When an effect is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectTrigger {
    /// For each event of a type that is accepted.
    On {
        /// The event type.
        event_type: String,
        /// What stands at places of the data, as text: one of each list.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        when: BTreeMap<String, Vec<String>>,
    },
    /// At the first tick at or after each multiple of a span since 1970, by the log's clock.
    Every {
        /// The span.
        every_ms: i64,
    },
}

/// What an effect does; each kind is carried out by a module of its own in the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// An HTTP call.
    Http(HttpEffect),
    /// A query, answered as of a tick: one row.
    Sql {
        /// The query.
        sql: String,
    },
    /// A program in a folder of its own.
    Command(CommandEffect),
}

/// An HTTP call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpEffect {
    /// The method.
    pub method: String,
    /// The URL; behind the host it may name secrets.
    pub url: String,
    /// Headers; their values may name secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What is sent as JSON; nothing if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<EffectInput>,
    /// Whether the host may have a private, loopback or link-local address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

/// A program and what it is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandEffect {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// The files that it finds in its folder, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, CommandInput>,
    /// The files that it leaves there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// Its environment; values may name secrets. There is nothing else in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// Where a program's file comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandInput {
    /// A text that is part of the declaration.
    Text(String),
    /// What is taken of the event, as JSON.
    Event(EffectInput),
}

/// What an effect is given of the event that causes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectInput {
    /// The whole event, as CloudEvents writes it.
    Event,
    /// Its data.
    Data,
    /// What a JSON pointer finds in its data.
    At(String),
}

/// How long an effect may take, how often it is tried, how many run at once. Spans are of the log's
/// clock, but for the timeout, which is of the process's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectLimits {
    /// How long one try may take.
    pub timeout_ms: i64,
    /// How long after its request it is given up.
    pub deadline_ms: i64,
    /// How often it is tried.
    pub attempts_max: u32,
    /// The pause after the first try that failed.
    pub backoff_first_ms: i64,
    /// By what each further pause is longer than the one before.
    pub backoff_factor: u32,
    /// The longest pause.
    pub backoff_max_ms: i64,
    /// How many of this effect run at once.
    pub concurrency_max: u32,
}

impl Default for EffectLimits {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            deadline_ms: 3_600_000,
            attempts_max: 5,
            backoff_first_ms: 1_000,
            backoff_factor: 2,
            backoff_max_ms: 300_000,
            concurrency_max: 4,
        }
    }
}

impl Effect {
    /// The hash that names this declaration: what was requested under it is done by it.
    pub fn hash(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        let hash = blake3::hash(&headwater_event::canonical_json(&value)).to_hex();
        hash.chars().take(32).collect()
    }

    /// The parts of the event that it is given.
    pub fn inputs(&self) -> Vec<&EffectInput> {
        match &self.kind {
            EffectKind::Http(http) => http.body.iter().collect(),
            EffectKind::Sql { .. } => Vec::new(),
            EffectKind::Command(command) => {
                let files = command.inputs.values();
                files
                    .filter_map(|input| match input {
                        CommandInput::Event(input) => Some(input),
                        CommandInput::Text(_) => None,
                    })
                    .collect()
            }
        }
    }
}

impl EffectKind {
    /// The word for it in declarations and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Sql { .. } => "sql",
            Self::Command(_) => "command",
        }
    }
}

impl EffectInput {
    /// How it is written, which names it among what an effect is given.
    pub fn name(&self) -> &str {
        match self {
            Self::Event => "event",
            Self::Data => "data",
            Self::At(pointer) => pointer,
        }
    }
}
