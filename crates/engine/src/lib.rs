//! Log to fold to store: the shell that makes the pure folds live.
//!
//! The way of an event: [`Engine::submit`] checks it at the edge and appends it; a thread per
//! partition reads the log, folds, and commits rows and position in one batch; whoever waits is told
//! the outcome; the outbox publishes what follows. Reads take a [`Moment`](headwater_query::Moment).
//!
//! **Invariants.** Only this crate joins log, fold and store. A partition resumes from the position in
//! its store, after checking it against the log's bytes. The outbox publishes in order and removes
//! only what the target's log has acknowledged. One process is active: what an older epoch writes to
//! control is refused by the fold.
//!
//! Not here: what an event means (`headwater-fold`), HTTP (`headwater-api`). Start reading at
//! [`Engine`], then `partition_thread`.

mod ack;
mod beginning;
mod beside;
#[cfg(test)]
mod beside_tests;
mod builder;
mod builds;
mod clock;
mod config;
mod edge;
mod effects;
mod engine;
mod error;
mod folder;
mod history_place;
mod keys;
mod marks;
mod moment;
mod opening;
mod outbox;
mod partition_thread;
mod past;
mod plan;
mod publications;
mod scratch;
mod sealer;
mod shared;
mod sources;
mod steps;
mod storage;
mod submit;
mod topologies;
mod trim;
mod watermark;

pub use ack::Ack;
pub use builds::{BuildStatus, BuildStep};
pub use config::EngineConfig;
pub use effects::{AllowedHost, EffectStep, EffectWatch, EffectsConfig, NotAHost};
pub use engine::{Engine, PartitionStatus};
pub use error::{Error, ErrorKind};
pub use folder::Folder;
pub use history_place::HistoryPlace;
pub use marks::positions as marked_positions;
pub use moment::{open_moment, stored_rows};
pub use outbox::{nothing_to_deliver, nothing_to_publish};
pub use plan::{
    EntityDifference, FeatureDifference, Plan, PlanProgress, PlanWatch, ValuesPlan, ViewPlan, plan,
};
pub use publications::DeliveryStatus;
pub use sources::{SourceProgress, SourceStatus};
pub use steps::{Step, Steps};
pub use submit::{Receipt, Submitted};
pub use trim::LogTrim;

/// The result of everything that the engine does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
