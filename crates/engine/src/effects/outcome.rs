//! How one try ended, as its kind tells it.

use headwater_event::payload::EffectOutcome;
use serde_json::Value;

/// What is told of an error: enough to see what it was.
const ERROR_CHARS_MAX: usize = 1_000;

/// How a try ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: EffectOutcome,
    pub(crate) status: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) output: Value,
}

impl Ended {
    /// It was done.
    pub(crate) fn done(output: Value) -> Self {
        Self { outcome: EffectOutcome::Succeeded, status: None, error: None, output }
    }

    /// It was not done, and may be tried again.
    pub(crate) fn failed(why: impl std::fmt::Display) -> Self {
        Self::not_done(EffectOutcome::Failed, &why)
    }

    /// It was not done, and trying again would not help.
    pub(crate) fn refused(why: impl std::fmt::Display) -> Self {
        Self::not_done(EffectOutcome::Refused, &why)
    }

    fn not_done(outcome: EffectOutcome, why: &dyn std::fmt::Display) -> Self {
        let error = why.to_string().chars().take(ERROR_CHARS_MAX).collect();
        Self { outcome, status: None, error: Some(error), output: Value::Null }
    }

    pub(crate) fn with_status(self, status: impl Into<String>) -> Self {
        Self { status: Some(status.into()), ..self }
    }

    pub(crate) fn with_output(self, output: Value) -> Self {
        Self { output, ..self }
    }
}
