//! The first row in which two stores differ.

use headwater_fold::{StoredRow, Table};
use headwater_store::Snapshot;

use crate::{Difference, Side, tables::end_of};

/// A version's place and its row.
type Placed = ((u64, Vec<u8>), Option<Vec<u8>>);

/// The first row, or version of one, that differs.
pub(crate) fn first(
    partition: &str,
    table: &Table,
    on_disk: &Snapshot,
    replayed: &Snapshot,
) -> Option<Difference> {
    let latest = |snapshot: &Snapshot| {
        let prefix = table.prefix();
        snapshot
            .scan_latest(prefix.to_vec(), end_of(&prefix))
            .map_while(Result::ok)
            .map(|(key, row)| ((0, key), Some(row)))
    };
    let history = |snapshot: &Snapshot| {
        let prefix = table.prefix();
        snapshot
            .scan_versions()
            .map_while(Result::ok)
            .filter(move |version| version.key.starts_with(&prefix))
            .map(|version| ((version.offset, version.key), version.row))
    };
    let found =
        first_unequal(latest(on_disk), latest(replayed)).map(|found| ("latest", found)).or_else(
            || first_unequal(history(on_disk), history(replayed)).map(|found| ("history", found)),
        );
    let (family, (key, left, right)) = found?;
    Some(Difference {
        partition: partition.to_owned(),
        family: family.to_owned(),
        key: readable(table, &key),
        on_disk: left.map(|row| side(&row)),
        replayed: right.map(|row| side(&row)),
    })
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
            event_source: stored.row.event_source,
            event_id: stored.row.event_id,
            values: format!("{:?}", stored.row.values),
        },
        Err(error) => Side {
            offset: 0,
            event_source: String::new(),
            event_id: String::new(),
            values: format!("{error}: {row:02x?}"),
        },
    }
}
