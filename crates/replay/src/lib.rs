//! Folds the log again and compares: the proof that a view is what the log says.
//!
//! **Invariants.** A replay folds with the code that serves (`headwater_engine::Folder`) and does
//! nothing to the world: it publishes nothing, claims nothing, and writes into a scratch folder only.
//!
//! Not here: folding itself. Start reading at [`verify`].

mod compare;
mod difference;
mod disk;
mod report;
mod tables;
mod verify;

pub use report::{Difference, PartitionReport, Report, Side, ViewReport};
pub use verify::{Progress, verify};
