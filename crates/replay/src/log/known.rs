//! What a store knows of the log that it was folded from.

use std::sync::Arc;

use headwater_engine::Result;
use headwater_event::PartitionId;
use headwater_fold::{LogIdentity, Origin, Position};
use headwater_store::{ErrorKind, PartitionStore, StoreSet};

use super::{Finding, FindingKind, checkpoints::Checkpoint};
use crate::compare;

/// What a store knows of one partition's log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) identity: Option<LogIdentity>,
    pub(crate) origin: Option<Origin>,
    pub(crate) position: Option<Position>,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

/// Positions that a store has passed and still knows the chain of, in any order.
fn marks(store: &Arc<PartitionStore>) -> Result<Vec<Position>> {
    let position = store.get_meta("position")?;
    let mut marks = headwater_engine::marked_positions(&store.snapshot())?;
    marks.extend(position.iter().filter_map(|bytes| Position::from_bytes(bytes).ok()));
    Ok(marks)
}

/// Asks the store of a partition. `None` if there is no such store; what it can't tell is a finding,
/// as a store that was made unreadable must not pass for one that agrees.
pub(crate) fn ask(
    stores: &StoreSet,
    id: PartitionId,
    findings: &mut Vec<Finding>,
) -> Result<Option<Known>> {
    let mut unreadable = |found: String| {
        findings.push(Finding {
            partition: id,
            kind: FindingKind::StoreUnreadable,
            after: None,
            up_to: None,
            expected: "the store's head and position".to_owned(),
            found,
        });
    };
    let store = match stores.partition(&id.to_string()) {
        Ok(store) => store,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            unreadable(error.to_string());
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let mut problems = Vec::new();
    let kept = compare::kept(id, &store, &mut problems)?;
    problems.into_iter().for_each(&mut unreadable);
    let marks = match marks(&store) {
        Ok(marks) => marks,
        // A damaged position has been told already.
        Err(_) if kept.position.is_none() => Vec::new(),
        Err(error) => {
            unreadable(error.to_string());
            Vec::new()
        }
    };
    let known = marks.into_iter().chain(kept.position);
    let checkpoints = known.map(|at| Checkpoint { offset: at.last, chain: at.chain }).collect();
    let (identity, origin) = kept.head.map_or((None, None), |head| (head.log, head.origin));
    Ok(Some(Known { identity, origin, position: kept.position, checkpoints }))
}
