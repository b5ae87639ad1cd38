//! The HTTP face: events in, SQL and events out, health, metrics, and the description of all of it.
//!
//! **Invariants.** Every error has one shape, [`Problem`], whatever route or layer it comes from. An
//! answer that breaks off never looks whole: its body is aborted. Nothing here decides what an event
//! means; every bound on a request stands in `limits`. Metrics are named in `metrics` only.
//!
//! Not here: checking and folding events (`headwater-engine`), planning and running queries
//! (`headwater-query`), who may call (the server listens on loopback until there are credentials).
//! Start reading at [`router`], then `routes::events_post`.

mod accept;
mod body;
mod formats;
mod limits;
mod metrics;
mod params;
mod problem;
mod router;
mod routes;
mod serve;
mod state;

pub use problem::{AboutEvent, Problem, Violation};
pub use router::router;
pub use serve::serve;
pub use state::{ApiState, Snapshots};
