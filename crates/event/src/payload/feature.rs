//! Feature values that were computed elsewhere.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `headwater.feature.written`: values of one entity for a feature view declared `from: written`.
/// The event's time is the moment at which the values hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureWritten {
    /// The feature view.
    pub feature_view: String,
    /// The join keys of the entity, by name.
    pub entity: BTreeMap<String, Value>,
    /// The values, by feature; features that are not named keep what they had.
    pub values: BTreeMap<String, Value>,
}
