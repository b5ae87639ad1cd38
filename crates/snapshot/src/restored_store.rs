//! Whether the stores that were read back are those that the manifest tells of.

use std::{path::Path, sync::Arc};

use headwater_event::{Offset, PartitionId};
use headwater_fold::{StoredRow, TableRow as _, Value, family::log::AppliedTopology};
use headwater_store::{Access, PartitionStore, StoreOptions, StoreSet};

use crate::{
    error::{Error, Result},
    manifest::{Manifest, PositionNamed},
    stage::folded,
};

/// A store is opened for a few values only.
const READ_BYTES: usize = 4 << 20;

/// Where control holds its topology from: the offset of the request that was granted. `None` if none
/// was ever applied.
pub(crate) type TopologyFrom = Option<Offset>;

/// Opens each store below `root` and compares position, log, topology and digests.
pub(crate) fn check(root: &Path, manifest: &Manifest) -> Result<TopologyFrom> {
    let options = StoreOptions {
        block_cache_bytes: READ_BYTES,
        write_buffer_bytes: READ_BYTES,
        ..StoreOptions::default()
    };
    let set = StoreSet::open(root, Access::ReadOnly, options)?;
    let mut from = None;
    for partition in &manifest.partitions {
        let id = partition.partition;
        let other = |what: &str| {
            Error::corrupt(format!(
                "restore snapshot {}: the {what} in the store of partition {id} is not the \
                 manifest's: one of them was changed; use another snapshot",
                manifest.id
            ))
        };
        let store = set.partition(&id.to_string())?;
        let (head, position) = folded(&store, id)?;
        if PositionNamed::of(&position) != partition.position {
            return Err(other("position"));
        }
        if head.log.as_ref().is_none_or(|log| log.log_id != manifest.log.log_id) {
            return Err(other("log"));
        }
        if head.digests != partition.digests {
            return Err(other("list of digests"));
        }
        if id == PartitionId::Control {
            if head.topology != manifest.topology {
                return Err(other("topology"));
            }
            if let Some(hash) = &manifest.topology {
                from = Some(applied_at(&store, hash)?.ok_or_else(|| other("topology"))?);
            }
        }
    }
    Ok(from)
}

/// The offset at which control took this topology last.
fn applied_at(control: &Arc<PartitionStore>, hash: &str) -> Result<Option<Offset>> {
    let prefix = AppliedTopology::table().prefix().to_vec();
    let mut last = None;
    for row in control.snapshot().scan_latest(prefix.clone(), Vec::new()) {
        let (key, bytes) = row?;
        if !key.starts_with(&prefix) {
            break;
        }
        let row = StoredRow::decode(&bytes).map_err(|error| Error::corrupt(error.to_string()))?;
        if matches!(row.row.values.first(), Some(Value::Text(applied)) if applied == hash) {
            last = last.max(Some(row.provenance.offset));
        }
    }
    Ok(last)
}
