//! Topics that are read and mapped: crashes between any two steps, changes, bad records, a real broker.

mod changes;
mod crash;
mod cut_log;
mod examples;
mod feed;
