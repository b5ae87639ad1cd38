//! Effects: what control's fold says should be done in the world, done here.
//!
//! `runner` reads what is due and gives each try to a task; `attempt` takes the lease, does it, and appends
//! what came of it; `http`, `sql` and `command` are the kinds. Whether another try follows, the fold says.
//!
//! **Invariants.** Nothing is done before the fold has granted the lease, and everything that was granted
//! is told, or falls due again when another process becomes the active one: so each effect is done at
//! least once. Every kind is bounded in time and in what it brings back. A replay has no runner.
//!
//! Not here: when and how often (`headwater-fold`), what is declared (`headwater-topology`). A new kind is
//! a variant of `EffectKind` there, and here a module with one function and its line in
//! [`Kinds::carry_out`](kinds::Kinds).

mod address;
mod attempt;
mod command;
mod config;
mod due;
mod http;
mod kinds;
mod outcome;
mod output;
mod runner;
mod secrets;
mod sql;

pub use address::{AllowedHost, NotAHost};
pub use config::{EffectStep, EffectWatch, EffectsConfig};
pub(crate) use due::{tick_is_due, totals};
pub(crate) use runner::run;
