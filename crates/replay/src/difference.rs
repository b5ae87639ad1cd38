//! The first row in which a store and its replay differ.

use headwater_event::PartitionId;
use headwater_fold::{StoredRow, Table};

use crate::{Difference, Side, at::RowsAt, scan::Which, stored::Stored};

/// A version's place and its row.
type Placed = ((u64, Vec<u8>), Option<Vec<u8>>);

/// The first row, or version of one, that differs.
pub(crate) fn first(
    partition: PartitionId,
    table: &Table,
    on_disk: (&Stored, &Which<'_>),
    replayed: &Stored,
) -> Option<Difference> {
    let (stored, which) = on_disk;
    let (rows, until): (&dyn RowsAt, u64) = match which {
        Which::Now => (&stored.snapshot, u64::MAX),
        Which::AsOf(rows, at) => (*rows, at.0),
    };
    let found = first_unequal(latest(rows, table), latest(&replayed.snapshot, table))
        .map(|found| ("latest", found))
        .or_else(|| {
            let (left, right) = (history(stored, table, until), history(replayed, table, until));
            first_unequal(left, right).map(|found| ("history", found))
        });
    let (family, (key, left, right)) = found?;
    Some(Difference {
        partition: partition.to_string(),
        family: family.to_owned(),
        key: readable(table, &key),
        on_disk: left.map(|row| side(&row)),
        replayed: right.map(|row| side(&row)),
    })
}

fn latest<'a>(rows: &'a dyn RowsAt, table: &Table) -> impl Iterator<Item = Placed> + 'a {
    // Damage was told by the scan.
    let rows = rows.scan(table.prefix()).map_while(Result::ok);
    rows.map(|(key, row)| ((0, key), Some(row)))
}

fn history(stored: &Stored, table: &Table, until: u64) -> impl Iterator<Item = Placed> {
    let versions = stored.in_order(table, until);
    versions.map(|version| ((version.offset, version.key), version.row))
}

/// Walks two ordered sequences side by side.
#[expect(clippy::type_complexity, reason = "a key with the row on either side")]
fn first_unequal(
    left: impl Iterator<Item = Placed>,
    right: impl Iterator<Item = Placed>,
) -> Option<(Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>)> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => return None,
            (Some((a, _)), Some((b, _))) if a == b => {
                let ((_, key), a) = left.next()?;
                let (_, b) = right.next()?;
                if a != b {
                    return Some((key, a, b));
                }
            }
            (Some((a, _)), Some((b, _))) if a < b => {
                let ((_, key), row) = left.next()?;
                return Some((key, row, None));
            }
            (Some(_), None) => {
                let ((_, key), row) = left.next()?;
                return Some((key, row, None));
            }
            (_, Some(_)) => {
                let ((_, key), row) = right.next()?;
                return Some((key, None, row));
            }
        }
    }
}

fn readable(table: &Table, key: &[u8]) -> String {
    match table.read_key(key) {
        Ok(key_read) => {
            let named = table.key.iter().zip(&key_read.values);
            let values: Vec<_> =
                named.map(|(column, value)| format!("{} = {value:?}", column.name)).collect();
            format!("project = {:?} {}", key_read.project, values.join(" "))
        }
        Err(_) => format!("{key:02x?}"),
    }
}

fn side(row: &[u8]) -> Side {
    match StoredRow::decode(row) {
        Ok(stored) => Side {
            offset: stored.provenance.offset.0,
            appended_at_ms: stored.provenance.appended_at_ms,
            event_source: stored.row.event_source,
            event_id: stored.row.event_id,
            values: format!("{:?}", stored.row.values),
        },
        Err(error) => Side {
            offset: 0,
            appended_at_ms: 0,
            event_source: String::new(),
            event_id: String::new(),
            values: format!("{error}: {row:02x?}"),
        },
    }
}
