//! The engine on each log: the same story must hold on all three.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod backfill;
mod kafka_clients;
mod live;
mod past;
mod place;
mod sources;
mod story;
mod succession;
