//! What a partition keeps on the disk, measured.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use headwater_event::PartitionId;
use headwater_fold::Table;
use headwater_history::{History, Piece};
use headwater_query::StorageItem;
use headwater_store::Snapshot;

use crate::{Result, sealer::tables};

/// Measures a partition: its store by RocksDB's own word, sealed files by the manifest, folders by their
/// files. It blocks.
pub(crate) fn measure(
    id: PartitionId,
    snapshot: &Snapshot,
    history: &History,
) -> Result<Vec<StorageItem>> {
    let item = |kind, bytes| StorageItem { kind, name: None, bytes, items: None };
    let tables = tables(snapshot)?;
    let mut items = Vec::new();
    for (prefix, table) in &tables {
        let bytes = snapshot.latest_bytes(prefix, &Table::after(prefix))?;
        if bytes > 0 {
            let name = Some(name_of(table));
            items.push(StorageItem { kind: "latest", name, bytes: Some(bytes), items: None });
        }
    }
    let sealed = snapshot.all_sealed()?;
    for of_view in sealed.chunk_by(|(a, _), (b, _)| a.view == b.view) {
        let Some((first, _)) = of_view.first() else { continue };
        let (mut bytes, mut versions) = (0, 0);
        for (_, piece) in of_view {
            let piece = Piece::from_bytes(piece)?;
            bytes += piece.bytes;
            versions += piece.versions;
        }
        let name = tables.get(&first.view).map(|table| name_of(table));
        let (bytes, items_count) = (Some(bytes), Some(versions));
        items.push(StorageItem { kind: "sealed", name, bytes, items: items_count });
    }
    // What is still in memory, or of no known table, is what the named ones leave of the whole.
    let named: u64 = items.iter().filter(|i| i.kind == "latest").filter_map(|i| i.bytes).sum();
    for (family, bytes) in snapshot.sizes()? {
        match family {
            "sealed" => {}
            "latest" => items.push(item(family, Some(bytes.saturating_sub(named)))),
            family => items.push(item(family, Some(bytes))),
        }
    }
    let data_dir = history.data_dir();
    items.push(item("log", folder_bytes(&data_dir.join("log").join(id.to_string()))));
    if id == PartitionId::Control {
        items.push(item("artifacts", Some(folder_bytes(&data_dir.join("artifacts")).unwrap_or(0))));
    }
    Ok(items)
}

fn name_of(table: &Table) -> String {
    let version: String = table.version_hex().chars().take(8).collect();
    format!("{}@{version}", table.full_name())
}

/// The bytes that a file system counts its blocks in, whatever their size (POSIX `st_blocks`).
const BLOCK_BYTES: u64 = 512;

/// The bytes that all files in a folder take; `None` if there is none. Their lengths would count the
/// zeros of preallocated segments, which take no room.
fn folder_bytes(dir: &Path) -> Option<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).ok()?.flatten() {
        let Ok(of) = entry.metadata() else { continue };
        bytes += if of.is_dir() {
            folder_bytes(&entry.path()).unwrap_or(0)
        } else {
            of.blocks() * BLOCK_BYTES
        };
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preallocated_zeros_take_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let within = dir.path().join("control");
        fs::create_dir(&within).unwrap();
        fs::File::create(within.join("segment")).unwrap().set_len(128 << 20).unwrap();
        assert!(folder_bytes(dir.path()).unwrap() < 1 << 20);
        fs::write(within.join("data"), vec![1; 100_000]).unwrap();
        assert!(folder_bytes(dir.path()).unwrap() >= 100_000);
        assert_eq!(folder_bytes(&dir.path().join("none")), None);
    }
}
