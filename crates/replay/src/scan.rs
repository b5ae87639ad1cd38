//! Digests recomputed from stored rows.

use std::collections::BTreeMap;

use headwater_engine::Result;
use headwater_event::Offset;
use headwater_fold::{Digest, StoredRow, Table, codec::TABLE_PREFIX_BYTES, row_hash};
use headwater_history::Dropped;
use headwater_store::Version;

use crate::{
    Stop,
    at::{KeyAndRow, RowsAt},
    stored::Stored,
    tables::Tables,
    work::hex,
};

/// Between two looks at whether to stop.
const STOP_EVERY_ROWS: u64 = 4_096;

/// Sums over the rows and versions of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    /// As the store keeps it: over content alone.
    pub(crate) digest: Digest,
    /// Over every stored byte, provenance included: two folds of one log must agree in it too.
    pub(crate) whole: u128,
}

/// What is stored in a partition.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// By the table's version, in hex.
    pub(crate) sums: BTreeMap<String, Sums>,
    /// What retention took, by how the keys of its table begin.
    pub(crate) dropped: BTreeMap<[u8; TABLE_PREFIX_BYTES], Dropped>,
    /// What can't be read, or is of no table.
    pub(crate) problems: Vec<String>,
    /// How many rows and versions are of no table, by how their keys begin.
    strangers: BTreeMap<Vec<u8>, u64>,
    seen: u64,
}

/// Which rows are scanned.
pub(crate) enum Which<'a> {
    /// All that is stored.
    Now,
    /// These, and the versions up to this offset.
    AsOf(&'a dyn RowsAt, Offset),
}

/// Scans every row and version.
pub(crate) fn scan(
    stored: &Stored,
    which: &Which<'_>,
    tables: &Tables,
    stop: &Stop,
) -> Result<Scanned> {
    let mut scanned = Scanned::default();
    match which {
        Which::Now => {
            let rows = stored.snapshot.scan_latest(Vec::new(), Vec::new());
            scanned.latest(rows.map(|row| row.map_err(Into::into)), tables, stop)?;
        }
        Which::AsOf(rows, _) => {
            for table in tables.iter() {
                scanned.latest(rows.scan(table.prefix()), tables, stop)?;
            }
        }
    }
    let until = match which {
        Which::Now => u64::MAX,
        Which::AsOf(_, at) => at.0,
    };
    let versions = stored.versions(until);
    match versions {
        Err(error) => scanned.problems.push(format!("history: {error}")),
        Ok(versions) => {
            for version in versions {
                match version {
                    Ok(version) => scanned.version(&version, tables, stop)?,
                    // What is beside what can't be read is still read: it tells how much is hurt.
                    Err(error) => scanned.problems.push(format!("history: {error}")),
                }
            }
        }
    }
    scanned.dropped = stored.dropped().unwrap_or_default();
    for (prefix, count) in std::mem::take(&mut scanned.strangers) {
        let what = format!("{count} rows of no declared table: their keys begin with ");
        scanned.problems.push(what + &hex(&prefix));
    }
    Ok(scanned)
}

impl Scanned {
    fn latest(
        &mut self,
        rows: impl Iterator<Item = Result<KeyAndRow>>,
        tables: &Tables,
        stop: &Stop,
    ) -> Result<()> {
        for row in rows {
            match row {
                Ok((key, bytes)) => {
                    let Some((table, sums)) = self.sums_of(&key, tables, stop)? else { continue };
                    let content = row_hash(
                        &table.version,
                        table.content_key(&key),
                        StoredRow::content(&bytes),
                    );
                    sums.digest.rows += 1;
                    sums.digest.latest = sums.digest.latest.wrapping_add(content);
                    let whole = row_hash(&table.version, &key, &bytes);
                    sums.whole = sums.whole.wrapping_add(whole);
                }
                Err(error) => {
                    self.problems.push(format!("latest rows: {error}"));
                    break;
                }
            }
        }
        Ok(())
    }

    fn version(&mut self, version: &Version, tables: &Tables, stop: &Stop) -> Result<()> {
        let Version { key, offset, row } = version;
        let Some((table, sums)) = self.sums_of(key, tables, stop)? else { return Ok(()) };
        let bytes = row.as_deref().unwrap_or_default();
        let content = row_hash(&table.version, table.content_key(key), StoredRow::content(bytes));
        sums.digest.versions += 1;
        sums.digest.history = sums.digest.history.wrapping_add(content);
        let mut place = key.clone();
        place.extend_from_slice(&offset.to_be_bytes());
        let whole = row_hash(&table.version, &place, bytes);
        sums.whole = sums.whole.wrapping_add(whole);
        Ok(())
    }

    fn sums_of<'t>(
        &mut self,
        key: &[u8],
        tables: &'t Tables,
        stop: &Stop,
    ) -> Result<Option<(&'t Table, &mut Sums)>> {
        self.seen += 1;
        if self.seen.is_multiple_of(STOP_EVERY_ROWS) && stop.is_asked() {
            return Err(Stop::error());
        }
        match tables.of(key) {
            Some(table) => Ok(Some((table, self.sums.entry(table.version_hex()).or_default()))),
            None => {
                let prefix = key.get(..TABLE_PREFIX_BYTES).unwrap_or(key).to_vec();
                *self.strangers.entry(prefix).or_default() += 1;
                Ok(None)
            }
        }
    }
}
