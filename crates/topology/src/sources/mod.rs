//! The section `sources`: topics of the users' own whose records are mapped to events.
//!
//! `read` takes the section from YAML, `link` checks it against the rest, `model` is what travels in the
//! topology, and `mapping` is what it means: one record to one event, or to none.

mod link;
mod mapping;
mod model;
mod read;

pub(crate) use link::link_source;
pub use mapping::{Mapping, RECORD_BYTES_MAX, SourceRecord};
pub use model::{RecordData, RecordPlace, RecordTime, Source, Start, TimeUnit};
pub(crate) use read::{SourceDeclared, read_source};
