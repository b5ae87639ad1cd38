//! Experiments, runs, parameters, metrics, tags.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `headwater.experiment.create_requested`, subject: the experiment's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentCreateRequested {
    /// Unique in the project.
    #[schemars(length(min = 1, max = 500))]
    pub name: String,
}

/// `headwater.experiment.created`: the fold assigned a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentCreated {
    /// The number, in decimal digits, unique in the project.
    pub experiment_id: String,
    /// The name.
    pub name: String,
}

/// `headwater.run.create_requested`, subject: the run's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCreateRequested {
    /// Chosen by the client, unique in the project.
    #[schemars(length(min = 1, max = 64))]
    pub run_id: String,
    /// The name of the experiment that it belongs to.
    #[schemars(length(min = 1, max = 500))]
    pub experiment: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `headwater.run.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCreated {
    /// The run.
    pub run_id: String,
    /// The number of its experiment.
    pub experiment_id: String,
    /// The name of its experiment.
    pub experiment: String,
}

/// `headwater.param.log_requested`, subject: the run's id. A parameter is logged once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamLogRequested {
    /// The run.
    #[schemars(length(min = 1, max = 64))]
    pub run_id: String,
    /// The parameter's name.
    #[schemars(length(min = 1, max = 250))]
    pub key: String,
    /// Its value.
    #[schemars(length(max = 6000))]
    pub value: String,
}

/// `headwater.param.logged`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamLogged {
    /// The run.
    pub run_id: String,
    /// The parameter's name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// How many values one event may log: as many as trackers send in one batch.
pub const METRICS_MAX: usize = 1_000;

/// `headwater.metric.logged`, subject: the run's id. An observation: it is never refused for its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricLogged {
    /// The run.
    #[schemars(length(min = 1, max = 64))]
    pub run_id: String,
    /// What was measured, in the order in which it counts.
    #[schemars(length(min = 1, max = METRICS_MAX))]
    pub metrics: Vec<Metric>,
}

/// One value of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The metric's name.
    #[schemars(length(min = 1, max = 250))]
    pub key: String,
    /// The value, NaN and infinities as text.
    pub value: MetricValue,
    /// The training step; may be negative.
    #[serde(default)]
    pub step: i64,
    /// When the value was measured; the event's time if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
}

/// A number, or one of the texts `NaN`, `Infinity`, `-Infinity`, which JSON has no number for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MetricValue {
    /// A finite number.
    Number(f64),
    /// What is not a finite number.
    Special(SpecialNumber),
}

/// The numbers that JSON can't write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpecialNumber {
    /// Not a number.
    NaN,
    /// Positive infinity.
    Infinity,
    /// Negative infinity.
    #[serde(rename = "-Infinity")]
    NegativeInfinity,
}

impl MetricValue {
    /// The float that is meant; every NaN is the same NaN.
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Number(value) => value,
            Self::Special(SpecialNumber::NaN) => f64::NAN,
            Self::Special(SpecialNumber::Infinity) => f64::INFINITY,
            Self::Special(SpecialNumber::NegativeInfinity) => f64::NEG_INFINITY,
        }
    }
}

impl From<f64> for MetricValue {
    fn from(value: f64) -> Self {
        if value.is_nan() {
            Self::Special(SpecialNumber::NaN)
        } else if value == f64::INFINITY {
            Self::Special(SpecialNumber::Infinity)
        } else if value == f64::NEG_INFINITY {
            Self::Special(SpecialNumber::NegativeInfinity)
        } else {
            Self::Number(value)
        }
    }
}

impl PartialEq for MetricValue {
    fn eq(&self, other: &Self) -> bool {
        self.to_f64().total_cmp(&other.to_f64()).is_eq()
    }
}

/// `headwater.run_tag.set_requested`, subject: the run's id. The last value counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunTagSetRequested {
    /// The run.
    #[schemars(length(min = 1, max = 64))]
    pub run_id: String,
    /// The tag's name.
    #[schemars(length(min = 1, max = 250))]
    pub key: String,
    /// Its value.
    #[schemars(length(max = 8000))]
    pub value: String,
}

/// `headwater.run_tag.set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunTagSet {
    /// The run.
    pub run_id: String,
    /// The tag's name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// It did what it was to do.
    Finished,
    /// It broke.
    Failed,
    /// Someone stopped it.
    Killed,
}

/// `headwater.run.finish_requested`, subject: the run's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinishRequested {
    /// The run.
    #[schemars(length(min = 1, max = 64))]
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// Files that the run made, each uploaded before it is named here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
}

/// A file kept outside the log, named by its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its path in the run.
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
    /// The SHA-256 of its bytes, in lower-case hex.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Its length.
    pub size_bytes: u64,
}

/// `headwater.run.finished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinished {
    /// The run.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
}
