//! Sources: topics of the users' own, read and mapped to events by the active process.
//!
//! ```text
//! topic ──read──▶ map ──▶ edge ──append──▶ data partitions        then, at most once a second
//!                  └─ can't be ──append──▶ record_refused          ──append──▶ control: advanced
//! ```
//!
//! **Invariants.** What control holds of a source is never ahead of what is durable on the log, so nothing is
//! lost; what is read again after a crash has the ids that it had, so nothing is doubled. Nothing of this
//! runs in a replay: it sees the events that are on the log.
//!
//! `supervisor` starts and stops a task for each declared source; `reading` is such a task, `worker` its
//! part for one partition, `checkpoint` what control holds of it, `status` what people can ask.

mod checkpoint;
mod reading;
mod status;
mod supervisor;
mod worker;

pub(crate) use status::Statuses;
pub use status::{SourceProgress, SourceStatus};
pub(crate) use supervisor::Supervisor;
