//! The payloads of the built-in event types, one module a family.
//!
//! The JSON Schema of a type's newest version stands in `schemas/<type>/`; it is made from the type
//! here by `cargo xtask schemas`, and a test holds the two equal. Older versions' schemas lie beside it,
//! as they were; [`upcast`](crate::upcast) makes their payloads the newest.

mod effect;
mod feature;
mod registry;
mod serving;
mod source;
mod system;
mod tracking;

pub use effect::{
    EffectCancelRequested, EffectCause, EffectCompleted, EffectFinished, EffectOutcome,
    EffectRequested, EffectStarted,
};
pub use feature::FeatureWritten;
pub use registry::{
    ModelAliasRemoveRequested, ModelAliasRemoved, ModelAliasSet, ModelAliasSetRequested,
    ModelVersionCreateRequested, ModelVersionCreated, RegisteredModelCreateRequested,
    RegisteredModelCreated,
};
pub use serving::{
    LabelObserved, PredictionMade, RolloutChangeRequested, RolloutChanged, TrafficShare,
};
pub use source::{SourceAdvanced, SourcePartition, SourceRecordRefused};
pub use system::{
    ClockMode, ClockTickRequested, ClockTicked, LogOpened, LogTrimmed, OriginPosition,
    PublicationDelivered, RequestRejected, RulesRaised, TickContinued, TopologyApplied,
    TopologyApplyRequested, ViewActivated, ViewBuilt, ViewPartitionBuilt, ViewVersion,
    WriterClaimed,
};
pub use tracking::{
    Artifact, ExperimentCreateRequested, ExperimentCreated, METRICS_MAX, Metric, MetricLogged,
    MetricValue, ParamLogRequested, ParamLogged, RunCreateRequested, RunCreated,
    RunFinishRequested, RunFinished, RunStatus, RunTagSet, RunTagSetRequested,
};
