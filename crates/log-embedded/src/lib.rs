//! The event log in segment files inside the process.
//!
//! ```text
//! DIR/
//!   meta                           format and number of data partitions; never changes
//!   lock                           held by the one process that writes
//!   control/                       a folder for each partition: control, 0, 1, …
//!     synced                       how far the partition is known to be on the disk
//!     00000000000000000000.log     a segment: its records begin at this offset
//!     00000000000000412345.log     the last segment is the one that is appended to
//! ```
//!
//! A segment is a header of 32 bytes and frames, one a record, without gaps. The last segment has its
//! full length from the start, so that an append changes no file length; its rest is zero, and a frame
//! of length zero is the end. A segment that is full is cut to its data. The bytes of a frame are
//! drawn in `frame.rs`, of the header in `segment.rs`, of `synced` in `mark.rs`.
//!
//! **Invariants.** Offsets are dense: 0, 1, 2, …. Readers, here and in other processes, see only
//! records that were synced, so that no fold runs ahead of what survives a power loss. At open a torn
//! last record is cut off; any other damage is refused, with segment, byte and offset. Nothing here
//! blocks an async thread: appends are written by one thread a partition, reads run as blocking tasks.
//!
//! Not here: what the records mean, and which log this is (its first records say so). Start reading
//! at [`EmbeddedLog`], then `appender.rs`; recovery is decided in `recovery.rs`.

mod appender;
mod appender_queue;
mod cursor;
mod follower;
mod frame;
mod layout;
mod log;
mod mark;
mod meta;
mod options;
mod partition;
mod places;
mod problem;
mod reader;
mod recovery;
mod segment;
mod trim;

pub use log::{EmbeddedLog, Verified};
pub use options::Options;

#[cfg(test)]
mod tests;
