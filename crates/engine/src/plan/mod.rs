//! What applying a topology would change, values included. Nothing is changed by asking.
//!
//! The new version of each changed view is folded in a scratch store, up to where the partitions are
//! now, and compared with the version that is read.

mod compare;
mod shown;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use headwater_event::{Offset, PartitionId, Schemas};
use headwater_fold::{Compiled, CompiledView};
use headwater_log::EventLog;
use headwater_query::{Moment, PartitionRows};
use headwater_store::{PartitionStore, StoreSet};
use headwater_topology::{Change, Difference, Differences, Topology};
use serde::{Deserialize, Serialize};

use crate::{
    Engine, Error, ErrorKind, Result,
    beginning::Beginning,
    moment,
    scratch::{GoOn, Scratch, clear},
};

/// What applying a topology would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The hash of the topology.
    pub hash: String,
    /// The hash of the topology that holds; `None` if none does.
    pub holds: Option<String>,
    /// Event types that are declared otherwise.
    pub event_types: Vec<Difference>,
    /// Entities that are declared otherwise.
    pub entities: Vec<Difference>,
    /// Feature views that are declared otherwise, or folded otherwise for what they rest on.
    pub feature_views: Vec<ViewPlan>,
    /// Sources that are declared otherwise.
    #[serde(default)]
    pub sources: Vec<Difference>,
    /// Derived events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_events: Vec<Difference>,
    /// Publications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Difference>,
    /// Effects that are declared otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Difference>,
}

/// A feature view that would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewPlan {
    /// What is declared otherwise.
    #[serde(flatten)]
    pub declared: Difference,
    /// The version that its name reads; `None` if there is none.
    pub reads: Option<String>,
    /// The version that it would read; `None` if it would be dropped.
    pub would_read: Option<String>,
    /// What would change in its rows; `None` if nothing is folded anew, or there is nothing to
    /// compare with.
    pub values: Option<ValuesPlan>,
}

/// What would change in a view's rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ValuesPlan {
    /// Whether the rows have other keys, so that none is the same as before.
    pub other_keys: bool,
    /// Features that only the new version has.
    pub features_added: Vec<String>,
    /// Features that only the version that is read has.
    pub features_dropped: Vec<String>,
    /// Entities (and windows) of either version.
    pub entities: u64,
    /// Those with another value of a feature that both versions have.
    pub changed: u64,
    /// Those that only the new version has.
    pub added: u64,
    /// Those that only the version that is read has.
    pub missing: u64,
    /// Events that the new version can't take.
    pub not_taken: u64,
    /// The first of those that differ, by key.
    pub sample: Vec<EntityDifference>,
}

/// An entity that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityDifference {
    /// Its project.
    pub project: String,
    /// Its key.
    pub key: serde_json::Map<String, serde_json::Value>,
    /// `changed`, `added` or `dropped`.
    pub change: Change,
    /// The features that differ.
    pub features: Vec<FeatureDifference>,
}

/// A feature's value before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDifference {
    /// The feature.
    pub name: String,
    /// Its value now.
    pub before: serde_json::Value,
    /// Its value by the new version.
    pub after: serde_json::Value,
}

impl Plan {
    /// Whether applying would change nothing.
    pub fn is_empty(&self) -> bool {
        let flows = [&self.derived_events, &self.publications, &self.effects];
        let declared = [&self.event_types, &self.entities, &self.sources].into_iter().chain(flows);
        declared.into_iter().all(Vec::is_empty) && self.feature_views.is_empty()
    }
}

/// How far the new versions are folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanProgress {
    /// The data partition.
    pub partition: String,
    /// The offset reached.
    pub folded: u64,
    /// The offset to reach.
    pub end: u64,
}

/// Who waits for a plan.
pub struct PlanWatch<'a> {
    /// How many entities that differ are told of each view.
    pub sample: usize,
    /// Told how far it is.
    pub told: &'a (dyn Fn(PlanProgress) + Send + Sync),
    /// Asked whether to go on.
    pub go_on: &'a (dyn Fn() -> bool + Send + Sync),
}

impl std::fmt::Debug for PlanWatch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanWatch").field("sample", &self.sample).finish_non_exhaustive()
    }
}

/// Every partition's store.
type Stores = BTreeMap<PartitionId, Arc<PartitionStore>>;

/// What applying a topology to a data folder would change, whether or not a server runs on it.
/// `scratch_dir` must be an empty folder; the caller removes it.
pub async fn plan(
    log: Arc<dyn EventLog>,
    stores: &StoreSet,
    topology: &Topology,
    scratch_dir: &Path,
    watch: &PlanWatch<'_>,
) -> Result<Plan> {
    let moment = moment::open_moment(Arc::clone(&log), stores).await?;
    let store = |id: PartitionId| Ok((id, stores.partition(&id.to_string())?));
    let stores: Result<Stores> = PartitionId::all(log.data_partitions()).map(store).collect();
    let stores = stores?;
    plan_at(log, &stores, &moment, topology, scratch_dir, watch).await
}

impl Engine {
    /// What applying a topology would change. One plan at a time is made.
    pub async fn plan(&self, topology: &Topology, watch: &PlanWatch<'_>) -> Result<Plan> {
        let planning = &self.shared().planning;
        if planning.swap(true, Ordering::AcqRel) {
            let what = "another plan is being made; ask again when it is done";
            return Err(Error::new(ErrorKind::Retry, what));
        }
        let _done = Done(planning);
        self.plan_alone(topology, watch).await
    }

    async fn plan_alone(&self, topology: &Topology, watch: &PlanWatch<'_>) -> Result<Plan> {
        let moment = self.moment().await?;
        let dir = self.scratch_dir().join("plan");
        let go_on = || (watch.go_on)() && !self.shared().is_stopping();
        let watch = PlanWatch { go_on: &go_on, ..*watch };
        let log = Arc::clone(self.log());
        let stores = self.stores().into_iter().collect();
        let planned = plan_at(log, &stores, &moment, topology, &dir, &watch).await;
        clear(&dir)?;
        planned
    }
}

/// Lets the next plan begin, however this one ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

async fn plan_at(
    log: Arc<dyn EventLog>,
    stores: &Stores,
    moment: &Moment,
    topology: &Topology,
    scratch_dir: &Path,
    watch: &PlanWatch<'_>,
) -> Result<Plan> {
    let (partitions, holds) = (&moment.partitions, &*moment.compiled);
    let built_in = Schemas::built_in().map_err(|e| Error::new(ErrorKind::Bug, e.to_string()))?;
    let would = Compiled::new(&built_in, topology.clone())
        .map_err(|error| Error::new(ErrorKind::Reject, error.to_string()))?;
    let declared = Differences::between(&holds.topology, topology);
    let held = match partitions.iter().find(|rows| rows.id() == PartitionId::Control) {
        None => None,
        Some(control) => {
            let state = control.state().await;
            state.map_err(|error| Error::new(ErrorKind::Retry, error.to_string()))?.head.topology
        }
    };
    let mut plan = Plan {
        hash: topology.hash(),
        holds: held,
        event_types: declared.event_types,
        entities: declared.entities,
        feature_views: views(holds, &would, declared.feature_views),
        sources: declared.sources,
        derived_events: declared.derived_events,
        publications: declared.publications,
        effects: declared.effects,
    };
    let pairs: BTreeMap<&str, (&CompiledView, &CompiledView)> = plan
        .feature_views
        .iter()
        .filter(|view| view.reads != view.would_read)
        .filter_map(|view| {
            let name = view.declared.name.as_str();
            Some((name, (holds.view(name)?, would.view(name)?)))
        })
        .collect();
    if pairs.is_empty() {
        return Ok(plan);
    }
    let fresh: Vec<_> = pairs.values().map(|(_, after)| (*after).clone()).collect();
    let scratch = fold_all(log, stores, partitions, &fresh, scratch_dir, watch).await?;
    let data: Vec<_> =
        partitions.iter().filter(|rows| rows.id() != PartitionId::Control).cloned().collect();
    let mut values = BTreeMap::new();
    for (name, (before, after)) in pairs {
        let compared = compare::values(&data, &scratch, before, after, watch.sample, watch.go_on)?;
        values.insert(name.to_owned(), compared);
    }
    for view in &mut plan.feature_views {
        view.values = values.remove(&view.declared.name);
    }
    for scratch in scratch {
        scratch.remove()?;
    }
    Ok(plan)
}

/// The views that are declared otherwise, and those that are folded otherwise for what they rest on.
fn views(holds: &Compiled, would: &Compiled, declared: Vec<Difference>) -> Vec<ViewPlan> {
    let version =
        |compiled: &Compiled, name: &str| compiled.view(name).map(|view| view.table.version_hex());
    let mut declared: BTreeMap<String, Difference> =
        declared.into_iter().map(|difference| (difference.name.clone(), difference)).collect();
    for view in &would.views {
        let name = &view.table.name;
        // A version that is being built already is no change of this topology.
        let builds = holds.coming.iter().any(|coming| coming.table.version == view.table.version);
        if version(holds, name) != version(would, name) && !builds && !declared.contains_key(name) {
            let lines = vec![format!("its entity {} changes", view.declared.entity)];
            let rests = Difference { name: name.clone(), change: Change::Changed, lines };
            declared.insert(name.clone(), rests);
        }
    }
    let plan = |declared: Difference| ViewPlan {
        reads: version(holds, &declared.name),
        would_read: version(would, &declared.name),
        declared,
        values: None,
    };
    declared.into_values().map(plan).collect()
}

/// Folds the views in every data partition, each up to where its rows are.
async fn fold_all(
    log: Arc<dyn EventLog>,
    stores: &Stores,
    partitions: &[Arc<dyn PartitionRows>],
    views: &[CompiledView],
    scratch_dir: &Path,
    watch: &PlanWatch<'_>,
) -> Result<Vec<Scratch>> {
    let mut all = Vec::new();
    let go_on: GoOn<'_> = &|| (watch.go_on)();
    for rows in partitions.iter().filter(|rows| rows.id() != PartitionId::Control) {
        let id = rows.id();
        let end = rows.last().map_or(Offset(0), Offset::next);
        let dir = scratch_dir.join(format!("partition-{id}"));
        let state = rows.state().await;
        let state = state.map_err(|error| Error::new(ErrorKind::Retry, error.to_string()))?;
        let beginning = match stores.get(&id) {
            Some(store) => Beginning::of(&*log, store, id, &state.head).await?,
            None => Beginning::default(),
        };
        let mut scratch = Scratch::open(Arc::clone(&log), id, views.to_vec(), beginning, dir)?;
        let told = watch.told;
        let each = &mut |_, folded| {
            told(PlanProgress { partition: id.to_string(), folded, end: end.0 });
            Ok(())
        };
        if !scratch.fold_until(end, go_on, each).await? {
            return Err(Error::new(ErrorKind::Closed, "whoever asked for the plan has gone"));
        }
        all.push(scratch);
    }
    Ok(all)
}
