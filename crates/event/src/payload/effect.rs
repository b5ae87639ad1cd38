//! Effects: what should be done in the world, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// `headwater.effect.requested`: an event, or the clock, asks for an effect. Subject: the event's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectRequested {
    /// The effect.
    pub effect: String,
    /// The idempotency key: made of the effect's name and of what the cause is, never of where it stands.
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"))]
    pub key: String,
    /// The hash of the effect's declaration that holds for it.
    pub declaration: String,
    /// What asks for it.
    pub cause: EffectCause,
    /// What the effect is given of the event, by name: `event`, `data` or a JSON pointer.
    #[serde(default)]
    pub input: Value,
    /// The first tick that comes after the cause, in every partition.
    pub tick: u64,
    /// The multiple of its span that an effect of the clock is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<Timestamp>,
    /// How many multiples before it the clock passed over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// Why it can't be done at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The event that causes an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectCause {
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub id: String,
}

/// `headwater.effect.started`: the active process asks for the lease of one try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectStarted {
    /// The effect.
    pub effect: String,
    /// The idempotency key.
    pub key: String,
    /// The try, from 1.
    #[schemars(range(min = 1))]
    pub attempt: u32,
    /// The epoch of the process.
    pub epoch: u64,
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectOutcome {
    /// It was done.
    Succeeded,
    /// It was not, and may be tried again.
    Failed,
    /// It was not, and trying again would not help.
    Refused,
}

/// `headwater.effect.finished`: one try ended. Whether another follows is for the fold to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectFinished {
    /// The effect.
    pub effect: String,
    /// The idempotency key.
    pub key: String,
    /// The try.
    #[schemars(range(min = 1))]
    pub attempt: u32,
    /// The epoch of the process.
    pub epoch: u64,
    /// How it ended.
    pub outcome: EffectOutcome,
    /// In short, as the world said it: an HTTP status, an exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What came back.
    #[serde(default)]
    pub output: Value,
}

/// `headwater.effect.completed`: nothing more will be done about an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectCompleted {
    /// The effect.
    pub effect: String,
    /// The idempotency key.
    pub key: String,
    /// `succeeded`, `failed`, `expired` or `cancelled`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `headwater.effect.cancel_requested`, subject: the effect's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectCancelRequested {
    /// The effect.
    #[schemars(length(min = 1))]
    pub effect: String,
    /// The idempotency key.
    #[schemars(length(min = 1))]
    pub key: String,
}
