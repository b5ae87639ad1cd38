//! What the appender, the readers and the follower of one partition share.

use std::path::PathBuf;

use headwater_event::PartitionId;
use tokio::sync::watch;

use crate::{mark::Tail, places::Places};

/// One partition of an open log. Its readers may outlive the log; then they are told that it closed.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Which one it is.
    pub(crate) id: PartitionId,
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// Where some records stand.
    pub(crate) places: Places,
}

/// Whoever moves a partition's end: the appender's thread, or the follower's.
pub(crate) type TailSender = watch::Sender<Tail>;
/// Whoever waits for it.
pub(crate) type TailReceiver = watch::Receiver<Tail>;
