//! The manifest: what a snapshot is of, and the files that it consists of.
//!
//! ```text
//! manifest.json := {"blake3": H, "snapshot": S}     H: BLAKE3 of the bytes of S as they stand, in hex
//!
//! S := {
//!   "format": 1,
//!   "id": ID,                          a UUID of version 7: later snapshots sort later
//!   "created_at": TIME,                RFC 3339
//!   "headwater": VERSION,              of the program that made it
//!   "fold_revision": N,                of the fold that made the rows
//!   "log": {"log_id": ID, "partitions": N},
//!   "topology": HASH | null,           the one that control held
//!   "partitions": [P, …]               control, then 0, 1, …
//! }
//! P := {
//!   "partition": "control" | "0" | …,
//!   "position": {"offset": N, "before": HEX, "chain": HEX},     see `headwater_fold::Position`
//!   "digests": {TABLE_VERSION: {"rows": N, "latest": HEX, "versions": N, "history": HEX}, …},
//!   "files": [{"path": PATH, "bytes": N, "blake3": HEX}, …]     below the data folder
//! }
//! ```
//!
//! Every path begins with `store/<partition>/` or `history/<partition>/`. A file's content is the blob
//! of its hash.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use headwater_event::{Offset, PartitionId, Timestamp};
use headwater_fold::{Digest, Position};
use headwater_objects::Key;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// The one format that this build reads and writes.
pub const FORMAT: u32 = 1;

/// The name of a snapshot: a UUID of version 7, so that later ones sort later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId(String);

/// What a snapshot is of, and the files that it consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the format.
    pub format: u32,
    /// Its name.
    pub id: SnapshotId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The version of the program that made it.
    pub headwater: String,
    /// The revision of the fold that made the rows.
    pub fold_revision: u32,
    /// The log that was folded.
    pub log: LogNamed,
    /// The hash of the topology that control held.
    pub topology: Option<String>,
    /// Control, then the data partitions in order.
    pub partitions: Vec<PartitionManifest>,
}

/// Which log was folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogNamed {
    /// Its name for ever.
    pub log_id: String,
    /// The number of its data partitions.
    pub partitions: u32,
}

/// One partition of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionManifest {
    /// Which.
    pub partition: PartitionId,
    /// How far it was folded.
    pub position: PositionNamed,
    /// The digest of each table's version, by version in hex.
    pub digests: BTreeMap<String, Digest>,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// How far a partition was folded, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionNamed {
    /// The last record that was folded.
    pub offset: Offset,
    /// The chain before it, in hex.
    pub before: String,
    /// The chain with it, in hex.
    pub chain: String,
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Below the data folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The hash of its content, in hex: the name of its blob.
    pub blake3: String,
}

/// A snapshot in few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its name.
    pub id: SnapshotId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The version of the program that made it.
    pub headwater: String,
    /// The log that was folded.
    pub log_id: String,
    /// The hash of the topology that control held.
    pub topology: Option<String>,
    /// The last record that was folded, by partition.
    pub positions: BTreeMap<PartitionId, Offset>,
    /// How many files it has.
    pub files: u64,
    /// Bytes of all its files.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    blake3: String,
    #[serde(borrow)]
    snapshot: &'a RawValue,
}

/// Only as much as every format has.
#[derive(Deserialize)]
struct OfSomeFormat {
    format: u32,
}

impl SnapshotId {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where its manifest is.
    pub(crate) fn manifest_key(&self) -> Result<Key> {
        Ok(Key::new(format!("{SNAPSHOTS}/{self}/{MANIFEST}"))?)
    }
}

/// Where manifests are.
pub(crate) const SNAPSHOTS: &str = "snapshots";
const MANIFEST: &str = "manifest.json";

/// The snapshot whose manifest this is the key of.
pub(crate) fn id_of(key: &Key) -> Option<SnapshotId> {
    let rest = key.as_str().strip_prefix(SNAPSHOTS)?.strip_prefix('/')?;
    let (id, name) = rest.split_once('/')?;
    (name == MANIFEST).then(|| id.to_owned().try_into().ok()).flatten()
}

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match uuid::Uuid::try_parse(&text) {
            Ok(uuid) if uuid.to_string() == text => Ok(Self(text)),
            _ => Err(Error::reject(format!(
                "use {text:?} as a snapshot's id: `headwater snapshot list` shows the ids"
            ))),
        }
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.0
    }
}

impl FileEntry {
    /// The key of its content.
    pub(crate) fn blob(&self) -> Result<Key> {
        Ok(Key::new(format!("{BLOBS}/{}", self.blake3))?)
    }
}

/// Where files are.
pub(crate) const BLOBS: &str = "blobs";

impl PositionNamed {
    pub(crate) fn of(position: &Position) -> Self {
        Self { offset: position.last, before: hex(&position.before), chain: hex(&position.chain) }
    }

    pub(crate) fn to_position(&self) -> Option<Position> {
        let hash = |text: &str| blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes());
        Some(Position { last: self.offset, before: hash(&self.before)?, chain: hash(&self.chain)? })
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

impl Manifest {
    /// As it is stored.
    pub(crate) fn to_bytes(&self) -> Result<Bytes> {
        let bug = |error: serde_json::Error| Error::bug(format!("write a manifest: {error}"));
        let snapshot = serde_json::value::to_raw_value(self).map_err(bug)?;
        let blake3 = blake3::hash(snapshot.get().as_bytes()).to_hex();
        Ok(format!("{{\"blake3\":\"{blake3}\",\"snapshot\":{}}}\n", snapshot.get()).into())
    }

    /// Reads what is stored at `place`: refused unless every byte is as it was written.
    pub(crate) fn from_bytes(place: &str, bytes: &[u8]) -> Result<Self> {
        let damaged = |why: String| {
            Error::corrupt(format!(
                "read {place}: the manifest is damaged ({why}); use another snapshot"
            ))
        };
        let sealed: Sealed<'_> =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        let text = sealed.snapshot.get();
        if blake3::hash(text.as_bytes()).to_hex().as_str() != sealed.blake3 {
            return Err(damaged("it does not match its hash".to_owned()));
        }
        // The format first: what a newer one holds is not for us to judge.
        let some: OfSomeFormat =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if some.format != FORMAT {
            return Err(Error::reject(format!(
                "read {place}: it has snapshot format {}, this build reads format {FORMAT}: use the \
                 build that wrote it, or fold the log from its start",
                some.format
            )));
        }
        let manifest: Self =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        manifest.check().map_err(damaged)?;
        Ok(manifest)
    }

    /// What the types do not say: complete, and leading nowhere else.
    fn check(&self) -> Result<(), String> {
        let named = self.partitions.iter().map(|partition| partition.partition);
        if !named.eq(PartitionId::all(self.log.partitions)) {
            return Err("its partitions are not those of the log".to_owned());
        }
        let mut paths = BTreeSet::new();
        for partition in &self.partitions {
            let id = partition.partition;
            if partition.position.to_position().is_none() {
                return Err(format!("the position of partition {id} is not a position"));
            }
            for file in &partition.files {
                let inside = [format!("store/{id}/"), format!("history/{id}/")];
                let lawful = Key::new(&*file.path).is_ok()
                    && inside.iter().any(|folder| file.path.starts_with(folder))
                    && blake3::Hash::from_hex(&file.blake3).is_ok()
                    && paths.insert(&*file.path);
                if !lawful {
                    return Err(format!("{:?} is not a file of partition {id}", file.path));
                }
            }
        }
        Ok(())
    }

    /// In few words.
    pub fn summary(&self) -> Summary {
        let files = self.files();
        Summary {
            id: self.id.clone(),
            created_at: self.created_at,
            headwater: self.headwater.clone(),
            log_id: self.log.log_id.clone(),
            topology: self.topology.clone(),
            positions: self.partitions.iter().map(|p| (p.partition, p.position.offset)).collect(),
            files: files.clone().count() as u64,
            bytes: files.map(|file| file.bytes).sum(),
        }
    }

    /// The files of all partitions.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> + Clone {
        self.partitions.iter().flat_map(|partition| &partition.files)
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
