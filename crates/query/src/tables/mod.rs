//! The tables: views' rows, the log's events, positions and digests.

pub(crate) mod columns;
pub(crate) mod cursor;
pub(crate) mod derived;
pub(crate) mod digests;
pub(crate) mod events;
pub(crate) mod late_events;
pub(crate) mod merge;
pub(crate) mod positions;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod slide;
pub(crate) mod states;
pub(crate) mod storage;
pub(crate) mod writer;
