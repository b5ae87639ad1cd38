//! Where a record stands: a partition and an offset in it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A partition of the log: the one control partition, or one of N data partitions.
///
/// Written `control`, `0`, `1`, … wherever people read or write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PartitionId {
    /// Totally ordered: topology, tracking, registry, rollouts, the clock.
    Control,
    /// Features and app events, predictions, labels.
    Data(u32),
}

impl PartitionId {
    /// Control first, then the data partitions in order.
    pub fn all(data_partitions: u32) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Control).chain((0..data_partitions).map(Self::Data))
    }

    /// A stable number for stored bytes: 0 for control, n + 1 for data partition n.
    pub fn code(self) -> u32 {
        match self {
            Self::Control => 0,
            Self::Data(n) => n.saturating_add(1),
        }
    }

    /// The partition with this [`PartitionId::code`].
    pub fn from_code(code: u32) -> Self {
        code.checked_sub(1).map_or(Self::Control, Self::Data)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("control"),
            Self::Data(n) => write!(f, "{n}"),
        }
    }
}

/// The text is neither `control` nor a number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a partition: write `control` or a number")]
pub struct NotAPartition(String);

impl FromStr for PartitionId {
    type Err = NotAPartition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "control" {
            return Ok(Self::Control);
        }
        text.parse().map(Self::Data).map_err(|_| NotAPartition(text.to_owned()))
    }
}

impl From<PartitionId> for String {
    fn from(partition: PartitionId) -> Self {
        partition.to_string()
    }
}

impl TryFrom<String> for PartitionId {
    type Error = NotAPartition;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The place of a record in its partition. Offsets rise and may have gaps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The first offset that could follow this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
