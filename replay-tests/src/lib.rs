//! Replay tests: a case is events, a script, and the golden text that carrying it out must give.
//!
//! A case is carried out in many ways: straight through, twice from nothing, with crashes, on one data
//! partition and on four, on the embedded log and on Kafka. All must give the one golden; nothing in it is
//! redacted. Each way is a process of its own that a crash ends as `kill -9` would: it aborts itself in the
//! midst, nothing is closed, and the next process finds what is on disk.
//!
//! **Invariants.** What a case prints is content: provenance is refused but where a case fixes its layout. The
//! log's clock is given. After each act the process waits until all that follows from it is folded, so that no
//! answer depends on which partition was faster.
//!
//! Not here: the cases (`replay-tests/cases`), how to write one (`replay-tests/README.md`). Start reading at
//! [`script`], then [`perform`] and [`ways`].

pub mod acts;
pub mod case;
mod commands;
pub mod difference;
mod engines;
pub mod job;
pub mod perform;
mod place;
pub mod run;
pub mod script;
mod shown;
mod topologies;
pub mod ways;
