//! Tables as of moments of the past: every shape of query against a plain fold, settings, refusals.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../support/mod.rs"]
mod support;

mod model;
mod names;
mod refusals;
mod sessions;
mod shapes;
mod tables;
