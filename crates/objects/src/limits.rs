//! Bounds on what one call may take: time, memory, numbers.

use std::time::Duration;

/// How long a connection may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one request may take, its body included: a part in a minute is 140 kB/s.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is repeated after an error that may pass.
pub(crate) const RETRIES_MAX: usize = 4;

/// After how long a failing request is repeated no more.
pub(crate) const RETRY_TIME_MAX: Duration = Duration::from_secs(90);

/// The size of a part of an upload; larger objects have larger parts, see [`PARTS_MAX`].
pub(crate) const PART_BYTES: u64 = 8 << 20;

/// As many parts as S3 allows an object to have.
pub(crate) const PARTS_MAX: u64 = 10_000;

/// Parts of one object that are on their way at once: with [`PART_BYTES`] the memory of an upload.
pub(crate) const PARTS_IN_FLIGHT_MAX: usize = 2;

/// How many objects a listing holds; more are an error, never a shorter list.
pub(crate) const LISTED_MAX: usize = 1_000_000;

/// The longest key, in bytes: room for a prefix below S3's 1,024.
pub(crate) const KEY_BYTES_MAX: usize = 512;

/// How much of what a server says of an error is told.
pub(crate) const TOLD_CHARS_MAX: usize = 400;
