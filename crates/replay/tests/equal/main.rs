//! Equal however it is folded: a random workload over all families, carried out and folded in many ways.
//!
//! A case is a workload, some ways and some moments. The workload is carried out plainly, with one data
//! partition and with four: the embedded log, nothing sealed, nothing stopped. Each way carries it out
//! again, or takes the records that a plain one left: on either log, in batches of 1 to 10,000 records,
//! sealed in short stretches, stopped in the midst, from a snapshot, from a store of an older format. All
//! must come to the same digests and rows, a replay must come to them too, and what was seen at a moment
//! must be read as of that moment ever after.
//!
//! Start reading at `case`, then `ways`. `HEADWATER_PROPERTY_CASES` says how many cases there are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail loudly"
)]

mod app;
mod broken;
mod carry;
mod case;
mod case_folder;
mod covered;
mod drive;
mod events;
mod moments;
mod place;
mod property;
mod seen;
mod ways;
mod workload;
