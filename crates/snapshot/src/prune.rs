//! Removing old snapshots, and the files that no snapshot names any more.
//!
//! Manifests go first, so that a pruning that dies leaves files too many, never a snapshot without
//! its files. A file goes only if no manifest names it, no snapshot is under way (see `under_way`),
//! and it is old enough that even one whose signs of life were lost has long been given up.

use std::{collections::BTreeSet, time::Duration};

use headwater_objects::{Key, Objects};
use serde::{Deserialize, Serialize};

use crate::{
    create::now,
    error::{Error, Result},
    limits::SILENCE_MAX,
    list::manifests,
    manifest::{BLOBS, Manifest, SnapshotId},
    under_way::{UnderWay, Work},
};

/// How long a file that no snapshot names is kept, unless told otherwise: several times as long as a
/// snapshot under way may be silent.
pub const BLOB_AGE_MIN: Duration = Duration::from_secs(4 * SILENCE_MAX.as_secs());

/// Which snapshots are kept: those that either names. The newest is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many.
    pub newest: usize,
    /// Those younger than this.
    pub younger: Option<Duration>,
    /// How long a file that no snapshot names is kept; [`BLOB_AGE_MIN`] unless nobody else can be at
    /// work.
    pub blob_age_min: Duration,
}

/// What a pruning did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pruned {
    /// Snapshots removed.
    pub removed: Vec<SnapshotId>,
    /// Snapshots kept.
    pub kept: Vec<SnapshotId>,
    /// Files removed.
    pub files_removed: u64,
    /// Bytes of them.
    pub bytes_removed: u64,
    /// Files that no snapshot names, kept because they are young.
    pub files_young: u64,
    /// Why no file was removed, if none was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_kept_because: Option<String>,
}

/// Removes the snapshots that `keep` does not name, then the files that none names.
pub async fn prune(objects: &Objects, keep: Keep) -> Result<Pruned> {
    if keep.newest == 0 {
        return Err(Error::reject("prune: keep at least the newest snapshot"));
    }
    let id = SnapshotId::new();
    let (mark, others) = UnderWay::begin(objects, Work::Prune, &id).await?;
    let pruned = async {
        let (mut pruned, left) = remove_snapshots(objects, keep).await?;
        let damaged = pruned.kept.iter().find(|id| !left.iter().any(|m| m.id == **id));
        pruned.files_kept_because = match (others.doing(Work::Create), others.doing(Work::Prune)) {
            (Some(other), _) => {
                Some(format!("snapshot {other} is being made; prune again when it is done"))
            }
            (None, Some(other)) => Some(format!("pruning {other} is at work, too")),
            (None, None) => damaged.map(|id| {
                format!(
                    "snapshot {id} is damaged, so that its files can't be told; remove it first"
                )
            }),
        };
        if pruned.files_kept_because.is_none() {
            mark.still_holds().await?;
            remove_files(objects, &left, keep, others.now, &mut pruned).await?;
        }
        Ok(pruned)
    }
    .await;
    mark.end().await;
    pruned
}

/// Answers what was removed and kept, and the manifests of those kept that can be read.
async fn remove_snapshots(objects: &Objects, keep: Keep) -> Result<(Pruned, Vec<Manifest>)> {
    let now = now();
    let manifests = manifests(objects).await?;
    let newest_from = manifests.len().saturating_sub(keep.newest);
    let mut pruned = Pruned::default();
    let mut left = Vec::new();
    for (place, (id, manifest)) in manifests.into_iter().enumerate() {
        let young = |manifest: &Manifest| {
            let age_us = now.micros().saturating_sub(manifest.created_at.micros());
            let age = Duration::from_micros(u64::try_from(age_us).unwrap_or(0));
            keep.younger.is_some_and(|span| age < span)
        };
        if place >= newest_from || manifest.as_ref().is_ok_and(young) {
            pruned.kept.push(id);
            left.extend(manifest);
        } else {
            objects.delete(&id.manifest_key()?).await?;
            pruned.removed.push(id);
        }
    }
    Ok((pruned, left))
}

async fn remove_files(
    objects: &Objects,
    left: &[Manifest],
    keep: Keep,
    now: std::time::SystemTime,
    pruned: &mut Pruned,
) -> Result<()> {
    let mut named = BTreeSet::new();
    for file in left.iter().flat_map(Manifest::files) {
        named.insert(file.blob()?);
    }
    for object in objects.list(&Key::new(BLOBS)?).await? {
        if named.contains(&object.key) {
            continue;
        }
        if now.duration_since(object.modified).unwrap_or_default() < keep.blob_age_min {
            pruned.files_young += 1;
            continue;
        }
        objects.delete(&object.key).await?;
        pruned.files_removed += 1;
        pruned.bytes_removed += object.bytes;
    }
    Ok(())
}
