//! The built-in event types: their names, where they go, who may send them, their schemas.

/// The kind of partition that events of a type go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// The control partition.
    Control,
    /// The data partition of the subject.
    Data,
    /// Control first, then a copy for each data partition.
    Everywhere,
}

/// What an event of a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Asks for something that the fold may refuse.
    Request,
    /// Tells what is so; anyone may send it.
    Observation,
    /// Derived by a fold and published by the outbox; never sent by clients.
    Fact,
    /// Written by the active process itself; never sent by clients.
    System,
}

/// One version of a built-in type, as it stands in `schemas/<type>/`.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    /// The JSON Schema of the payload.
    pub schema: &'static str,
    /// A whole event, for docs and tests.
    pub sample: &'static str,
}

/// A built-in event type.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// The CloudEvents type.
    pub name: &'static str,
    /// Where its events go.
    pub home: Home,
    /// What its events are.
    pub role: Role,
    /// Its versions from 1 on; the Rust type is the last one's.
    pub versions: &'static [Version],
    /// The schema that the Rust type declares; a test holds it equal to the newest version's.
    pub declared_schema: fn() -> serde_json::Value,
    /// Reads a payload into the Rust type and writes it again.
    pub round_trip: fn(&serde_json::Value) -> serde_json::Result<serde_json::Value>,
}

impl BuiltIn {
    /// The number of the newest version.
    pub fn newest(&self) -> u32 {
        u32::try_from(self.versions.len()).unwrap_or(u32::MAX)
    }
}

macro_rules! version {
    ($name:literal, $version:literal) => {
        Version {
            schema: include_str!(concat!("../../../schemas/", $name, "/", $version, ".json")),
            sample: include_str!(concat!(
                "../../../schemas/",
                $name,
                "/",
                $version,
                ".sample.json"
            )),
        }
    };
}

macro_rules! built_in {
    ($(
        $constant:ident = $name:literal, $payload:ident, $home:ident, $role:ident
        $(, then $version:literal)*;
    )*) => {
        /// The names of the built-in types.
        pub mod names {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: &str = $name;
            )*
        }

        /// All built-in types.
        pub static BUILT_IN: &[BuiltIn] = &[$(BuiltIn {
            name: $name,
            home: Home::$home,
            role: Role::$role,
            versions: &[
                version!($name, "v1"),
                $(version!($name, $version)),*
            ],
            declared_schema: || schemars::schema_for!(crate::payload::$payload).to_value(),
            round_trip: |data| {
                serde_json::to_value(serde_json::from_value::<crate::payload::$payload>(data.clone())?)
            },
        }),*];
    };
}

built_in! {
    LOG_OPENED = "headwater.log.opened", LogOpened, Everywhere, System;
    LOG_TRIMMED = "headwater.log.trimmed", LogTrimmed, Everywhere, System;
    CLOCK_TICK_REQUESTED = "headwater.clock.tick_requested", ClockTickRequested, Control, Request;
    CLOCK_TICKED = "headwater.clock.ticked", ClockTicked, Everywhere, Fact;
    WRITER_CLAIMED = "headwater.writer.claimed", WriterClaimed, Control, System;
    RULES_RAISED = "headwater.rules.raised", RulesRaised, Control, System;
    TOPOLOGY_APPLY_REQUESTED = "headwater.topology.apply_requested", TopologyApplyRequested, Control, Request;
    TOPOLOGY_APPLIED = "headwater.topology.applied", TopologyApplied, Data, Fact;
    VIEW_BUILT = "headwater.view.built", ViewBuilt, Data, System;
    VIEW_PARTITION_BUILT = "headwater.view.partition_built", ViewPartitionBuilt, Control, Fact;
    VIEW_ACTIVATED = "headwater.view.activated", ViewActivated, Everywhere, Fact;
    REQUEST_REJECTED = "headwater.request.rejected", RequestRejected, Control, Fact;
    FEATURE_WRITTEN = "headwater.feature.written", FeatureWritten, Data, Observation;
    EXPERIMENT_CREATE_REQUESTED = "headwater.experiment.create_requested", ExperimentCreateRequested, Control, Request;
    EXPERIMENT_CREATED = "headwater.experiment.created", ExperimentCreated, Control, Fact;
    RUN_CREATE_REQUESTED = "headwater.run.create_requested", RunCreateRequested, Control, Request;
    RUN_CREATED = "headwater.run.created", RunCreated, Control, Fact;
    PARAM_LOG_REQUESTED = "headwater.param.log_requested", ParamLogRequested, Control, Request;
    PARAM_LOGGED = "headwater.param.logged", ParamLogged, Control, Fact;
    METRIC_LOGGED = "headwater.metric.logged", MetricLogged, Control, Observation, then "v2";
    RUN_TAG_SET_REQUESTED = "headwater.run_tag.set_requested", RunTagSetRequested, Control, Request;
    RUN_TAG_SET = "headwater.run_tag.set", RunTagSet, Control, Fact;
    RUN_FINISH_REQUESTED = "headwater.run.finish_requested", RunFinishRequested, Control, Request;
    RUN_FINISHED = "headwater.run.finished", RunFinished, Control, Fact;
    REGISTERED_MODEL_CREATE_REQUESTED = "headwater.registered_model.create_requested", RegisteredModelCreateRequested, Control, Request;
    REGISTERED_MODEL_CREATED = "headwater.registered_model.created", RegisteredModelCreated, Control, Fact;
    MODEL_VERSION_CREATE_REQUESTED = "headwater.model_version.create_requested", ModelVersionCreateRequested, Control, Request;
    MODEL_VERSION_CREATED = "headwater.model_version.created", ModelVersionCreated, Control, Fact;
    MODEL_ALIAS_SET_REQUESTED = "headwater.model_alias.set_requested", ModelAliasSetRequested, Control, Request;
    MODEL_ALIAS_SET = "headwater.model_alias.set", ModelAliasSet, Control, Fact;
    MODEL_ALIAS_REMOVE_REQUESTED = "headwater.model_alias.remove_requested", ModelAliasRemoveRequested, Control, Request;
    MODEL_ALIAS_REMOVED = "headwater.model_alias.removed", ModelAliasRemoved, Control, Fact;
    PREDICTION_MADE = "headwater.prediction.made", PredictionMade, Data, Observation;
    LABEL_OBSERVED = "headwater.label.observed", LabelObserved, Data, Observation;
    ROLLOUT_CHANGE_REQUESTED = "headwater.rollout.change_requested", RolloutChangeRequested, Control, Request;
    ROLLOUT_CHANGED = "headwater.rollout.changed", RolloutChanged, Control, Fact;
    TICK_CONTINUED = "headwater.tick.continued", TickContinued, Data, Fact;
    PUBLICATION_DELIVERED = "headwater.publication.delivered", PublicationDelivered, Everywhere, System;
    SOURCE_ADVANCED = "headwater.source.advanced", SourceAdvanced, Control, System;
    SOURCE_RECORD_REFUSED = "headwater.source.record_refused", SourceRecordRefused, Data, System;
    EFFECT_REQUESTED = "headwater.effect.requested", EffectRequested, Control, Fact;
    EFFECT_STARTED = "headwater.effect.started", EffectStarted, Control, System;
    EFFECT_FINISHED = "headwater.effect.finished", EffectFinished, Control, System;
    EFFECT_COMPLETED = "headwater.effect.completed", EffectCompleted, Control, Fact;
    EFFECT_CANCEL_REQUESTED = "headwater.effect.cancel_requested", EffectCancelRequested, Control, Request;
}

/// The built-in type of this name.
pub fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.name == name)
}

/// Whether events of this type go to control; all types that are not built in go to data.
pub fn home_of(event_type: &str) -> Home {
    built_in(event_type).map_or(Home::Data, |built_in| built_in.home)
}
