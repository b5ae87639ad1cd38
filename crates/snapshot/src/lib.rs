//! Snapshots: a data folder's views as of some positions of the log, kept elsewhere.
//!
//! A snapshot is what a fold had made of the log up to a position in each partition. To restore is to
//! put it in place and fold the rest of the log, the **tail**; the digests are then those of a replay
//! from the log's start. The log itself and its key are not in a snapshot.
//!
//! # Stored format 1
//!
//! ```text
//! PLACE/                            a folder, or a prefix of a bucket
//!   snapshots/<id>/manifest.json    a snapshot: written last, so that it is there or it is not
//!   blobs/<blake3 of the content>   a file of one snapshot or of many
//!   under-way/<what>-<id>           a snapshot being made, or a pruning: see `under_way`
//! ```
//!
//! The manifest is drawn in `manifest`.
//!
//! # Invariants
//!
//! - A snapshot is listed only once all of it is written, and nothing that it names is ever written
//!   over: files are named by their content.
//! - Each partition is of one moment: rows, history and position agree. Partitions may be of different
//!   moments, as after a crash.
//! - Nothing is put in place before every file's size and hash were checked, and the log was found to
//!   be the one that was folded.
//! - Commits and folding go on while a snapshot is made.
//!
//! # What is not here
//!
//! How objects are kept (`headwater-objects`), what rows mean, the folding of the tail (whoever opens
//! the data folder does it). Start reading at [`Maker`], then [`restore`].

mod create;
mod error;
mod in_flight;
mod limits;
mod list;
mod log_check;
mod manifest;
mod origin;
mod progress;
mod prune;
mod restore;
mod restored_store;
mod stage;
mod under_way;

pub use create::{Created, Maker, Source, stores_of};
pub use error::{Error, ErrorKind, Result};
pub use list::{Listed, list, open};
pub use manifest::{FORMAT, FileEntry, Manifest, PartitionManifest, SnapshotId, Summary};
pub use progress::{Progress, Step};
pub use prune::{BLOB_AGE_MIN, Keep, Pruned, prune};
pub use restore::{Restore, Restored, restore};
