//! The binary as people run it: real processes on folders of their own.
//!
//! What touches a log is tested on the embedded one, and on Kafka when `HEADWATER_TEST_KAFKA` names a
//! broker, as `make test` does.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod app;
mod as_of;
mod crash;
mod docs;
mod general;
mod history;
mod init;
mod misuse;
mod produce;
mod proof;
mod run;
mod schema;
mod serve;
mod snapshot;
mod sources;
mod topology;
mod trim;
mod views;
