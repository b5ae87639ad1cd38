//! Two versions of a view, key by key, over all partitions.

use std::{collections::BTreeSet, iter::Peekable, sync::Arc};

use headwater_event::Reason;
use headwater_fold::{
    Column, CompiledView, FeatureColumns, Row, Shown, StoredRow, Table, TableRow as _, Value,
    family::log::DeadLetter,
};
use headwater_query::PartitionRows;
use headwater_topology::Change;

use super::{EntityDifference, FeatureDifference, ValuesPlan, shown};
use crate::{
    Error, ErrorKind, Result,
    scratch::{GoOn, Scratch},
};

/// Columns that are no feature.
const NOT_FEATURES: [&str; 2] = ["_event_time", "window_end"];
/// Keys between two looks at whether anyone still waits.
const LOOK_EVERY: u64 = 10_000;

/// Keys, without the table that they begin with, and rows.
type Rows<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Row)>> + 'a>;

/// What differs between what is read and what was folded anew.
pub(super) fn values(
    data: &[Arc<dyn PartitionRows>],
    scratch: &[Scratch],
    before: &CompiledView,
    after: &CompiledView,
    sample: usize,
    go_on: GoOn<'_>,
) -> Result<ValuesPlan> {
    let (old, new) = (Side::new(before), Side::new(after));
    let both: BTreeSet<&str> = old.features().filter(|name| new.has(name)).collect();
    let mut plan = ValuesPlan {
        other_keys: old.key() != new.key(),
        not_taken: not_taken(scratch, &after.table.name)?,
        features_added: new.features().filter(|name| !old.has(name)).map(str::to_owned).collect(),
        features_dropped: old.features().filter(|name| !new.has(name)).map(str::to_owned).collect(),
        ..ValuesPlan::default()
    };
    let mut left = Merged::new(old.stored(data), &old);
    let mut right = Merged::new(new.folded(scratch), &new);
    let mut pair = (left.next()?, right.next()?);
    loop {
        let order = match &pair {
            (None, None) => return Ok(plan),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            // No row is the same as before: first all that are read, then all that would be.
            (Some(_), Some(_)) if plan.other_keys => std::cmp::Ordering::Less,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        plan.entities += 1;
        if plan.entities.is_multiple_of(LOOK_EVERY) && !go_on() {
            return Err(Error::new(ErrorKind::Closed, "whoever asked for the plan has gone"));
        }
        let room = plan.sample.len() < sample;
        let (change, told) = match order {
            std::cmp::Ordering::Less => {
                let (key, _) = take(&mut pair.0, &mut left)?;
                (Some(Change::Dropped), room.then(|| old.entity(&key)).transpose()?)
            }
            std::cmp::Ordering::Greater => {
                let (key, _) = take(&mut pair.1, &mut right)?;
                (Some(Change::Added), room.then(|| new.entity(&key)).transpose()?)
            }
            std::cmp::Ordering::Equal => {
                let (key, a) = take(&mut pair.0, &mut left)?;
                let (_, b) = take(&mut pair.1, &mut right)?;
                let features = differing(&both, &old, &a, &new, &b)?;
                let differs = !features.is_empty();
                let told = (differs && room).then(|| old.entity(&key)).transpose()?;
                let told = told.map(|told| EntityDifference { features, ..told });
                (differs.then_some(Change::Changed), told)
            }
        };
        match change {
            Some(Change::Changed) => plan.changed += 1,
            Some(Change::Added) => plan.added += 1,
            Some(Change::Dropped) => plan.missing += 1,
            None => {}
        }
        if let (Some(change), Some(told)) = (change, told) {
            plan.sample.push(EntityDifference { change, ..told });
        }
    }
}

/// How many events the new version could not take: each left a dead letter in its scratch store.
fn not_taken(scratch: &[Scratch], view: &str) -> Result<u64> {
    let (table, start) = (DeadLetter::table(), format!("view {view}: "));
    let mut count = 0;
    for scratch in scratch {
        let prefix = table.prefix().to_vec();
        for row in scratch.rows().scan_latest(prefix.clone(), Table::after(&prefix)) {
            let (key, row) = row?;
            let key = table.read_key(&key).map_err(damaged)?.values;
            let values = StoredRow::decode(&row).map_err(damaged)?.row.values;
            let letter = DeadLetter::from_values(key, values);
            let ours = |letter: DeadLetter| {
                letter.reason == Reason::ViewMismatch.name() && letter.detail.starts_with(&start)
            };
            count += u64::from(letter.is_some_and(ours));
        }
    }
    Ok(count)
}

/// Takes what is next, and looks at the one after it.
fn take(next: &mut Option<(Vec<u8>, Row)>, from: &mut Merged<'_>) -> Result<(Vec<u8>, Row)> {
    let taken = next.take().ok_or_else(|| Error::new(ErrorKind::Bug, "no row to take"))?;
    *next = from.next()?;
    Ok(taken)
}

/// The features that both versions have and that differ.
fn differing(
    both: &BTreeSet<&str>,
    old: &Side<'_>,
    a: &Row,
    new: &Side<'_>,
    b: &Row,
) -> Result<Vec<FeatureDifference>> {
    let (a, b) = (old.show(a)?, new.show(b)?);
    let mut features = Vec::new();
    for ((name, before), (_, after)) in a
        .iter()
        .filter(|(name, _)| both.contains(name.as_str()))
        .filter_map(|found| Some((found, b.iter().find(|(name, _)| *name == found.0)?)))
    {
        if before != after {
            let (before, after) = (before.clone(), after.clone());
            features.push(FeatureDifference { name: name.clone(), before, after });
        }
    }
    Ok(features)
}

/// One of the two versions.
struct Side<'a> {
    table: &'a Table,
    columns: Vec<Column>,
}

impl<'a> Side<'a> {
    fn new(view: &'a CompiledView) -> Self {
        let table = &view.table;
        let columns = table.shown_columns().split_off(table.key.len());
        Self { table, columns }
    }

    /// The names and types of the key.
    fn key(&self) -> Vec<(&str, headwater_fold::ColumnType)> {
        self.table.key.iter().map(|column| (column.name.as_str(), column.column_type)).collect()
    }

    fn features(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        names.filter(|name| !NOT_FEATURES.contains(name))
    }

    fn has(&self, name: &str) -> bool {
        self.features().any(|feature| feature == name)
    }

    fn states(&self) -> Result<&FeatureColumns> {
        match &self.table.shown {
            Shown::Features(features) => Ok(features),
            Shown::AsStored => Err(Error::new(ErrorKind::Bug, "a feature view without features")),
        }
    }

    /// The shown values by name. One that can't be shown is told in its place.
    fn show(&self, row: &Row) -> Result<Vec<(String, serde_json::Value)>> {
        let values = match self.states()?.show(&row.values) {
            Ok(values) => values,
            Err(error) => {
                let told = serde_json::Value::String(error.to_string());
                return Ok(self.features().map(|name| (name.to_owned(), told.clone())).collect());
            }
        };
        let named = self.columns.iter().zip(&values);
        Ok(named.map(|(column, value)| (column.name.clone(), shown::json(value, column))).collect())
    }

    /// The entity of a key that lacks the table's bytes.
    fn entity(&self, key: &[u8]) -> Result<EntityDifference> {
        let mut whole = self.table.prefix().to_vec();
        whole.extend_from_slice(key);
        let read = self.table.read_key(&whole).map_err(damaged)?;
        let named = self.table.key.iter().zip(&read.values);
        let named = named.map(|(column, value): (&Column, &Value)| {
            (column.name.clone(), shown::json(value, column))
        });
        Ok(EntityDifference {
            project: read.project,
            key: named.collect(),
            change: Change::Changed,
            features: Vec::new(),
        })
    }

    /// The rows that are read.
    fn stored(&self, data: &'a [Arc<dyn PartitionRows>]) -> Vec<Rows<'a>> {
        let prefix = self.table.prefix().to_vec();
        let of = |rows: &'a Arc<dyn PartitionRows>| {
            let rows = rows.scan(prefix.clone(), Table::after(&prefix));
            let rows = rows.map(|row| {
                row.map_err(|error| Error::new(ErrorKind::Retry, error.to_string())).and_then(read)
            });
            Box::new(rows) as Rows<'a>
        };
        data.iter().map(of).collect()
    }

    /// The rows that were folded anew.
    fn folded(&self, scratch: &'a [Scratch]) -> Vec<Rows<'a>> {
        let prefix = self.table.prefix().to_vec();
        let of = |scratch: &'a Scratch| {
            let rows = scratch.rows().scan_latest(prefix.clone(), Table::after(&prefix));
            Box::new(rows.map(|row| row.map_err(Error::from).and_then(read))) as Rows<'a>
        };
        scratch.iter().map(of).collect()
    }
}

fn read((key, row): (Vec<u8>, Vec<u8>)) -> Result<(Vec<u8>, Row)> {
    let key = key.get(headwater_fold::codec::TABLE_PREFIX_BYTES..).unwrap_or_default().to_vec();
    Ok((key, StoredRow::decode(&row).map_err(damaged)?.row))
}

fn damaged(damage: headwater_fold::Damaged) -> Error {
    Error::new(ErrorKind::Corrupt, damage.to_string())
}

/// Rows of all partitions in the order of their keys, those of one key merged.
struct Merged<'a> {
    parts: Vec<Peekable<Rows<'a>>>,
    side: &'a Side<'a>,
}

impl<'a> Merged<'a> {
    fn new(parts: Vec<Rows<'a>>, side: &'a Side<'a>) -> Self {
        Self { parts: parts.into_iter().map(Iterator::peekable).collect(), side }
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, Row)>> {
        let mut least: Option<Vec<u8>> = None;
        for part in &mut self.parts {
            if let Some(Ok((key, _))) = part.peek()
                && least.as_ref().is_none_or(|least| key < least)
            {
                least = Some(key.clone());
            }
        }
        let mut merged: Option<Row> = None;
        for part in &mut self.parts {
            let here = |row: &Result<(Vec<u8>, Row)>| match row {
                Ok((key, _)) => Some(key) == least.as_ref(),
                Err(_) => true,
            };
            let Some(row) = part.next_if(here) else { continue };
            let (_, row) = row?;
            merged = Some(match merged {
                None => row,
                Some(other) => self.side.states()?.merge(&other, &row).map_err(damaged)?,
            });
        }
        Ok(least.zip(merged))
    }
}
