//! How far a snapshot or a restore has come.

use serde::{Deserialize, Serialize};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Files are hashed, to see which of them are kept already.
    Hashing,
    /// Files are written to the snapshots' place.
    Uploading,
    /// Files are read from there and checked.
    Downloading,
}

/// How far a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes to be done.
    pub bytes_all: u64,
}

/// Whom progress is told.
pub(crate) type Told<'a> = &'a (dyn Fn(Progress) + Send + Sync);
