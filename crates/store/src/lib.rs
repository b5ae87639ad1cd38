//! One RocksDB per partition: rows, their history, repeats, the outbox and the position, written in
//! one batch.
//!
//! A [`StoreSet`] is the folder of all partitions and the memory they share; a [`PartitionStore`] is
//! one of them; a [`Commit`] is what one run of folding changed; a [`Snapshot`] is a moment that
//! queries read while folding goes on.
//!
//! # Stored format 2
//!
//! ```text
//! DIR/store/<partition>/      a RocksDB; <partition> is "control", "0", "1", …
//!
//! family   key                                              value
//! latest   caller's key (first 8 bytes: the view's version) row
//! tail     stream 8 bytes │ first offset u64 BE             history block, see `tail`
//! sealed   view 8 bytes │ offsets u64 BE, twice             about a sealed piece, see `sealing`
//! marks    caller's key, in the order of search             caller's bytes │ checksum 8 bytes
//! ids      hash of an event's identity, 16 bytes            caller's bytes
//! outbox   caller's key, in the order of publishing         caller's bytes
//! meta     name                                             caller's bytes │ checksum 8 bytes
//! ```
//!
//! `meta` holds `format` = `2` (u32 LE), written when the partition is made and checked whenever it is
//! opened: a store of a newer format is refused, never guessed at; one of an older format is set aside
//! and folded anew from the log, of which it is a fold. `meta` also holds `tail` (u64 LE), the tail's
//! generation. RocksDB's default family is empty.
//!
//! Format 1 had no families `sealed` and `marks`, and the tail's keys were `first offset │ stream`.
//!
//! # Invariants
//!
//! - A commit is one WriteBatch: after any crash all of it is there, or none.
//! - Commits are not synced. The log is the truth: what a power cut takes from the end of RocksDB's
//!   own log is a suffix of commits, position included, and is folded again. All families are flushed
//!   together, so that no family can be ahead of another.
//! - Damage is told with the place. RocksDB checks its own blocks; history blocks and meta values
//!   carry a BLAKE3 checksum on top, bound to their keys, as nothing else would notice a valid write
//!   of wrong bytes there. Rows and ids carry none: the digests of the views catch them.
//! - One process writes. A second is refused; readers are not, and see the moment at which they
//!   opened a partition.
//!
//! # What is not here
//!
//! Events, views, tables, offsets' meaning: all is bytes. No threads of its own beside RocksDB's, no
//! async: callers choose where to block. Nothing else in the workspace names `rocksdb`.
//!
//! Start reading at `partition`, then `tail`, `sealing` and `tail_index`.

mod checkpoint;
mod commit;
mod elsewhere;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod marks;
mod merge;
mod meta;
mod options;
mod partition;
mod sealing;
mod set;
mod snapshot;
mod tail;
mod tail_index;

pub use commit::{Commit, Version};
pub use elsewhere::Elsewhere;
pub use error::{Error, ErrorKind, Result};
pub use marks::Mark;
pub use merge::Versions;
pub use options::{Access, StoreOptions};
pub use partition::PartitionStore;
pub use sealing::{SEAL_EVERY, Sealed, SealedRange, Stretch};
pub use set::StoreSet;
pub use snapshot::{LatestRows, Snapshot};
pub use tail_index::{Entry, Tail, TailScan};
