//! What became of a record: told to the caller who waits, and kept with the event's id.

use headwater_event::{Offset, Refusal, Timestamp};
use serde::{Deserialize, Serialize};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// Folded; with what the fold assigned, such as a version's number.
    Accepted {
        /// The payload of the fact that followed; null if none did.
        #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
        assigned: serde_json::Value,
    },
    /// Refused by the fold, and on record in `log.rejections`.
    Rejected {
        /// Why.
        refusal: Refusal,
    },
    /// No event, and kept in `log.dead_letters`.
    DeadLetter {
        /// Why.
        refusal: Refusal,
    },
    /// Found in the wrong partition; the outbox appends it where it belongs.
    Misrouted,
}

impl Outcome {
    /// Whether the event, or the first of its repeats, was folded.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// What is kept of an event's id, so that repeats are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// The day of the log's clock.
    pub(crate) day: i64,
    /// Where it came first.
    pub(crate) offset: Offset,
    /// The content's hash.
    pub(crate) content: [u8; 16],
    /// The first outcome; facts and plain acceptances are not repeated here.
    pub(crate) outcome: Option<Outcome>,
}

impl Seen {
    pub(crate) fn new(
        at: Timestamp,
        offset: Offset,
        content: &[u8; 16],
        outcome: &Outcome,
    ) -> Self {
        let plain = *outcome == Outcome::Accepted { assigned: serde_json::Value::Null };
        Self {
            day: at.day(),
            offset,
            content: *content,
            outcome: (!plain).then(|| outcome.clone()),
        }
    }

    /// ```text
    /// seen := 0x02 · day i32 LE · offset u64 LE · content 16 bytes · [outcome as JSON]
    /// ```
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![2];
        out.extend_from_slice(&i32::try_from(self.day).unwrap_or(i32::MAX).to_le_bytes());
        out.extend_from_slice(&self.offset.0.to_le_bytes());
        out.extend_from_slice(&self.content);
        if let Some(outcome) = &self.outcome {
            out.extend(serde_json::to_vec(outcome).unwrap_or_default());
        }
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, crate::Damaged> {
        let parse = || {
            let (version, rest) = bytes.split_at_checked(1)?;
            let (day, rest) = rest.split_at_checked(4)?;
            let (offset, rest) = rest.split_at_checked(8)?;
            let (content, outcome) = rest.split_at_checked(16)?;
            let outcome = match outcome {
                [] => None,
                json => Some(serde_json::from_slice(json).ok()?),
            };
            (version == [2]).then_some(())?;
            Some(Self {
                day: i64::from(i32::from_le_bytes(day.try_into().ok()?)),
                offset: Offset(u64::from_le_bytes(offset.try_into().ok()?)),
                content: content.try_into().ok()?,
                outcome,
            })
        };
        parse().ok_or(crate::Damaged("id index"))
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome.clone().unwrap_or(Outcome::Accepted { assigned: serde_json::Value::Null })
    }
}

/// Where an event that the index of repeats knows came first; `None` if the entry is damaged.
pub fn seen_at(entry: &[u8]) -> Option<Offset> {
    Seen::from_bytes(entry).ok().map(|seen| seen.offset)
}
