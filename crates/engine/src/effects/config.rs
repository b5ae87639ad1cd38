//! What an operator lets effects do.

use std::{fmt, sync::Arc};

use super::AllowedHost;

/// What effects may do in the world. By default none is done: whoever opens a folder for a moment, to send
/// events or to apply a topology, leaves them to the next server.
#[derive(Debug, Clone, Default)]
pub struct EffectsConfig {
    /// Whether effects are done at all.
    pub run: bool,
    /// The hosts that may be called.
    pub allow: Vec<AllowedHost>,
    /// Whether programs may be run.
    pub commands: bool,
    /// Told of each step of each try; for tests that stop a process between two of them.
    pub watch: Option<EffectWatch>,
}

/// The steps of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectStep {
    /// It is due; nothing of it is on the log yet.
    Due,
    /// The lease is granted; nothing was done yet.
    Started,
    /// It was done; the result is not on the log yet.
    Called,
    /// The result is on the log; it may not be folded yet.
    Finished,
}

/// Told of the steps of tries, with the effect's name; on `false` the try stops there for good, as if the
/// process had ended.
#[derive(Clone)]
pub struct EffectWatch(pub Arc<Watched>);

/// Is told of a step of an effect, by its key; whether to go on.
pub(super) type Watched = dyn Fn(EffectStep, &str) -> bool + Send + Sync;

impl fmt::Debug for EffectWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EffectWatch")
    }
}
