//! Bounds on what a snapshot may hold and on what is done at once.

use std::time::Duration;

/// The largest manifest that is read: some 300,000 files.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// How many snapshots one place may hold; more are an error, never a shorter list.
pub(crate) const SNAPSHOTS_MAX: usize = 10_000;

/// Files that are on their way at once, each with the memory of an upload.
pub(crate) const FILES_IN_FLIGHT_MAX: usize = 4;

/// Manifests that are read at once.
pub(crate) const MANIFESTS_IN_FLIGHT_MAX: usize = 8;

/// How often whoever is at work on a place says that it still is.
pub(crate) const BEAT: Duration = Duration::from_secs(60);

/// After how long a silence whoever was at work is taken for dead.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(15 * 60);

/// How long the log may take to give a record that it must have.
pub(crate) const RECORD_WAIT: Duration = Duration::from_secs(10);

/// How much of a file is hashed at a time.
pub(crate) const HASH_BYTES: usize = 1 << 20;
