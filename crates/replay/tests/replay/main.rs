//! Proofs: of views by folding the log again, and of the log by reading it again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod as_of;
mod forged_log;
mod from_store;
mod log;
mod place;
mod sealed;
mod side_by_side;
mod tamper;
