//! The steps between which a process can die, told to whoever asks: tests kill it at each of them.

use std::{fmt, sync::Arc};

/// A step of writing and publishing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Records were folded, and nothing is written of it.
    Folded,
    /// What they change is in the store, with what is to be published.
    Committed,
    /// What goes to control is on the log, what goes to data partitions is not.
    ControlPublished,
    /// All of a batch is on the log, and still in the outbox.
    Published,
    /// It was taken out of the outbox.
    OutboxCleared,
    /// Events are in a topic of the users' own, and the log does not know it.
    TopicPublished,
    /// They were taken out of the outbox.
    TopicCleared,
    /// The log knows how far the topic is.
    TopicTold,
}

impl Step {
    /// All of them, in the order in which an event goes through them.
    pub const ALL: [Self; 8] = [
        Self::Folded,
        Self::Committed,
        Self::ControlPublished,
        Self::Published,
        Self::OutboxCleared,
        Self::TopicPublished,
        Self::TopicCleared,
        Self::TopicTold,
    ];
}

/// Who is told of steps; nobody unless a test asks.
#[derive(Clone, Default)]
pub struct Steps(Option<Arc<dyn Fn(Step) + Send + Sync>>);

impl Steps {
    /// Tells each step to `told`, which may end the process.
    pub fn tell(told: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn reached(&self, step: Step) {
        if let Some(told) = &self.0 {
            told(step);
        }
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Steps").field(&self.0.is_some()).finish()
    }
}
