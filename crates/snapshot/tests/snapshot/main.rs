//! Snapshots on both logs and in both homes of objects: what is restored is what a replay gives, and
//! what can't be restored is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail loudly"
)]

mod altered_log;
mod damage;
mod history;
mod load;
mod place;
mod prune;
mod refusals;
mod tail;
mod trim;
