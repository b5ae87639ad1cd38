//! The payloads of the built-in event types, one module a family.
//!
//! Each type's JSON Schema stands in `schemas/<type>/v1.json`; it is made from the type here by
//! `cargo xtask schemas`, and a test holds the two equal.

mod feature;
mod registry;
mod serving;
mod system;
mod tracking;

pub use feature::FeatureWritten;
pub use registry::{
    ModelAliasRemoveRequested, ModelAliasRemoved, ModelAliasSet, ModelAliasSetRequested,
    ModelVersionCreateRequested, ModelVersionCreated, RegisteredModelCreateRequested,
    RegisteredModelCreated,
};
pub use serving::{
    LabelObserved, PredictionMade, RolloutChangeRequested, RolloutChanged, TrafficShare,
};
pub use system::{
    ClockMode, ClockTickRequested, ClockTicked, LogOpened, RequestRejected, RulesRaised,
    TopologyApplied, TopologyApplyRequested, ViewActivated, ViewBuilt, ViewPartitionBuilt,
    ViewVersion, WriterClaimed,
};
pub use tracking::{
    Artifact, ExperimentCreateRequested, ExperimentCreated, MetricLogged, MetricValue,
    ParamLogRequested, ParamLogged, RunCreateRequested, RunCreated, RunFinishRequested,
    RunFinished, RunStatus, RunTagSet, RunTagSetRequested,
};
