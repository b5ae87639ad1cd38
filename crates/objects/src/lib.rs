//! Objects by key, in a folder or in S3-compatible storage, behind one door.
//!
//! [`Objects::open`] takes a path, `file:///…` or `s3://bucket/prefix`; whoever uses it need not know
//! which. Both kinds pass one suite of tests, the second against a real server.
//!
//! **Invariants.** An object is there whole or not at all: a folder's file is written beside its
//! place, synced and renamed, and the folder is synced; S3 shows an object once its upload is
//! complete. Memory is bounded whatever an object's size. Retries and timeouts are bounded (see
//! `limits`). No error and no log line holds a secret. Nothing else in the workspace writes to object
//! storage.
//!
//! # What is not here
//!
//! What objects mean, and checks of their content: callers name them and hash them. The environment:
//! callers hand over properties. Start reading at [`Objects`], then `bucket` and `folder`.

mod bucket;
mod error;
mod folder;
mod key;
mod limits;
mod objects;
mod place;
mod secrets;
#[cfg(feature = "testing")]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "only tests use it")]
pub mod testing;

use std::collections::BTreeMap;

pub use bucket::is_property;
pub use error::{Error, ErrorKind, Result};
pub use key::Key;
pub use objects::{Object, Objects};
pub use place::is_secret_property;

/// How object storage is reached: names as in the environment, in small letters (`aws_endpoint`).
pub type Properties = BTreeMap<String, String>;
