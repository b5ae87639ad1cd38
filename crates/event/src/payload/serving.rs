//! Predictions, labels and rollouts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `headwater.prediction.made`, subject: the request's id. One event a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionMade {
    /// The request, by which a label joins later.
    #[schemars(length(min = 1, max = 256))]
    pub prediction_id: String,
    /// The model.
    #[schemars(length(min = 1, max = 256))]
    pub model: String,
    /// Its version.
    #[schemars(range(min = 1))]
    pub model_version: i64,
    /// What the prediction is about, by join key.
    #[serde(default)]
    pub entity: BTreeMap<String, Value>,
    /// What the model was given.
    pub inputs: BTreeMap<String, Value>,
    /// What the model answered.
    pub outputs: BTreeMap<String, Value>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub latency_ms: Option<f64>,
}

/// `headwater.label.observed`, subject: the request's id: what was true after all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelObserved {
    /// The request that the label belongs to.
    #[schemars(length(min = 1, max = 256))]
    pub prediction_id: String,
    /// What was observed: a truth, a number, a class.
    pub label: Value,
}

/// `headwater.rollout.change_requested`, subject: the rollout's name. The whole new state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutChangeRequested {
    /// The rollout; it comes to be with its first change.
    #[schemars(length(min = 1, max = 256))]
    pub rollout: String,
    /// The model whose versions share the traffic.
    #[schemars(length(min = 1, max = 256))]
    pub model: String,
    /// Who gets how much; together 100 %.
    #[schemars(length(min = 1, max = 16))]
    pub shares: Vec<TrafficShare>,
    /// Whether a subject keeps the version that it was once given.
    #[serde(default)]
    pub sticky: bool,
    /// If given, the change applies only to this revision of the rollout; 0 means: only if it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub expected_revision: Option<i64>,
}

/// A version's share of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficShare {
    /// The version of the model.
    #[schemars(range(min = 1))]
    pub version: i64,
    /// Its share: 0 turns it off, 100 gives it all.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub percent: f64,
}

/// `headwater.rollout.changed`: the fold counted the revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutChanged {
    /// The rollout.
    pub rollout: String,
    /// The model.
    pub model: String,
    /// Who gets how much.
    pub shares: Vec<TrafficShare>,
    /// Whether a subject keeps its version.
    pub sticky: bool,
    /// Counted from 1.
    pub revision: i64,
}
