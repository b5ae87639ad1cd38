//! Which snapshots a place holds, and how much of each is shared.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use headwater_objects::{ErrorKind as ObjectsErrorKind, Key, Objects};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    limits::{MANIFEST_BYTES_MAX, MANIFESTS_IN_FLIGHT_MAX, SNAPSHOTS_MAX},
    manifest::{Manifest, SNAPSHOTS, SnapshotId, Summary, id_of},
};

/// A snapshot as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub id: SnapshotId,
    /// What it is; missing if its manifest can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Summary>,
    /// Bytes of files that it has in common with other snapshots.
    pub shared_bytes: u64,
    /// Why its manifest can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// Every snapshot at the place, oldest first. One that is damaged is told as such.
pub async fn list(objects: &Objects) -> Result<Vec<Listed>> {
    let manifests = manifests(objects).await?;
    let mut users: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, manifest) in &manifests {
        for blob in manifest.iter().flat_map(blobs).collect::<BTreeMap<_, _>>().into_keys() {
            *users.entry(blob).or_default() += 1;
        }
    }
    let shared = |manifest: &Manifest| {
        let shared = blobs(manifest).filter(|(blob, _)| users.get(blob).is_some_and(|n| *n > 1));
        shared.map(|(_, bytes)| bytes).sum()
    };
    Ok(manifests
        .iter()
        .map(|(id, manifest)| Listed {
            id: id.clone(),
            snapshot: manifest.as_ref().ok().map(Manifest::summary),
            shared_bytes: manifest.as_ref().ok().map_or(0, shared),
            damaged: manifest.as_ref().err().map(ToString::to_string),
        })
        .collect())
}

/// The content of each file, and its size.
fn blobs(manifest: &Manifest) -> impl Iterator<Item = (&str, u64)> {
    manifest.files().map(|file| (&*file.blake3, file.bytes))
}

/// One snapshot; without an id the newest.
pub async fn open(objects: &Objects, id: Option<&SnapshotId>) -> Result<Manifest> {
    let id = match id {
        Some(id) => id.clone(),
        None => ids(objects).await?.pop().ok_or_else(|| {
            Error::reject(format!(
                "find a snapshot at {}: there is none; `headwater snapshot create` makes one",
                objects.url()
            ))
        })?,
    };
    read(objects, &id).await
}

/// Every snapshot's manifest, oldest first.
pub(crate) async fn manifests(objects: &Objects) -> Result<Vec<(SnapshotId, Result<Manifest>)>> {
    let ids = ids(objects).await?;
    let read: Vec<_> = stream::iter(ids)
        .map(|id| async move {
            let manifest = read(objects, &id).await;
            (id, manifest)
        })
        .buffered(MANIFESTS_IN_FLIGHT_MAX)
        .collect()
        .await;
    // A damaged one is told; one that could not be reached may not be damaged at all.
    let unreached = read.iter().find_map(|(_, manifest)| {
        manifest.as_ref().err().filter(|error| error.kind() == crate::ErrorKind::Retry)
    });
    match unreached {
        Some(error) => Err(error.clone()),
        None => Ok(read),
    }
}

/// Ids, oldest first.
async fn ids(objects: &Objects) -> Result<Vec<SnapshotId>> {
    let listed = objects.list(&Key::new(SNAPSHOTS)?).await?;
    let mut ids: Vec<_> = listed.iter().filter_map(|object| id_of(&object.key)).collect();
    if ids.len() > SNAPSHOTS_MAX {
        return Err(Error::reject(format!(
            "list the snapshots at {}: there are more than {SNAPSHOTS_MAX}; use another place",
            objects.url()
        )));
    }
    ids.sort();
    Ok(ids)
}

async fn read(objects: &Objects, id: &SnapshotId) -> Result<Manifest> {
    let key = id.manifest_key()?;
    let bytes = match objects.get_bytes(&key, MANIFEST_BYTES_MAX).await {
        Err(error) if error.kind() == ObjectsErrorKind::NotFound => {
            return Err(Error::reject(format!(
                "find snapshot {id} at {}: there is none; `headwater snapshot list` shows what there \
                 is",
                objects.url()
            )));
        }
        got => got?,
    };
    let manifest = Manifest::from_bytes(&format!("{}/{key}", objects.url()), &bytes)?;
    if manifest.id != *id {
        return Err(Error::corrupt(format!(
            "read snapshot {id}: its manifest is that of snapshot {}",
            manifest.id
        )));
    }
    Ok(manifest)
}
