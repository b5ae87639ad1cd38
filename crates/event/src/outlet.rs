//! The sequence of the outbox: where a derived event comes from.

use std::{fmt, str::FromStr};

use crate::{Offset, PartitionId};

/// The event derived as number `index` from the record at `offset` of `partition`.
///
/// Written `control:123:0`. Outlets of one source rise, so a target that keeps the last one it saw
/// knows a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outlet {
    /// Where the cause stands.
    pub partition: PartitionId,
    /// The cause's offset.
    pub offset: Offset,
    /// Which of the events that the cause brought forth.
    pub index: u32,
}

impl fmt::Display for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.partition, self.offset, self.index)
    }
}

/// The text is not of the form `partition:offset:index`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not of the form partition:offset:index, such as control:123:0")]
pub struct NotAnOutlet(String);

impl FromStr for Outlet {
    type Err = NotAnOutlet;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split(':');
            let outlet = Self {
                partition: parts.next()?.parse().ok()?,
                offset: Offset(parts.next()?.parse().ok()?),
                index: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(outlet)
        };
        parse().ok_or_else(|| NotAnOutlet(text.chars().take(64).collect()))
    }
}
