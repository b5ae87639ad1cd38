//! The HTTP face over a real socket, a real engine, a log in memory and stores in a folder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod as_of;
mod events;
mod routes;
mod server;
mod sql;
