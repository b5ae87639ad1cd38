//! Where a data folder's sealed history is kept besides the folder.
//!
//! The store only carries this to those who read and write sealed files, so that whoever has a store can
//! read all of its past.

use std::{fmt, io, path::Path, time::SystemTime};

/// A second home of sealed files, named as below `history/`: `<partition>/<file>`. Calls block.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// For people.
    fn describe(&self) -> String;

    /// Keeps a file: it is there whole once this answers.
    fn put(&self, name: &str, from: &Path) -> io::Result<()>;

    /// Brings a file back; it appears whole, or not at all.
    fn fetch(&self, name: &str, to: &Path) -> io::Result<()>;

    /// The files of a partition that are kept, and when each was put.
    fn list(&self, partition: &str) -> io::Result<Vec<(String, SystemTime)>>;

    /// Removes a file; one that is not there is removed already.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// How many bytes of a partition's files stay in the folder as well: the ones read last.
    fn local_bytes_max(&self) -> u64;
}
