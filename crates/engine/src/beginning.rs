//! What a fold of history begins with: nothing, or what was known at the log's origin.

use std::sync::Arc;

use headwater_event::Offset;
use headwater_fold::{Head, Origin, Position, Stored};
use headwater_history::History;
use headwater_log::EventLog;
use headwater_store::{PartitionStore, Snapshot};

use crate::{Error, ErrorKind, Result, marks, past::known_at};

/// The beginning of one partition's history.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    /// What a fold goes on from.
    pub(crate) stored: Stored,
    /// Where the ids of events up to an offset are known from.
    pub(crate) before: Option<(Snapshot, Offset)>,
}

impl Beginning {
    /// The beginning for views of the partition whose fold knows `head`.
    pub(crate) async fn of(
        log: &dyn EventLog,
        store: &Arc<PartitionStore>,
        id: headwater_event::PartitionId,
        head: &Head,
    ) -> Result<Self> {
        let Some(origin) = &head.origin else { return Ok(Self::default()) };
        let snapshot = store.snapshot();
        let history = Arc::new(History::of(store, &id.to_string()));
        let at = origin.offset;
        let known = known_at(log, id, &snapshot, &history, at).await?;
        let position = known.position.filter(|position| is_origin(position, origin));
        let position = position.ok_or_else(|| {
            let what = format!(
                "partition {id}: what the store knows of offset {at} is not what snapshot {} holds, \
                 the log's origin: restore that snapshot from {}",
                origin.snapshot, origin.place
            );
            Error::new(ErrorKind::Corrupt, what)
        })?;
        let head = serde_json::to_vec(&known.head)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let topology = marks::topology_at(&snapshot, at)?;
        let stored = Stored { head: Some(head), position: Some(position.to_bytes()), topology };
        Ok(Self { stored, before: Some((snapshot, at)) })
    }
}

/// Whether a position is the one that a log begins with.
pub(crate) fn is_origin(position: &Position, origin: &Origin) -> bool {
    let chain = blake3::Hash::from_bytes(position.chain).to_hex();
    position.last == origin.offset && chain.as_str() == origin.chain
}
