//! Follows a log that another process writes: looks where its marks are, a few times a second.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use headwater_log::Result;

use crate::{
    mark,
    partition::{Shared, TailSender},
    problem,
};

/// How late a reader in another process may be; looking costs some microseconds a partition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The thread that follows; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Follows these partitions.
    pub(crate) fn start(partitions: Vec<(Arc<Shared>, TailSender)>) -> Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let follow = move || {
            while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                for (shared, tail) in &partitions {
                    look(shared, tail);
                }
            }
        };
        let thread = thread::Builder::new()
            .name("log-follower".to_owned())
            .spawn(follow)
            .map_err(|error| problem::closed(format!("start a thread: {error}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that follows the log panicked");
        }
    }
}

/// Moves a partition's end to where its mark is now. Ends never move back.
fn look(shared: &Shared, tail: &TailSender) {
    if let Some(marked) = mark::read(&shared.dir) {
        tail.send_if_modified(|tail| {
            let moved =
                marked.end > tail.end || (marked.end == tail.end && marked.segment > tail.segment);
            if moved {
                *tail = marked;
            }
            moved
        });
    }
}
