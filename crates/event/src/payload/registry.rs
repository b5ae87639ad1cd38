//! Registered models, their versions and aliases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Artifact;

/// `headwater.registered_model.create_requested`, subject: the model's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisteredModelCreateRequested {
    /// Unique in the project.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// `headwater.registered_model.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisteredModelCreated {
    /// The model.
    pub name: String,
}

/// `headwater.model_version.create_requested`, subject: the model's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelVersionCreateRequested {
    /// The model.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The run that trained it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The model's bytes, uploaded before.
    pub artifact: Artifact,
    /// What is particular about this version.
    #[serde(default)]
    pub description: String,
}

/// `headwater.model_version.created`: the fold assigned the number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelVersionCreated {
    /// The model.
    pub name: String,
    /// Counted from 1 in each model.
    pub version: i64,
    /// The SHA-256 of the model's bytes.
    pub sha256: String,
}

/// `headwater.model_alias.set_requested`, subject: the model's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelAliasSetRequested {
    /// The model.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The alias, such as `champion`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_\-]{1,255}$"))]
    pub alias: String,
    /// The version that it shall name.
    #[schemars(range(min = 1))]
    pub version: i64,
    /// If given, the alias is moved only if it names this version now; 0 means: only if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub expected_version: Option<i64>,
}

/// `headwater.model_alias.set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelAliasSet {
    /// The model.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// The version that it names.
    pub version: i64,
    /// The version that it named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<i64>,
}

/// `headwater.model_alias.remove_requested`, subject: the model's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelAliasRemoveRequested {
    /// The model.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The alias.
    #[schemars(length(min = 1, max = 255))]
    pub alias: String,
}

/// `headwater.model_alias.removed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelAliasRemoved {
    /// The model.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// The version that it named.
    pub version: i64,
}
