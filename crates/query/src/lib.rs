//! SQL over the views with DataFusion: one catalog, read at one moment.
//!
//! **Invariants.** The only crate that names DataFusion. Reads only: no statement changes a view, a
//! setting or a file, none opens a path or a URL. A query sees one [`Moment`] and nothing after it, and
//! those moments of its past that it names ([`AsOf`]); a moment that is not understood is an error. An
//! error is never a shorter answer: a stream ends with it. Memory is bounded by [`Limits`].
//!
//! Not here: snapshots of a store and the log behind them (`headwater-engine` implements
//! [`PartitionRows`], [`EventSource`] and [`Past`]), output formats and protocols (`headwater-api`).
//! Start reading at [`Sql`]: `parse` says what is a query, `catalog` which tables there are,
//! `tables::rows` how one is read, `versions` how one of the past is.

mod answer;
mod as_of;
mod catalog;
mod constant;
mod dialect;
mod error;
mod filter;
mod functions;
mod limits;
mod moment;
mod options;
mod parse;
mod scan;
mod session;
mod sql;
mod statements;
mod tables;
mod versions;
#[cfg(test)]
mod versions_tests;
mod view_versions;

pub use answer::{Answer, Batches};
pub use as_of::{AsOf, NotAMoment};
pub use error::{Error, ErrorKind, ReadError};
pub use functions::{FunctionDoc, function_docs};
pub use limits::Limits;
pub use moment::{
    EventSource, KeyAndRow, KeysAndRows, Moment, PartitionRows, PartitionState, Past, StorageItem,
};
pub use options::QueryOptions;
pub use sql::Sql;
