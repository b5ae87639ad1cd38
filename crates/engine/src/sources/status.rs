//! How sources are doing: what this process does, not a fold of the log.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::Engine;

/// How one source is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// The source.
    pub source: String,
    /// Its topic.
    pub topic: String,
    /// Each partition that is read.
    pub partitions: Vec<SourceProgress>,
    /// Why it can't go on, if it can't; it tries again.
    pub problem: Option<String>,
}

/// How far one partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProgress {
    /// The topic's partition.
    pub partition: u32,
    /// The first offset that is not on the log yet.
    pub next: u64,
    /// The topic's end, as it was asked for last; `None` if it was not yet.
    pub end: Option<u64>,
}

impl SourceProgress {
    /// How many offsets are to be read yet, as far as it is known.
    pub fn lag(&self) -> Option<u64> {
        self.end.map(|end| end.saturating_sub(self.next))
    }
}

impl Engine {
    /// How the sources that this process reads are doing, by name.
    pub fn sources(&self) -> Vec<SourceStatus> {
        self.shared().sources.all().values().cloned().collect()
    }
}

/// The statuses of all sources that are read.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Mutex<BTreeMap<String, SourceStatus>>);

impl Statuses {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, SourceStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, source: &str, topic: &str) {
        let status = SourceStatus {
            source: source.to_owned(),
            topic: topic.to_owned(),
            partitions: Vec::new(),
            problem: None,
        };
        self.all().insert(source.to_owned(), status);
    }

    pub(super) fn end(&self, source: &str) {
        self.all().remove(source);
    }

    /// Tells a problem, or that it is over; `true` if that is news.
    pub(super) fn problem(&self, source: &str, problem: Option<String>) -> bool {
        let mut all = self.all();
        let Some(status) = all.get_mut(source) else { return false };
        let news = status.problem != problem;
        status.problem = problem;
        news
    }

    /// Everything before this offset is on the log.
    pub(super) fn moved(&self, source: &str, partition: u32, next: u64) {
        let mut all = self.all();
        let Some(status) = all.get_mut(source) else { return };
        let place = status.partitions.iter_mut().find(|place| place.partition == partition);
        if let Some(place) = place {
            place.next = next;
            place.end = place.end.map(|end| end.max(next));
        }
    }

    pub(super) fn progress(&self, source: &str, partitions: Vec<SourceProgress>) {
        if let Some(status) = self.all().get_mut(source) {
            status.partitions = partitions;
        }
    }
}
