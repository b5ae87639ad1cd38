//! Folds the log again and compares: the proof that a view is what the log says. And reads the log
//! again and compares: the proof that the log is what it was.
//!
//! **Invariants.** A replay folds with the code that serves (`headwater_engine::Folder`) and does
//! nothing to the world: it publishes nothing, claims nothing, and writes into a scratch folder only,
//! one of its own for each partition, removed as soon as that one is compared. What could not be
//! compared is told with the reason, never passed over.
//!
//! Not here: folding itself. Start reading at [`verify`], then at [`log::verify_log`].

mod at;
mod compare;
mod difference;
pub mod log;
mod partition;
mod published;
mod report;
mod scan;
mod scratch;
mod stored;
mod tables;
mod verify;
mod work;

pub use at::RowsAt;
pub use report::{Difference, LeftOut, PartitionReport, Report, Side, ViewReport};
pub use verify::{From, Verify, verify};
pub use work::{Progress, Stop, Watch, threads_default};
