//! Tables' columns as Arrow's, with what they mean.

use std::{collections::HashMap, sync::LazyLock};

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use headwater_fold::{Column, ColumnType, Table};

/// The time zone of all timestamps, as Arrow writes it.
pub(crate) const UTC: &str = "+00:00";

/// The type of all timestamps.
pub(crate) static TIMESTAMP: LazyLock<DataType> =
    LazyLock::new(|| DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())));

/// The key of a field's metadata under which its description stands.
const DESCRIPTION: &str = "description";

/// The Arrow type of a column.
pub(crate) fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Decimal { precision, scale } => {
            DataType::Decimal128(precision, scale.cast_signed())
        }
        ColumnType::Text | ColumnType::Json => DataType::Utf8,
        ColumnType::Timestamp => TIMESTAMP.clone(),
        ColumnType::Binary => DataType::Binary,
    }
}

/// A field with its description.
pub(crate) fn field(name: &str, data_type: DataType, nullable: bool, description: &str) -> Field {
    let metadata = HashMap::from([(DESCRIPTION.to_owned(), description.to_owned())]);
    Field::new(name, data_type, nullable).with_metadata(metadata)
}

/// What a column means, as far as it was told.
pub(crate) fn description(field: &Field) -> &str {
    field.metadata().get(DESCRIPTION).map_or("", String::as_str)
}

/// The type as people write it.
pub(crate) fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double precision".to_owned(),
        DataType::Decimal128(precision, scale) => format!("numeric({precision},{scale})"),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Binary => "bytea".to_owned(),
        other => other.to_string(),
    }
}

/// Where a column's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The key's project.
    Project,
    /// A key column, by its place.
    Key(usize),
    /// A shown column, by its place.
    Value(usize),
    /// Who wrote the row.
    EventSource,
    /// By which event.
    EventId,
    /// Where the row stands.
    Partition,
    /// The offset of its event.
    Offset,
    /// When the log took its event.
    AppendedAt,
}

/// The columns of a table of rows, without those that SQL derives, and where each comes from.
pub(crate) fn row_columns(table: &Table) -> (Schema, Vec<Origin>) {
    let of = |column: &Column| {
        let nullable = column.nullable;
        field(&column.name, data_type(column.column_type), nullable, &column.description)
    };
    let text = |name, what| field(name, DataType::Utf8, false, what);
    let keys = table.key.len();
    let shown = table.shown_columns();
    let mut columns =
        vec![(text("project", "The project that the row belongs to."), Origin::Project)];
    columns.extend(shown.iter().enumerate().map(|(place, column)| {
        let origin = match place.checked_sub(keys) {
            None => Origin::Key(place),
            Some(place) => Origin::Value(place),
        };
        (of(column), origin)
    }));
    columns.extend([
        (text("_event_source", "The source of the event that wrote the row."), Origin::EventSource),
        (text("_event_id", "The id of the event that wrote the row."), Origin::EventId),
    ]);
    columns.extend(place_fields("row").into_iter().zip([
        Origin::Partition,
        Origin::Offset,
        Origin::AppendedAt,
    ]));
    let (fields, origins): (Vec<Field>, Vec<Origin>) = columns.into_iter().unzip();
    (Schema::new(fields), origins)
}

/// The columns that tell where a row or an event stands.
pub(crate) fn place_fields(what: &str) -> [Field; 3] {
    [
        field(
            "_partition",
            DataType::Utf8,
            false,
            &format!(
                "The partition that the {what} stands in: `control`, or a data partition's number."
            ),
        ),
        field("_offset", DataType::Int64, false, "The offset of the event in its partition."),
        field("_appended_at", TIMESTAMP.clone(), false, "When the log took the event."),
    ]
}
