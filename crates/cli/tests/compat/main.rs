//! What earlier programs wrote, read by today's: the samples in `compat/`, each kept for ever.
//!
//! A sample is found by its folder; nothing here names one. What newer programs write is refused.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod kept;
mod newer;
mod outcomes;
mod sample;
