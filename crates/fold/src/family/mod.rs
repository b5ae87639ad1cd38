//! The built-in views, one module a family: its tables' rows, and how its events change them.

pub mod effects;
pub mod features;
pub mod log;
pub mod registry;
pub mod serving;
pub mod tracking;

use crate::{Table, TableRow};

/// Every built-in table, in the order in which people list them.
pub fn built_in_tables() -> Vec<&'static Table> {
    vec![
        log::DeadLetter::table(),
        log::Rejection::table(),
        log::AppliedTopology::table(),
        log::LogOrigin::table(),
        log::LateEvent::table(),
        log::SourcePosition::table(),
        features::FeatureViewRow::table(),
        features::FeatureViewVersion::table(),
        tracking::Experiment::table(),
        tracking::Run::table(),
        tracking::Param::table(),
        tracking::LatestMetric::table(),
        tracking::MetricPoint::table(),
        tracking::Tag::table(),
        tracking::RunArtifact::table(),
        registry::RegisteredModel::table(),
        registry::ModelVersion::table(),
        registry::ModelAlias::table(),
        serving::Rollout::table(),
        serving::RolloutRevision::table(),
        serving::Prediction::table(),
        serving::Label::table(),
        effects::Effect::table(),
        effects::EffectGiven::table(),
        effects::EffectDue::table(),
        effects::EffectTotals::table(),
        effects::EffectDeclaration::table(),
        effects::EffectSchedule::table(),
    ]
}
