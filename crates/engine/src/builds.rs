//! How far the history of new versions is folded: what this process does, not a fold of the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use headwater_event::payload::ViewVersion;
use headwater_fold::CompiledView;
use serde::{Deserialize, Serialize};

use crate::{Engine, shared::PartitionShared};

/// How often the server's log tells how far a builder has come.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What a builder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildStep {
    /// As many others build as may at once.
    Waiting,
    /// It folds the log from its start.
    Folding,
    /// It moves rows from the scratch store to the partition's.
    Moving,
    /// It has asked the partition to take over.
    HandingOver,
    /// It failed, and begins again soon.
    Failed,
}

impl BuildStep {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Folding => "folding",
            Self::Moving => "moving",
            Self::HandingOver => "handing over",
            Self::Failed => "failed",
        }
    }
}

/// How far one partition's builder has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildStatus {
    /// The data partition.
    pub partition: String,
    /// The versions that are built.
    pub views: Vec<ViewVersion>,
    /// What it does now.
    pub step: BuildStep,
    /// Records folded so far.
    pub records_folded: u64,
    /// Records that the partition itself has folded.
    pub records_of: u64,
    /// Records folded a second since it began to fold.
    pub records_per_s: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl Engine {
    /// The builds that are under way in this process, by partition.
    pub fn builds(&self) -> Vec<BuildStatus> {
        let partitions = self.shared().partitions.values();
        partitions.filter_map(|partition| partition.build()).collect()
    }
}

/// A builder's own account of itself.
pub(crate) struct Progress<'a> {
    partition: &'a PartitionShared,
    state: Mutex<State>,
}

struct State {
    status: BuildStatus,
    started: Instant,
    told: Instant,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(partition: &'a PartitionShared, views: &[CompiledView]) -> Self {
        let named = |view: &CompiledView| ViewVersion {
            view: view.table.name.clone(),
            version: view.table.version_hex(),
        };
        let status = BuildStatus {
            partition: partition.id.to_string(),
            views: views.iter().map(named).collect(),
            step: BuildStep::Waiting,
            records_folded: 0,
            records_of: partition.progress.borrow().head.counts.records,
            records_per_s: 0,
            error: None,
        };
        partition.set_build(Some(status.clone()));
        tracing::info!(partition = %partition.id, views = %names(&status), "the history of new versions is to be folded");
        let now = Instant::now();
        Self { partition, state: Mutex::new(State { status, started: now, told: now }) }
    }

    pub(crate) fn step(&self, step: BuildStep) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if step == BuildStep::Folding {
            state.started = Instant::now();
        }
        state.status.step = step;
        tracing::debug!(partition = %self.partition.id, step = step.name(), "builder");
        self.partition.set_build(Some(state.status.clone()));
    }

    pub(crate) fn folded(&self, records: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let took = state.started.elapsed().as_millis().max(1);
        let per_s = u128::from(records) * 1_000 / took;
        let status = &mut state.status;
        status.records_folded = records;
        status.records_of = self.partition.progress.borrow().head.counts.records;
        status.records_per_s = u64::try_from(per_s).unwrap_or(u64::MAX);
        let status = status.clone();
        if state.told.elapsed() >= TELL_EVERY {
            state.told = Instant::now();
            let (folded, of, per_s) =
                (status.records_folded, status.records_of, status.records_per_s);
            tracing::info!(partition = %self.partition.id, views = %names(&status), folded, of, per_s, "folding the history of new versions");
        }
        self.partition.set_build(Some(status));
    }

    pub(crate) fn done(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (records, took) = (state.status.records_folded, state.started.elapsed());
        let seconds = took.as_secs_f64();
        tracing::info!(partition = %self.partition.id, views = %names(&state.status), records, seconds, "the history of new versions is folded");
    }
}

/// `view@version`, each.
fn names(status: &BuildStatus) -> String {
    let named = status.views.iter().map(|view| {
        let version: String = view.version.chars().take(8).collect();
        format!("{}@{version}", view.view)
    });
    named.collect::<Vec<_>>().join(", ")
}
