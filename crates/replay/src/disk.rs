//! Digests recomputed from the rows on disk.

use std::collections::BTreeMap;

use headwater_fold::{Digest, StoredRow, Table, row_hash};
use headwater_store::Snapshot;

use crate::tables::Tables;

/// The digests of every table's rows and versions, by version, and what could not be read.
pub(crate) fn digests(
    snapshot: &Snapshot,
    tables: &Tables,
) -> (BTreeMap<String, Digest>, Vec<String>) {
    let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
    let mut problems = Vec::new();
    for row in snapshot.scan_latest(Vec::new(), Vec::new()) {
        match row {
            Ok((key, bytes)) => match table_of(tables, &key) {
                Some(table) => {
                    let digest = digests.entry(table.version_hex()).or_default();
                    digest.rows += 1;
                    digest.latest = digest.latest.wrapping_add(hash(table, &key, &bytes));
                }
                None => problems.push(format!("a row of no declared table: key {key:02x?}")),
            },
            Err(error) => {
                problems.push(format!("latest rows: {error}"));
                break;
            }
        }
    }
    for version in snapshot.scan_versions() {
        match version {
            Ok(version) => match table_of(tables, &version.key) {
                Some(table) => {
                    let row = version.row.unwrap_or_default();
                    let digest = digests.entry(table.version_hex()).or_default();
                    digest.versions += 1;
                    digest.history = digest.history.wrapping_add(hash(table, &version.key, &row));
                }
                None => problems
                    .push(format!("a version of no declared table at offset {}", version.offset)),
            },
            Err(error) => {
                problems.push(format!("history: {error}"));
                break;
            }
        }
    }
    (digests, problems)
}

pub(crate) fn table_of<'a>(tables: &'a Tables, key: &[u8]) -> Option<&'a Table> {
    tables.get(key.get(..headwater_fold::codec::TABLE_PREFIX_BYTES)?)
}

fn hash(table: &Table, key: &[u8], row: &[u8]) -> u128 {
    row_hash(&table.version, table.content_key(key), StoredRow::content(row))
}
