//! The engine on each log: the same story must hold on all three.

mod backfill;
mod kafka_clients;
mod place;
mod story;
