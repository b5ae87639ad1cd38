//! `log.digests`: the digest of each table, over all partitions.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, StringArray},
    datatypes::{DataType, Field},
    record_batch::RecordBatch,
};
use headwater_fold::{Digest, Table};

use super::{
    positions::{of_columns, signed},
    schema::field,
    states::States,
};
use crate::Error;

/// What the table tells.
pub(crate) const DESCRIPTION: &str =
    "The digest of each table's rows over all partitions: equal digests, equal rows.";

/// The table's only batch: a row for each of these tables.
pub(crate) fn batch(states: &States, tables: &[Arc<Table>]) -> Result<RecordBatch, Error> {
    let digests: Vec<(&Table, Digest)> =
        tables.iter().map(|table| (&**table, digest(states, &table.version_hex()))).collect();
    let texts = |text: fn(&(&Table, Digest)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(digests.iter().map(text)))
    };
    let numbers = |number: fn(&Digest) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(digests.iter().map(|(_, d)| signed(number(d)))))
    };
    let text = |name, what| -> Field { field(name, DataType::Utf8, false, what) };
    let int = |name, what| -> Field { field(name, DataType::Int64, false, what) };
    of_columns(vec![
        (text("table", "The table's full name."), texts(|(table, _)| table.full_name())),
        (
            text("version", "The hash of its declaration and of the fold's revision, in hex."),
            texts(|(table, _)| table.version_hex()),
        ),
        (int("rows", "How many rows are stored."), numbers(|digest| digest.rows)),
        (
            int("versions", "How many versions of rows there ever were."),
            numbers(|digest| digest.versions),
        ),
        (
            text("latest", "The sum of the hashes of all rows, in hex."),
            texts(|(_, digest)| format!("{:032x}", digest.latest)),
        ),
        (
            text("history", "The sum of the hashes of all versions of rows, in hex."),
            texts(|(_, digest)| format!("{:032x}", digest.history)),
        ),
    ])
}

fn digest(states: &States, version_hex: &str) -> Digest {
    let digests = states.iter().map(|(_, state)| state.head.digests.get(version_hex));
    digests.flatten().fold(Digest::default(), |sum, digest| sum.merge(*digest))
}
