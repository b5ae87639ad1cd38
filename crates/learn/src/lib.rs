//! Training of simple models and the measures that judge them.
//!
//! A [`Frame`] of labelled rows is [`train`]ed into a [`Model`], which is its own bytes: canonical,
//! versioned JSON, named by a SHA-256. [`Measures`] judge its probabilities, beside a constant's.
//!
//! **Invariants.** Pure: no clock, randomness, environment, files or network is asked by this crate.
//! - A model's bytes and a vector's features have one probability and one set of measures on every
//!   CPU: they are computed here, in a written order, with `libm` alone.
//! - Equal models have equal bytes: [`Model::from_bytes`] takes the canonical spelling only.
//! - An equal frame (rows in an equal order) and equal [`Settings`] train to equal bytes **on equal
//!   machines**, not on every CPU: linfa multiplies matrices with the widest instructions found at
//!   run time and takes `exp` and `ln` from the platform. Measured: glibc without FMA gave other bytes
//!   for three of six frames, by the last bits of a coefficient. So a replay takes the recorded
//!   bytes; training anew elsewhere proves them by predictions, not by hash.
//!
//! Not here: where rows come from and which row is whose (the caller keeps row ids), splitting into
//! training and test rows, storing models, deciding which model is better.
//! Start reading at [`train`], then [`Model::predict`].

mod error;
mod frame;
mod logistic;
mod measures;
mod model;
mod scaler;
mod stored;

pub use error::{Error, ErrorKind};
pub use frame::{FEATURE_NAME_BYTES_MAX, FEATURES_MAX, Frame, VALUES_MAX};
pub use logistic::{ITERATIONS_MAX, Settings, train};
pub use measures::{LOG_LOSS_CLIP, Measures};
pub use model::Model;
pub use scaler::Scaler;
pub use stored::{FORMAT, MODEL_BYTES_MAX};

#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod generator;
#[cfg(test)]
mod logistic_tests;
#[cfg(test)]
mod measures_tests;
#[cfg(test)]
mod model_tests;
