//! Sealed history: every version of every row as Parquet, and reads as of any position.
//!
//! The store keeps the versions of the newest offsets in its tail; stretch by stretch they are sealed
//! into files, one a view, sorted by key and offset, under `DIR/history/<partition>/`. [`History`] is
//! that folder; [`PastRows`] reads rows as of a position from the tail and the files together.
//!
//! **Invariants.** A file is whole before the manifest in the store names it, and never changes. Files
//! that no manifest names are swept away after a while. A file is checked against its hash before
//! it's read. Sealed rows come back byte for byte as they were stored: digests are the same before and
//! after.
//!
//! Not here: when to seal (`headwater-engine`), what a row means (`headwater-fold`), SQL
//! (`headwater-query`). Start reading at `layout`, which draws a file, then `seal` and `past`.

mod column;
mod error;
mod file;
mod file_scan;
mod folder;
mod group;
mod kept;
mod layout;
mod lead;
mod past;
mod piece;
mod rewrite;
mod seal;

pub use error::{Error, ErrorKind, Result};
pub use file::SealedFile;
pub use file_scan::FileScan;
pub use folder::{History, SWEEP_AFTER};
pub use past::{PastRows, PastScan};
pub use piece::{Dropped, Piece};
pub use rewrite::rewrite;
pub use seal::{SealReport, seal};
