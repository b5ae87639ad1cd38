//! Bounds on requests and answers; each is named here and nowhere else.

use std::time::Duration;

/// The largest body of `POST /events`: a batch of many small events, or some of the largest.
pub(crate) const EVENTS_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The largest body of `POST /sql`: the longest query, and the JSON around it.
pub(crate) const SQL_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The largest body of `POST /snapshots`: a URL, and the JSON around it.
pub(crate) const SNAPSHOT_BODY_BYTES_MAX: usize = 16 * 1024;

/// How many events of a batch are decoded and submitted at once, so that a body of 64 MiB does not
/// stand in memory as parsed JSON as a whole.
pub(crate) const SUBMIT_EVENTS_MAX: usize = 4_096;

/// How many events `GET /events` answers with if not told.
pub(crate) const EVENTS_DEFAULT: usize = 1_000;

/// How many events `GET /events` answers with at most; go on with `from`.
pub(crate) const EVENTS_MAX: usize = 10_000;

/// What the readers of one `GET /events` hold together, however many partitions there are.
pub(crate) const SCAN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a reader may hold at least: less would be one read for each record.
pub(crate) const SCAN_PARTITION_BYTES_MIN: usize = 64 * 1024;

/// How many records a reader holds.
pub(crate) const SCAN_RECORDS_MAX: usize = 500;

/// The size from which a block of the body is sent on.
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;

/// How much of an answer is held back before its status is sent: an answer that fails within it is
/// told by status, not by a broken body.
pub(crate) const HELD_BYTES_MAX: usize = 256 * 1024;

/// How long a reader waits for records that are on the log.
pub(crate) const READ_WAIT: Duration = Duration::from_secs(10);

/// How long one wait of `follow` is; then it waits again.
pub(crate) const FOLLOW_WAIT: Duration = Duration::from_secs(5);

/// The pause between telling an error in a body and aborting it, so that what was told is sent.
pub(crate) const ABORT_WAIT: Duration = Duration::from_millis(50);

/// How long answers that are under way may take to end after a shutdown was asked for.
pub(crate) const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// When a client whose request was not taken should try again.
pub(crate) const RETRY_AFTER_S: u32 = 1;

/// The largest body of `POST /topology/plan`: as large as the event that would apply it.
pub(crate) const TOPOLOGY_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How many entities that differ a plan tells of each view at most.
pub(crate) const PLAN_SAMPLE_MAX: usize = 1_000;

/// How many lines of a plan's progress wait for a slow reader; more are left out.
pub(crate) const PLAN_LINES_HELD: usize = 16;
