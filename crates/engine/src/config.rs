//! What an engine is told when it is opened.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use headwater_event::{Timestamp, payload::ClockMode};
use headwater_log::{ReadLimits, Topics};

use crate::Steps;

use crate::EffectsConfig;

/// Builders that work at once unless told otherwise: folding live events goes before.
const BUILDERS: usize = 2;

/// A producer that sends now and then has sent again by then.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// How an engine runs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// A name for people, kept in `headwater.writer.claimed`.
    pub process: String,
    /// Where a new log's time comes from; an existing log keeps its own.
    pub clock: ClockMode,
    /// A new log's time at its start; the wall clock if missing.
    pub opened_at: Option<Timestamp>,
    /// Where the key is kept that control records are signed with.
    pub keys_dir: PathBuf,
    /// Where the history of new views is folded beside the store; emptied at each start.
    pub scratch_dir: PathBuf,
    /// Bounds of a fold's batch.
    pub fold_limits: ReadLimits,
    /// How many builders fold the history of new versions of views at once; with 0 it waits.
    pub builders: usize,
    /// A partition that no event came to for so long holds no watermark back.
    pub idle_after: Duration,
    /// Who is told of the steps of writing and publishing.
    pub steps: Steps,
    /// Where the topics of sources and publications are; without, none is read or written.
    pub topics: Option<Arc<dyn Topics>>,
    /// How long a caller waits for an outcome before it is told that it is pending.
    pub outcome_timeout: Duration,
    /// What effects may do in the world.
    pub effects: EffectsConfig,
}

impl EngineConfig {
    /// The settings of a server on this data folder.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            process: format!("headwater, process {}", std::process::id()),
            clock: ClockMode::Live,
            opened_at: None,
            keys_dir: data_dir.join("keys"),
            scratch_dir: data_dir.join("scratch"),
            fold_limits: ReadLimits::default(),
            builders: BUILDERS,
            idle_after: IDLE_AFTER,
            steps: Steps::default(),
            topics: None,
            outcome_timeout: Duration::from_secs(30),
            effects: EffectsConfig::default(),
        }
    }
}
