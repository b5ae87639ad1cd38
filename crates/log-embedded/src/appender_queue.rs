//! The bounded queue between those who append and a partition's appender.

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use headwater_event::{NewRecord, Offset};
use headwater_log::{AppendAck, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{frame, problem};

/// Bounds the memory of what waits for the disk; whoever appends more waits.
const QUEUED_KIB_MAX: u32 = 64 * 1024;

/// Records that wait to be appended in one run.
pub(crate) struct Request {
    /// The records, each of which fits a frame.
    pub(crate) records: Vec<NewRecord>,
    /// What the caller waits for.
    pub(crate) ack: AppendAck,
    /// Where the offsets go.
    pub(crate) reply: oneshot::Sender<Result<Vec<Offset>>>,
    /// Room in the queue, given back when the request is done.
    _room: OwnedSemaphorePermit,
}

/// The sending end, and the thread at the other.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: Option<mpsc::Sender<Request>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Queue {
    /// A queue whose requests go to `sender`'s other end, which `thread` empties until it closes.
    pub(crate) fn new(sender: mpsc::Sender<Request>, thread: JoinHandle<()>) -> Self {
        let room = Arc::new(Semaphore::new(QUEUED_KIB_MAX as usize));
        Self { sender: Some(sender), room, thread: Some(thread) }
    }

    /// Queues the records and waits for their offsets.
    pub(crate) async fn append(
        &self,
        records: Vec<NewRecord>,
        ack: AppendAck,
    ) -> Result<Vec<Offset>> {
        let mut bytes = 0_usize;
        for record in &records {
            frame::check(record)?;
            bytes = bytes.saturating_add(frame::len_of(record));
        }
        let closed = || problem::closed("the log was closed");
        // A run of more than the whole queue takes all of it, and is let in alone.
        let room = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(QUEUED_KIB_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(room).await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let request = Request { records, ack, reply, _room: room };
        let sender = self.sender.as_ref().ok_or_else(closed)?;
        sender.send(request).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Queue {
    /// Waits until all that was queued is synced.
    fn drop(&mut self) {
        self.sender = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if matches!(ended, Some(Err(_))) {
            tracing::error!("the thread that appends to the log panicked");
        }
    }
}
