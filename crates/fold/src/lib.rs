//! Pure folds: (rows, event) → delta; one module a view family.
//!
//! **Invariants.** No clock but `clock.ticked`, no randomness, environment, files or network, no hash
//! map. A fold reads only its own partition's rows. What it changes it answers with ([`Commit`]);
//! nothing is changed outside. The same records give the same rows, digests and derived events,
//! however they are cut into batches. A refused or broken event never stops the ones after it.
//!
//! Not here: where rows are kept (`headwater-store`), who publishes derived events
//! (`headwater-engine`), SQL (`headwater-query`). Start reading at [`PartitionFold`], then a family
//! such as [`family::tracking`].

mod apply;
mod batch;
pub mod codec;
mod compiled;
mod derived_events;
mod digest;
mod effects;
mod evolution;
pub mod family;
mod feature;
mod fold;
mod head;
mod judge;
mod origin;
mod outcome;
mod partition;
mod rows;
mod rules;
mod sources;
mod succession;
mod system;
mod table;
mod ticks;
mod time_range;
mod value;

pub use batch::RowVersion;
pub use codec::Damaged;
pub use compiled::{Compiled, CompiledView};
pub use digest::{Position, row_hash};
pub use feature::{DoesNotFit, ExactSum, FeatureColumns, ShowError, Slide, Slot, late_events_of};
pub use fold::{Delta, Derived, Fold, Published};
pub use head::{
    Clock, Coming, Counts, Delivered, Digest, HEAD_FORMAT, Head, LogIdentity, Origin, Tally,
};
pub use outcome::{Outcome, seen_at};
pub use partition::{Commit, FACT_SOURCE, PartitionError, PartitionFold, Stored};
pub use rows::{FoldError, KeyAndRow, KeysAndRows, ReadFailed, StoredRows, TableRow};
pub use rules::RULES_KNOWN;
pub use table::{Column, KeyedBy, Provenance, Row, RowKey, Shown, StoredRow, Table, column_type};
pub use time_range::{NO_WATERMARK, check as check_event_time};
pub use value::{Cell, ColumnType, Json, Value};

/// The revision of the derivations' code (feature views, built-in tables): raised with every change
/// that would write other rows for the same events. Part of every table's version.
pub const FOLD_REVISION: u32 = 1;

/// For how many days of the log's clock a repeat of a data event is known, unless declared otherwise.
pub const DEDUP_HORIZON_DAYS: u32 = 30;

#[cfg(test)]
mod tests;
