//! Effects: what should be done in the world, decided as data.
//!
//! ```text
//!  data or control               control                                      the active process
//!  an event is accepted ─▶ effect.requested ─▶ pending ◀─ claim, failed try ─┐
//!                          (outbox)              │ effect.started ──────────▶ running: does it
//!                                                ▼                           │
//!               succeeded · failed · expired · cancelled ◀── effect.finished ┘
//!                          └─▶ effect.completed, and an event of the declared result type
//! ```
//!
//! **Invariants.** All of it is decided on control, whose order is one and whose records carry epochs: what
//! an older epoch writes is refused before it comes here. The key of an effect is made of what its cause
//! is, never of where it stands, so that 1 and 4 partitions ask for the same. The index
//! `log.effects_due` is written with each row, so that nobody ever reads all rows to find what is due.
//!
//! Not here: doing anything (`headwater-engine`).

mod backoff;
mod clock;
mod lifecycle;
mod request;
mod state;

pub(crate) use clock::{claimed, declared, ticked};
pub(crate) use lifecycle::{cancel, fold_record};
pub(crate) use request::ask;
