//! What is declared: the list of feature views, and of all versions that they ever had.

use headwater_event::Timestamp;
use headwater_topology::{Entity, FeatureView};

use crate::{CompiledView, Json, StoredRows, Value, batch::ApplyError, fold::Fold, table::table};

table! {
    /// The feature views that the topology declares.
    FeatureViewRow in "features"."feature_views" keyed by Key (
        /// The view's name, and its table's.
        name: String,
    ) {
        /// What the view tells.
        description: String,
        /// The entity that it describes.
        entity: String,
        /// Who answers for it.
        owner: String,
        /// The version that is read: the hash of the declaration and the fold's revision.
        version: String,
        /// Whether it can be read: the topology that holds declares it, and a version is active.
        active: bool,
        /// The declaration of the version that is read.
        declaration: Json,
    }
}

table! {
    /// Every version that a feature view had. `SELECT … FROM features."name@version"` reads one; the first 8 hex digits are enough.
    FeatureViewVersion in "features"."feature_view_versions" keyed by Key (
        /// The view's name.
        name: String,
        /// The hash of the declaration and the fold's revision, in hex.
        version: String,
    ) {
        /// `building` until every partition has its history, `active` while the name reads it, `retired` after that, `abandoned` if it was given up before. `_offset` is the position of control from which it is so.
        state: String,
        /// The time of the request that declared it last; null if that was before rules 2.
        declared_at: Option<Timestamp>,
        /// The declaration.
        declaration: Json,
        /// The declaration of the entity that it describes.
        entity: Json,
    }
}

/// How a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// Declared, and its history is being folded.
    Building,
    /// Its view's name reads it.
    Active,
    /// It was active.
    Retired,
    /// It was given up while it was building.
    Abandoned,
}

impl VersionState {
    /// As the table tells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Abandoned => "abandoned",
        }
    }
}

impl FeatureViewVersion {
    /// The version, made ready to be read; `None` if its stored declaration can't be.
    pub fn compiled(&self) -> Option<CompiledView> {
        let view: FeatureView = serde_json::from_str(&self.declaration.0).ok()?;
        let entity: Entity = serde_json::from_str(&self.entity.0).ok()?;
        let mut compiled = CompiledView::alone(&self.name, &view, entity);
        // Of the fold's revision that wrote its rows, which need not be today's.
        compiled.table.version = u128::from_str_radix(&self.version, 16).ok()?.to_be_bytes();
        Some(compiled)
    }

    /// Whether its rows are whole, up to now or up to where it was retired.
    pub fn is_readable(&self) -> bool {
        [VersionState::Active, VersionState::Retired].iter().any(|s| s.name() == self.state)
    }
}

/// The row of a view.
pub(crate) fn feature_view(view: &CompiledView, active: bool) -> FeatureViewRow {
    FeatureViewRow {
        name: view.table.name.clone(),
        description: view.declared.description.clone(),
        entity: view.declared.entity.clone(),
        owner: view.declared.owner.clone(),
        version: view.table.version_hex(),
        active,
        declaration: Json::of(&serde_json::to_value(&view.declared).unwrap_or_default()),
    }
}

/// Tells from where on a version stands so, if it did not before.
pub(crate) fn tell<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    view: &CompiledView,
    state: VersionState,
) -> Result<(), ApplyError> {
    let (name, version) = (view.table.name.clone(), view.table.version_hex());
    let key = [Value::Text(name.clone()), Value::Text(version.clone())];
    let before = fold.read::<FeatureViewVersion>(&key)?;
    if before.as_ref().is_some_and(|row| row.state == state.name()) {
        return Ok(());
    }
    let declared_at = match state {
        VersionState::Building => Some(fold.event_time),
        _ => before.and_then(|row| row.declared_at),
    };
    fold.put(&FeatureViewVersion {
        name,
        version,
        state: state.name().to_owned(),
        declared_at,
        declaration: Json::of(&serde_json::to_value(&view.declared).unwrap_or_default()),
        entity: Json::of(&serde_json::to_value(view.entity()).unwrap_or_default()),
    });
    Ok(())
}
