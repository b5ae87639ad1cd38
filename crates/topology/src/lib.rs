//! `topology/*.yaml` to a checked [`Topology`], or every problem by file and line.
//!
//! **Invariants.** Pure: it is given texts, never paths to open. All problems are told at once, in
//! the order of files and lines, whatever order the files were given in. A topology that was checked
//! here is taken by every fold.
//!
//! Not here: reading files (the binary), evaluating the SQL of derived features (`headwater-query`),
//! validating payloads (`headwater-event`).
//! Start reading at [`check`]: `yaml` reads a text into a tree with places, `event_types`,
//! `entities` and `feature_views` read declarations from trees, and `link` checks what they say of
//! each other; `evolution` compares a topology with the one that held before.

mod check;
mod complaint;
mod derived_events;
mod difference;
mod duration;
mod effect;
mod effect_kinds;
mod effects;
mod entities;
mod event_types;
mod evolution;
mod feature_views;
mod features;
mod fields;
mod filters;
mod kinds;
mod limits;
mod link;
mod link_effects;
mod link_features;
mod link_flows;
mod link_windows;
mod model;
mod names;
mod paths;
mod pointers;
mod problem;
mod publications;
mod retention;
mod schemas;
mod source;
mod sources;
mod steps;
mod value_types;
mod windows;
mod yaml;

pub use check::{check, check_against, schema_folders};
pub use difference::{Change, Difference, Differences};
pub use effect::{
    CommandEffect, CommandInput, Effect, EffectInput, EffectKind, EffectLimits, EffectTrigger,
    HttpEffect,
};
pub use evolution::{Breaking, compatible, unreadable};
pub use link_effects::causes_effects;
pub use model::{
    Aggregate, CalendarUnit, DerivedEvent, DerivedFeature, Entity, EventType, Feature, FeatureView,
    JoinKey, KeyType, Publication, Retention, Topology, ValueAt, ValueType, ViewSource, Window,
};
pub use problem::Problem;
pub use source::SourceFile;
pub use sources::{
    Mapping, RECORD_BYTES_MAX, RecordData, RecordPlace, RecordTime, Source, SourceRecord, Start,
    TimeUnit,
};
