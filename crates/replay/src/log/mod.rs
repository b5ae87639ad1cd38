//! Reads the log again: whether it is what it was when it was folded, and when its heads were kept.
//!
//! Folds nothing. Each partition is read from its start; the chain over its records is computed
//! anew and compared where somebody knows it: at the store's position and marks, and at the heads
//! that `headwater digest --log` printed earlier. Control's records also carry signatures, which
//! tell without either.
//!
//! **What it can't tell.** Data events carry no signature: without kept heads, a log that was
//! changed and whose store was folded anew from it looks the same. The report says so.
//!
//! Not here: what follows from the records (`headwater_fold`). Start reading at [`verify_log`], then
//! at `walk`.

mod audit;
mod checkpoints;
mod heads;
mod known;
mod signatures;
mod walk;

pub use audit::{Finding, FindingKind, LogReport, PartitionAudit};
pub use checkpoints::Agreement;
pub use heads::{BadHeads, KeptHead, heads_of, parse_heads, write_heads};
pub use verify::{VerifyLog, verify_log};

mod verify;
