//! Effects on real logs: done at least once whatever ends the process, and not done again by a replay.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod calls;
mod crashes;
mod isolation;
mod place;
mod programs;
mod queries;
mod world;
