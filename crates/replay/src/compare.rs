//! What a partition's store keeps beside rows, against the replay.

use std::{collections::BTreeMap, sync::Arc};

use headwater_event::PartitionId;
use headwater_fold::{Head, PartitionError, Position};
use headwater_store::PartitionStore;

/// The stored head and position, as far as they can be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) head: Option<Head>,
    pub(crate) position: Option<Position>,
}

/// Reads what a store keeps; damage is a problem, not a failure. What a newer program kept can't be
/// judged by this one.
pub(crate) fn kept(
    id: PartitionId,
    store: &Arc<PartitionStore>,
    problems: &mut Vec<String>,
) -> Result<Kept, PartitionError> {
    let mut read = |name: &'static str, what: &str| match store.get_meta(name) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(format!("partition {id}: the {what} is damaged: {error}"));
            None
        }
    };
    let head = read("head", "kept digest");
    let position = read("position", "position");
    let head = match head.map(|bytes| Head::from_bytes(&bytes)).transpose() {
        Ok(head) => head,
        Err(newer @ (PartitionError::NewerHead { .. } | PartitionError::NewerRules { .. })) => {
            return Err(newer);
        }
        Err(error) => {
            problems.push(format!("partition {id}: the kept digest is damaged: {error}"));
            None
        }
    };
    Ok(Kept {
        head,
        position: position.and_then(|bytes| match Position::from_bytes(&bytes) {
            Ok(position) => Some(position),
            Err(error) => {
                problems.push(format!("partition {id}: the position is damaged: {error}"));
                None
            }
        }),
    })
}

/// Compares what was kept with what the replay came to at the same position.
pub(crate) fn heads(
    id: PartitionId,
    kept: &Kept,
    head: &Head,
    position: Option<&Position>,
    problems: &mut Vec<String>,
) {
    if let Some(stored) = &kept.position
        && position != Some(stored)
    {
        let at = position
            .map_or("nothing".to_owned(), |p| format!("offset {} with another chain", p.last));
        problems.push(format!(
            "partition {id}: the position is offset {}, the replay came to {at}: the position or \
             the log's records were changed; `headwater log verify` tells where",
            stored.last
        ));
    }
    let Some(stored) = &kept.head else { return };
    let mut differs = |what: &str, equal: bool| {
        if !equal {
            problems.push(format!("partition {id}: the kept {what} is not what the replay gives"));
        }
    };
    differs("log identity", stored.log == head.log);
    differs("clock", stored.clock == head.clock && stored.accepted_tick == head.accepted_tick);
    differs("epoch", stored.epoch == head.epoch);
    differs("rules number", stored.rules == head.rules);
    differs("topology", stored.topology == head.topology);
    differs("list of declared views", stored.declared_views == head.declared_views);
    differs("versions of views to come", stored.coming == head.coming);
    differs("counters", stored.counters == head.counters);
    differs("counts of records", stored.counts == head.counts);
    differs(
        "tally of derived events",
        stored.emitted == head.emitted && stored.received == head.received,
    );
    differs(
        "tally of what is published",
        stored.published == head.published && stored.delivered == head.delivered,
    );
    differs("record of windows to close", stored.closing == head.closing);
}

/// What each partition gave to the outbox must be what its target received.
pub(crate) fn outbox(heads: &BTreeMap<PartitionId, &Head>, problems: &mut Vec<String>) {
    for (source, head) in heads {
        for (target, emitted) in &head.emitted {
            let received = heads.get(target).and_then(|head| head.received.get(source)).copied();
            let received = received.unwrap_or_default();
            if received != *emitted {
                problems.push(format!(
                    "outbox of {source}: {} events derived for {target}, {} received there, and \
                     they are not the same events",
                    emitted.events, received.events
                ));
            }
        }
    }
}
