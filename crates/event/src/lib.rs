//! The envelope, the event types and their schemas, canonical bytes, placement and signatures.
//!
//! **Invariants.** Pure: no clock, randomness, environment, files or network. Bytes become an
//! [`Event`] in one place ([`decode`]) and a [`Refusal`] says in one shape why they did not. Equal
//! events have equal [`Event::content_hash`]es, however they were spelled. Payloads are read in the
//! newest version of their type ([`upcast`]); on the log they stay as they were written.
//!
//! Not here: what follows from an event (`headwater-fold`), where it is kept (`headwater-log`).
//! Start reading at [`Event`], then [`catalog`].

mod canonical;
pub mod catalog;
mod decode;
mod encode;
mod envelope;
pub mod limits;
mod outlet;
mod partition;
pub mod payload;
mod placement;
mod problem;
mod record;
mod schema;
mod signature;
mod time;
pub mod upcast;

pub use canonical::{canonical_json, canonical_text};
pub use decode::{BATCH, STRUCTURED, decode, decode_batch, decode_binary, decode_structured};
pub use envelope::{ANONYMOUS, DEFAULT_PROJECT, Event};
pub use outlet::{NotAnOutlet, Outlet};
pub use partition::{NotAPartition, Offset, PartitionId};
pub use placement::partition_for;
pub use problem::{Reason, Refusal, Violation};
pub use record::{Header, NewRecord, Record};
pub use schema::{BadSchema, DeclaredType, Schemas};
pub use signature::{EPOCH_HEADER, SIGNATURE_HEADER, Signer, Verifier};
pub use time::{NotATime, Timestamp};

#[cfg(test)]
mod catalog_tests;
#[cfg(test)]
mod decode_tests;
