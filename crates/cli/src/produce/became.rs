//! What became of an event, in the words of the summary.

use headwater_engine::{Ack, Submitted};
use headwater_event::Refusal;
use headwater_fold::Outcome;

/// Why an event was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// The kind, such as `unknown_type`.
    pub(crate) reason: String,
    /// What and where.
    pub(crate) detail: String,
    /// What to do about it.
    pub(crate) advice: String,
}

impl Why {
    /// What a refusal says.
    pub(crate) fn of(refusal: &Refusal) -> Self {
        Self {
            reason: refusal.reason.name().to_owned(),
            detail: refusal.detail.clone(),
            advice: refusal.reason.advice().to_owned(),
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Became {
    /// It came as far as the ack asks.
    Accepted,
    /// Refused before the log; it is not on it.
    Refused(Why),
    /// On the log, and refused by the fold: on record in `log.rejections` or `log.dead_letters`.
    Rejected(Why),
    /// On the log; its outcome is not known yet.
    Pending,
    /// The log did not take it.
    Unavailable(String),
}

impl Became {
    /// What the engine answered.
    pub(crate) fn of(submitted: Submitted, ack: Ack) -> Self {
        match submitted {
            Submitted::Refused(refusal) => Self::Refused(Why::of(&refusal)),
            Submitted::Unavailable(why) => Self::Unavailable(why),
            Submitted::Appended(receipt) => match receipt.outcome {
                Some(Outcome::Accepted { .. }) => Self::Accepted,
                Some(Outcome::Rejected { refusal } | Outcome::DeadLetter { refusal }) => {
                    Self::Rejected(Why::of(&refusal))
                }
                None if ack != Ack::Folded => Self::Accepted,
                Some(Outcome::Misrouted) | None => Self::Pending,
            },
        }
    }
}
