//! How a new version of a view follows the one that serves.
//!
//! ```text
//! control       topology.apply_requested ─▶ the version is to come; its name reads the one before
//! data          topology.applied         ─▶ no history: live at once │ else: folded beside
//! data          view.built               ─▶ live: folded on from here
//! data ─▶ control  view.partition_built  ─▶ when all have told: the name reads it from here on
//! control ─▶ all   view.activated        ─▶ data: the version before is folded no further
//! ```
//!
//! A topology that no longer declares a version ends it, in whichever state it is. All of this is
//! decided by records of the partition itself, so that a replay decides the same.

use std::collections::{BTreeMap, BTreeSet};

use headwater_event::{
    Event, Offset, PartitionId, Record,
    catalog::names,
    payload::{TopologyApplied, ViewActivated, ViewBuilt, ViewPartitionBuilt},
};

use crate::{
    Coming, Compiled, CompiledView, Derived, Head, PartitionFold, StoredRows,
    batch::ApplyError,
    family::features::{self, VersionState},
    fold::Fold,
    system,
};

impl PartitionFold {
    /// The declared versions whose history must be folded beside before they are live here.
    pub fn building(&self) -> Vec<CompiledView> {
        if self.id == PartitionId::Control || self.is_backfill() {
            return Vec::new();
        }
        self.compiled.coming.iter().filter(|view| !view.live).cloned().collect()
    }

    /// The views whose history must be folded up to this record before the record is: those that a
    /// topology of the first rules brings, or those that a `headwater.view.built` names.
    pub fn views_to_backfill(&self, record: &Record) -> Vec<CompiledView> {
        if self.id == PartitionId::Control || self.is_backfill() {
            return Vec::new();
        }
        let Ok(event) = headwater_event::decode(&record.body) else { return Vec::new() };
        let signed = self.authentic(record).is_ok_and(|epoch| epoch.is_some());
        match event.event_type.as_str() {
            names::TOPOLOGY_APPLIED if signed => self.brought_at_once(&event),
            names::VIEW_BUILT if signed => {
                let named = named(&event);
                let mut building = self.building();
                building.retain(|view| named.contains(&view.table.version_hex()));
                building
            }
            _ => Vec::new(),
        }
    }

    fn brought_at_once(&self, event: &Event) -> Vec<CompiledView> {
        let later = system::payload::<TopologyApplied>(event).is_none_or(|a| a.activates_later);
        if later || self.head.counts.accepted == 0 {
            return Vec::new();
        }
        let Some(compiled) = system::topology_of(event, &self.built_in) else { return Vec::new() };
        let known = |view: &CompiledView| self.head.digests.contains_key(&view.table.version_hex());
        compiled.views.into_iter().filter(|view| !known(view)).collect()
    }

    /// Takes over the digests of views whose history was folded beside.
    pub fn adopt(&mut self, digests: BTreeMap<String, crate::Digest>) {
        self.head.digests.extend(digests);
    }

    /// Whether this fold only makes the history of views for another.
    pub(crate) fn is_backfill(&self) -> bool {
        !self.backfill.is_empty()
    }

    /// From here on this topology holds; what each view's name reads was decided before.
    pub(crate) fn hold(&mut self, compiled: Compiled, coming: BTreeMap<String, Coming>) {
        self.head.topology = Some(compiled.topology.hash());
        self.head.declared_views = compiled.topology.feature_views.keys().cloned().collect();
        self.head.coming = coming;
        self.compiled = compiled;
        self.topology_changed = true;
    }

    /// A copy of a topology came to a data partition.
    pub(crate) fn topology_came(&mut self, event: &Event) -> Vec<Derived> {
        let Some(applied) = system::payload::<TopologyApplied>(event) else { return Vec::new() };
        if !applied.activates_later {
            if let Some(compiled) = system::topology_of(event, &self.built_in) {
                for view in &compiled.views {
                    self.head.digests.entry(view.table.version_hex()).or_default();
                }
                self.hold(compiled, BTreeMap::new());
            }
            return Vec::new();
        }
        let Ok(topology) = serde_json::from_value(applied.topology) else { return Vec::new() };
        let Ok(compiled) = self.compiled.succeeded_by(&self.built_in, topology) else {
            return Vec::new();
        };
        let declared_at = event.derived_from.map(|outlet| outlet.offset).unwrap_or_default();
        let coming = coming(&self.head, &compiled, event, declared_at);
        self.hold(compiled, coming);
        // What was refused before the view was declared may be folded by the view.
        let counts = self.head.counts;
        if counts.accepted > 0 || counts.rejections > 0 {
            return Vec::new();
        }
        let new = self.compiled.coming.iter().filter(|view| !view.live);
        let new = new.map(|view| view.table.version_hex()).collect();
        self.now_live(&new)
    }

    /// The history of versions was folded beside, up to this record.
    pub(crate) fn view_built(&mut self, event: &Event) -> Vec<Derived> {
        self.now_live(&named(event))
    }

    fn now_live(&mut self, versions: &BTreeSet<String>) -> Vec<Derived> {
        let PartitionId::Data(here) = self.id else { return Vec::new() };
        let mut facts = Vec::new();
        for view in self.compiled.coming.iter_mut().filter(|view| !view.live) {
            let version = view.table.version_hex();
            let Some(coming) =
                self.head.coming.get_mut(&version).filter(|_| versions.contains(&version))
            else {
                continue;
            };
            view.live = true;
            coming.built.insert(here);
            self.head.digests.entry(version.clone()).or_default();
            let fact = ViewPartitionBuilt {
                view: coming.view.clone(),
                version,
                partition: here,
                declared_at: coming.declared_at.0,
            };
            let to = PartitionId::Control;
            facts.push(derived(to, names::VIEW_PARTITION_BUILT, coming, &fact));
        }
        facts
    }

    /// A copy of an activation came to a data partition: the version before ends here.
    pub(crate) fn activation_came(&mut self, event: &Event) {
        let Some(ViewActivated { version, .. }) = system::payload(event) else { return };
        let live = self.compiled.coming.iter().any(|v| v.live && v.table.version_hex() == version);
        if self.id != PartitionId::Control && live {
            self.head.coming.remove(&version);
            self.compiled.activate(&version);
            self.topology_changed = true;
        }
    }

    /// A data partition tells control that it has a version whole. Once all have told, the version
    /// serves from here on.
    pub(crate) fn partition_built(&mut self, event: &Event) -> Option<Activation> {
        let told: ViewPartitionBuilt = system::payload(event)?;
        let partitions = self.head.log.as_ref().map_or(0, |log| log.partitions);
        let coming = self.head.coming.get_mut(&told.version)?;
        // What was told of an earlier declaration of the same version says nothing of this one.
        if coming.declared_at.0 != told.declared_at || told.partition >= partitions {
            return None;
        }
        coming.built.insert(told.partition);
        if u32::try_from(coming.built.len()).unwrap_or(u32::MAX) < partitions {
            return None;
        }
        let coming = self.head.coming.remove(&told.version)?;
        let before = self.compiled.activate(&told.version)?.before;
        self.topology_changed = true;
        let activated = ViewActivated { view: coming.view.clone(), version: told.version.clone() };
        let targets = std::iter::once(PartitionId::Control)
            .chain((0..partitions).map(PartitionId::Data))
            .map(|to| derived(to, names::VIEW_ACTIVATED, &coming, &activated));
        let derived = targets.collect();
        Some(Activation { coming, before, derived })
    }

    /// Writes what an activation changed into the tables that tell of views.
    pub(crate) fn tell_activation<R: StoredRows>(
        &self,
        fold: &mut Fold<'_, R>,
        activation: &Activation,
    ) -> Result<(), ApplyError> {
        if let Some(before) = &activation.before {
            features::tell(fold, before, VersionState::Retired)?;
        }
        if let Some(view) = self.compiled.view(&activation.coming.view) {
            features::tell(fold, view, VersionState::Active)?;
            fold.put(&features::feature_view(view, true));
        }
        Ok(())
    }
}

impl Activation {
    /// Who writes the rows that follow: the request that declared the version. Which partition told
    /// last is a matter of timing, and rows must not depend on it.
    pub(crate) fn writer(&self, event: &Event) -> Event {
        let mut writer = event.clone();
        writer.source.clone_from(&self.coming.source);
        writer.id.clone_from(&self.coming.id);
        writer.project.clone_from(&self.coming.project);
        writer
    }
}

/// A version that serves from here on.
#[derive(Debug)]
pub(crate) struct Activation {
    pub(crate) coming: Coming,
    pub(crate) before: Option<CompiledView>,
    pub(crate) derived: Vec<Derived>,
}

/// What is to come under this topology: what was already, and what it declares anew.
pub(crate) fn coming(
    head: &Head,
    compiled: &Compiled,
    declared_by: &Event,
    declared_at: Offset,
) -> BTreeMap<String, Coming> {
    let each = compiled.coming.iter().map(|view| {
        let version = view.table.version_hex();
        let new = || Coming {
            view: view.table.name.clone(),
            source: declared_by.source.clone(),
            id: declared_by.id.clone(),
            project: declared_by.project.clone(),
            declared_at,
            built: BTreeSet::new(),
        };
        (version.clone(), head.coming.get(&version).cloned().unwrap_or_else(new))
    });
    each.collect()
}

fn named(event: &Event) -> BTreeSet<String> {
    let built = system::payload::<ViewBuilt>(event).map(|built| built.built).unwrap_or_default();
    built.into_iter().map(|named| named.version).collect()
}

fn derived(
    to: PartitionId,
    event_type: &str,
    coming: &Coming,
    payload: &impl serde::Serialize,
) -> Derived {
    let data = serde_json::to_value(payload).unwrap_or_default();
    let mut event = Event::new("", "", event_type, coming.view.clone(), data);
    event.project.clone_from(&coming.project);
    Derived { to, event }
}
