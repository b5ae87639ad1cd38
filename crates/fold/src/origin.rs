//! A log whose first records were taken away: a snapshot is its origin.
//!
//! Decided on control, by the active process's own record; each data partition learns its part from a
//! copy. What was folded before stays as it is: only records go, and with them the proof by replay of what
//! lies before the origin.

use headwater_event::{
    Event, Offset, PartitionId,
    payload::{LogTrimmed, OriginPosition},
};

use crate::{Derived, Head, Json, Origin, family::log::LogOrigin, rules::Rules, system};

/// What follows on control when the log was trimmed.
pub(crate) struct Trimmed {
    pub(crate) row: LogOrigin,
    pub(crate) copies: Vec<Derived>,
}

/// The log begins with a snapshot from here on. An origin never moves back.
pub(crate) fn trimmed(head: &mut Head, id: PartitionId, event: &Event) -> Option<Trimmed> {
    let trimmed: LogTrimmed = system::payload(event)?;
    if id == PartitionId::Control && !Rules::of(head).trim() {
        return None;
    }
    let origin = origin(&trimmed, id)?;
    if head.origin.as_ref().is_some_and(|before| origin.offset < before.offset) {
        return None;
    }
    head.origin = Some(origin);
    if id != PartitionId::Control {
        return None;
    }
    let copy = |partition| {
        let (kind, subject) = (event.event_type.clone(), event.subject.clone());
        let copy = Event::new("", "", kind, subject, event.data.clone());
        Derived { to: PartitionId::Data(partition), event: copy.in_newest_schema() }
    };
    let partitions = head.log.as_ref().map_or(0, |log| log.partitions);
    let LogTrimmed { snapshot, place, positions } = &trimmed;
    let positions = Json::of(&serde_json::to_value(positions).unwrap_or_default());
    Some(Trimmed {
        row: LogOrigin { snapshot: snapshot.clone(), place: place.clone(), positions },
        copies: (0..partitions).map(copy).collect(),
    })
}

/// A partition's part.
fn origin(trimmed: &LogTrimmed, id: PartitionId) -> Option<Origin> {
    let name = id.to_string();
    let of_partition = |position: &&OriginPosition| position.partition == name;
    let OriginPosition { offset, chain, .. } = trimmed.positions.iter().find(of_partition)?;
    Some(Origin {
        snapshot: trimmed.snapshot.clone(),
        place: trimmed.place.clone(),
        offset: Offset(*offset),
        chain: chain.clone(),
    })
}
