//! A topology made ready to fold by: schemas compiled, views with their tables.

use headwater_event::{BadSchema, DeclaredType, Schemas, upcast::Chain};
use headwater_topology::{FeatureView, JoinKey, Topology, ViewSource};

use crate::{FeatureColumns, Table};

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
    pub(crate) no_columns: FeatureColumns,
}

/// A topology made ready.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The schemas that hold.
    pub schemas: Schemas,
    /// The views, by name.
    pub views: Vec<CompiledView>,
    /// The declaration.
    pub topology: Topology,
}

impl Compiled {
    /// Compiles a topology; fails if one of its schemas is no JSON Schema.
    pub fn new(built_in: &Schemas, topology: Topology) -> Result<Self, BadSchema> {
        let schemas =
            built_in.with_declared(topology.event_types.iter().map(|(name, event_type)| {
                DeclaredType { name, schemas: &event_type.schemas, upcasts: &event_type.upcasts }
            }))?;
        let views = topology
            .feature_views
            .iter()
            .map(|(name, view)| CompiledView {
                declared: view.clone(),
                join_keys: topology
                    .entities
                    .get(&view.entity)
                    .map(|entity| entity.join_keys.clone())
                    .unwrap_or_default(),
                table: Table::of_feature_view(name, view, &topology),
                chain: match &view.source {
                    ViewSource::Events { event_type, .. } => schemas.chain(event_type).cloned(),
                    ViewSource::Written => None,
                }
                .unwrap_or_default(),
                no_columns: FeatureColumns::default(),
            })
            .collect();
        Ok(Self { schemas, views, topology })
    }

    /// The view of this name.
    pub fn view(&self, name: &str) -> Option<&CompiledView> {
        self.views.iter().find(|view| view.table.name == name)
    }
}
