//! Folds shown at work: lines of events, and the rows that they give.

mod bad_input;
mod bench_log;
mod effects;
mod evolution;
mod features;
mod monoid;
mod partitions;
mod requests;
mod sessions;
mod succession;
mod windows;
