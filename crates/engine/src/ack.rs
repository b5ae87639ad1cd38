//! How far an event must have come before its producer is told.

use std::{fmt, str::FromStr};

use headwater_log::AppendAck;

/// What a producer waits for; named so in every face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// On the log: survives `kill -9`; synced within 10 ms.
    Written,
    /// Synced: survives a power loss.
    Durable,
    /// Durable and folded: the outcome is known.
    #[default]
    Folded,
}

impl Ack {
    pub(crate) fn of_append(self) -> AppendAck {
        match self {
            Self::Written => AppendAck::Written,
            Self::Durable | Self::Folded => AppendAck::Durable,
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written => "written",
            Self::Durable => "durable",
            Self::Folded => "folded",
        })
    }
}

/// The text names no ack.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an ack: write written, durable or folded")]
pub struct NotAnAck(String);

impl FromStr for Ack {
    type Err = NotAnAck;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "written" => Ok(Self::Written),
            "durable" => Ok(Self::Durable),
            "folded" => Ok(Self::Folded),
            _ => Err(NotAnAck(text.to_owned())),
        }
    }
}
