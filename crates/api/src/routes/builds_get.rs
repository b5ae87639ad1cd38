//! `GET /topology/builds`: which versions of feature views are being built, and how far they are.

use axum::{Json, extract::State};
use headwater_engine::{BuildStatus, BuildStep, PartitionStatus};
use headwater_event::PartitionId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiState;

/// What is being built.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Builds {
    /// The hash of the topology that control holds.
    topology: Option<String>,
    /// The versions that are declared and not read yet, as the log says.
    coming: Vec<Coming>,
    /// What this process does about it: not a fold of the log, so that it is in no table.
    builds: Vec<Build>,
}

/// A version that is declared and not read yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Coming {
    /// The view's name.
    view: String,
    /// The version.
    version: String,
    /// How many data partitions have its whole history.
    partitions_built: u64,
    /// How many there are.
    partitions: u64,
}

/// A version of a feature view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    /// The view's name.
    view: String,
    /// The version.
    version: String,
}

/// How far one partition's builder has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Build {
    /// The data partition.
    partition: String,
    /// The versions.
    views: Vec<Version>,
    /// `waiting`, `folding`, `moving`, `handing_over`, or `failed`: it begins again soon.
    #[schema(value_type = String)]
    step: BuildStep,
    /// Records folded so far.
    records_folded: u64,
    /// Records that the partition itself has folded.
    records_of: u64,
    /// Records folded a second.
    records_per_s: u64,
    /// Why it failed, if it did.
    error: Option<String>,
}

/// Which versions of feature views are declared and not read yet, and how far they are built.
#[utoipa::path(get, path = "/topology/builds", tag = "topology", responses((status = 200, body = Builds)))]
pub(crate) async fn get_builds(State(state): State<ApiState>) -> Json<Builds> {
    let engine = state.engine();
    let status = engine.status();
    let control = status.iter().find(|partition| partition.id == PartitionId::Control);
    let partitions = u64::from(engine.log().data_partitions());
    Json(Builds {
        topology: control.and_then(|control| control.head.topology.clone()),
        coming: control.map(|control| coming(control, partitions)).unwrap_or_default(),
        builds: engine.builds().iter().map(build).collect(),
    })
}

fn coming(control: &PartitionStatus, partitions: u64) -> Vec<Coming> {
    let each = control.head.coming.iter().map(|(version, coming)| Coming {
        view: coming.view.clone(),
        version: version.clone(),
        partitions_built: u64::try_from(coming.built.len()).unwrap_or(u64::MAX),
        partitions,
    });
    each.collect()
}

fn build(status: &BuildStatus) -> Build {
    let named = status
        .views
        .iter()
        .map(|named| Version { view: named.view.clone(), version: named.version.clone() });
    Build {
        partition: status.partition.clone(),
        views: named.collect(),
        step: status.step,
        records_folded: status.records_folded,
        records_of: status.records_of,
        records_per_s: status.records_per_s,
        error: status.error.clone(),
    }
}
