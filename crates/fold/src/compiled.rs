//! A topology made ready to fold by: schemas compiled, views with their tables.

use std::sync::Arc;

use headwater_event::{BadSchema, DeclaredType, Schemas, Timestamp, upcast::Chain};
use headwater_topology::{Entity, EventType, FeatureView, JoinKey, Topology, ViewSource};
use serde::{Deserialize, Serialize};

use crate::{Damaged, FeatureColumns, FoldError, PartitionError, StoredRows, Table, feature};

/// A declared view with its table.
#[derive(Debug, Clone)]
pub struct CompiledView {
    /// The declaration.
    pub declared: FeatureView,
    /// The entity's join keys.
    pub join_keys: Vec<JoinKey>,
    /// Its table.
    pub table: Table,
    /// How events of its source become what the declaration reads: a history that is folded later
    /// is read as today's events are.
    pub(crate) chain: Chain,
    /// What that chain was declared by, where it has steps: a version that is kept goes on by it.
    pub(crate) stepped: Option<Arc<EventType>>,
    /// Whether its rows are kept up to date; not so while its history is folded beside.
    pub live: bool,
    pub(crate) entity_description: String,
    pub(crate) no_columns: FeatureColumns,
}

/// A topology made ready, and which version each view's name reads.
///
/// A version with history to fold serves only once it is activated. Until then the name reads the
/// version before, if there was one.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The schemas that hold.
    pub schemas: Schemas,
    /// Of each view the version that its name reads, by name.
    pub views: Vec<CompiledView>,
    /// The declared versions that their names do not read yet, by name.
    pub coming: Vec<CompiledView>,
    /// The declaration.
    pub topology: Topology,
}

/// What a store keeps of it, as JSON. Before rules 2 it was the bare declaration; both are read.
#[derive(Debug, Serialize, Deserialize)]
struct StoredTopology {
    declared: Topology,
    /// The versions that do not serve yet.
    coming: Vec<String>,
    /// The older versions that serve in their place.
    kept: Vec<KeptView>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptView {
    name: String,
    view: FeatureView,
    entity: Entity,
    /// Where its source has steps: the version, which they are part of, and the type as it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stepped: Option<Stepped>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stepped {
    version: String,
    event_type: EventType,
}

impl CompiledView {
    fn new(name: &str, view: &FeatureView, topology: &Topology) -> Self {
        let entity = topology.entities.get(&view.entity);
        Self {
            declared: view.clone(),
            join_keys: entity.map(|entity| entity.join_keys.clone()).unwrap_or_default(),
            table: Table::of_feature_view(name, view, topology),
            chain: Chain::default(),
            stepped: None,
            live: true,
            entity_description: entity.map(|e| e.description.clone()).unwrap_or_default(),
            no_columns: FeatureColumns::default(),
        }
    }

    /// Its table, and those that go with it: open windows and late events, if its windows close.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.table.clone()];
        if self.declared.lateness_ms.is_some() {
            tables.extend(feature::companions(&self.table));
        }
        tables
    }

    /// The end of the open window that ends first in these rows, whose windows are closed up to a watermark.
    pub fn next_window_end<R: StoredRows>(
        &self,
        rows: &R,
        closed_until: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, FoldError> {
        let Some(closer) = feature::Closer::of(self, false) else { return Ok(None) };
        let (from, until) = closer.due(closed_until, Timestamp::from_micros(i64::MAX - 1));
        let first = rows.first(&from, &until, 1)?.into_iter().next();
        let end = first.map(|(key, _)| closer.read_due(&key)).transpose()?;
        Ok(end.map(|(end, _)| Timestamp::from_micros(end)))
    }

    /// A view from its own declaration and its entity's, without the topology around them.
    pub fn alone(name: &str, view: &FeatureView, entity: Entity) -> Self {
        let mut topology = Topology::default();
        topology.entities.insert(view.entity.clone(), entity);
        Self::new(name, view, &topology)
    }

    /// The entity that it describes.
    pub fn entity(&self) -> Entity {
        Entity { description: self.entity_description.clone(), join_keys: self.join_keys.clone() }
    }
}

impl Compiled {
    /// Compiles a topology all of whose views serve; fails if one of its schemas is no JSON Schema.
    pub fn new(built_in: &Schemas, topology: Topology) -> Result<Self, BadSchema> {
        let schemas =
            built_in.with_declared(topology.event_types.iter().map(|(name, event_type)| {
                DeclaredType { name, schemas: &event_type.schemas, upcasts: &event_type.upcasts }
            }))?;
        let views = topology
            .feature_views
            .iter()
            .map(|(name, view)| {
                let compiled = CompiledView::new(name, view, &topology);
                let ViewSource::Events { event_type, .. } = &view.source else { return compiled };
                let declared = topology.event_types.get(event_type);
                CompiledView {
                    chain: schemas.chain(event_type).cloned().unwrap_or_default(),
                    stepped: declared
                        .filter(|declared| !declared.upcasts.is_empty())
                        .map(|declared| Arc::new(declared.clone())),
                    ..compiled
                }
            })
            .collect();
        Ok(Self { schemas, views, coming: Vec::new(), topology })
    }

    /// The version of this view that its name reads.
    pub fn view(&self, name: &str) -> Option<&CompiledView> {
        self.views.iter().find(|view| view.table.name == name)
    }

    /// What holds once this topology is declared after the one that holds here: versions that serve
    /// go on, all others are to come, and names whose version is to come read the one they read now.
    pub fn succeeded_by(&self, built_in: &Schemas, topology: Topology) -> Result<Self, BadSchema> {
        let fresh = Self::new(built_in, topology)?;
        let (mut views, mut coming) = (Vec::new(), Vec::new());
        for view in fresh.views {
            let before = self.view(&view.table.name);
            if before.is_some_and(|before| before.table.version == view.table.version) {
                views.push(view);
                continue;
            }
            views.extend(before.cloned());
            let same = |old: &&CompiledView| old.table.version == view.table.version;
            let live = self.coming.iter().find(same).is_some_and(|old| old.live);
            coming.push(CompiledView { live, ..view });
        }
        Ok(Self { views, coming, ..fresh })
    }

    /// From here on this version serves; `None` if it is not to come.
    pub(crate) fn activate(&mut self, version: &str) -> Option<Activated> {
        let place = self.coming.iter().position(|view| view.table.version_hex() == version)?;
        let view = CompiledView { live: true, ..self.coming.remove(place) };
        let name = view.table.name.clone();
        let before = match self.views.binary_search_by(|view| view.table.name.cmp(&name)) {
            Ok(place) => self.views.get_mut(place).map(|old| std::mem::replace(old, view)),
            Err(place) => {
                self.views.insert(place, view);
                None
            }
        };
        Some(Activated { before })
    }

    /// The stored form.
    pub fn to_stored(&self) -> serde_json::Result<Vec<u8>> {
        let comes = |view: &&CompiledView| self.comes(&view.table.name);
        serde_json::to_vec(&StoredTopology {
            declared: self.topology.clone(),
            coming: self.coming.iter().map(|view| view.table.version_hex()).collect(),
            kept: self.views.iter().filter(comes).map(KeptView::of).collect(),
        })
    }

    /// Reads the stored form. Which of the versions to come are live is told by the head.
    pub fn from_stored(built_in: &Schemas, stored: &[u8]) -> Result<Self, PartitionError> {
        let damaged = |error| PartitionError::Json("topology", error);
        let json: serde_json::Value = serde_json::from_slice(stored).map_err(damaged)?;
        if json.get("declared").is_none() {
            let declared = serde_json::from_value(json).map_err(damaged)?;
            return Ok(Self::new(built_in, declared)?);
        }
        let stored: StoredTopology = serde_json::from_value(json).map_err(damaged)?;
        let mut compiled = Self::new(built_in, stored.declared)?;
        let comes = |view: &CompiledView| stored.coming.contains(&view.table.version_hex());
        let (coming, mut views): (Vec<_>, Vec<_>) = compiled.views.into_iter().partition(comes);
        compiled.coming = coming.into_iter().map(|v| CompiledView { live: false, ..v }).collect();
        let kept = stored.kept.into_iter();
        for kept in kept {
            views.push(kept.into_view(built_in)?);
        }
        views.sort_by(|a, b| a.table.name.cmp(&b.table.name));
        compiled.views = views;
        Ok(compiled)
    }

    /// Whether a version of this view is to come.
    pub fn comes(&self, name: &str) -> bool {
        self.coming.iter().any(|view| view.table.name == name)
    }
}

/// What an activation changed.
#[derive(Debug)]
pub(crate) struct Activated {
    /// The version that served until now.
    pub(crate) before: Option<CompiledView>,
}

impl KeptView {
    fn of(view: &CompiledView) -> Self {
        Self {
            name: view.table.name.clone(),
            view: view.declared.clone(),
            entity: view.entity(),
            stepped: view
                .stepped
                .as_deref()
                .cloned()
                .map(|event_type| Stepped { version: view.table.version_hex(), event_type }),
        }
    }

    fn into_view(self, built_in: &Schemas) -> Result<CompiledView, PartitionError> {
        let mut view = CompiledView::alone(&self.name, &self.view, self.entity);
        let (Some(Stepped { version, event_type }), ViewSource::Events { event_type: name, .. }) =
            (self.stepped, &self.view.source)
        else {
            return Ok(view);
        };
        let EventType { schemas, upcasts, .. } = &event_type;
        let declared = DeclaredType { name, schemas, upcasts };
        let schemas = built_in.with_declared([declared])?;
        view.chain = schemas.chain(name).cloned().unwrap_or_default();
        let version = u128::from_str_radix(&version, 16).map_err(|_| Damaged("kept view"))?;
        view.table.version = version.to_be_bytes();
        view.stepped = Some(Arc::new(event_type));
        Ok(view)
    }
}
