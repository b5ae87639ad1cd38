//! A sealed file, drawn.
//!
//! ```text
//! column              type                what
//! _key                binary              the row's key without the view's version, sorted
//! _offset             int64               the event's offset; ascending within a key
//! _appended_at_ms     int64, nullable     when the log took the event
//! _removed            boolean             the event removed the row: all that follows but the key is null
//! project             text                as in the key
//! <key column>…       text, int64 or timestamp, as in the key; tables keyed by position end in the key alone
//! _event_source       text, nullable      who wrote the row
//! _event_id           text, nullable
//! <stored column>…    as the table stores it, nullable
//! ```
//!
//! Rows stand by key, offset, then the order in which the event wrote them. A decimal column has 38
//! digits, whatever its declaration, so that any stored integer fits. The file's metadata names
//! the table, its version in hex, the layout's number and how many key columns there are. Columns of a
//! table that this program does not know (of an older release) are named by their place, `c0`, `c1`, ….

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use headwater_fold::{Column, ColumnType, Table, codec};

use crate::{Error, Result, piece::FORMAT};

/// The columns before the key's.
pub(crate) const PLACE_COLUMNS: usize = 4;
/// Where the key's bytes stand.
pub(crate) const KEY: usize = 0;
/// Where the offset stands.
pub(crate) const OFFSET: usize = 1;

/// Rows of a group: what a point read decodes, and what a scan holds in memory.
pub(crate) const GROUP_ROWS: usize = 16_384;

const KEY_COLUMNS: &str = "headwater.key_columns";

/// The columns of one view's files.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    /// The key's columns after `project`; empty for a table that is not known.
    pub(crate) key: Vec<ColumnType>,
}

impl Layout {
    /// The layout of a table's rows.
    pub(crate) fn of(table: &Table) -> Self {
        let key: Vec<_> = table.key.iter().map(|column| column.column_type).collect();
        Self {
            schema: schema(&table.full_name(), &table.version_hex(), &table.key, &table.stored),
            key,
        }
    }

    /// The layout of rows whose table is not known, by what stands in them.
    pub(crate) fn guess<'a>(
        view: [u8; 8],
        rows: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, headwater_fold::Damaged> {
        let mut types: Vec<Option<ColumnType>> = Vec::new();
        for row in rows {
            let content = headwater_fold::StoredRow::content(row);
            for (place, value) in codec::read_values(content)?.iter().enumerate().skip(2) {
                let at = place - 2;
                if types.len() <= at {
                    types.resize(at + 1, None);
                }
                if let Some(slot) = types.get_mut(at) {
                    *slot = slot.or(type_of(value));
                }
            }
        }
        let stored: Vec<Column> = types
            .into_iter()
            .enumerate()
            .map(|(place, column_type)| Column {
                name: format!("c{place}"),
                column_type: column_type.unwrap_or(ColumnType::Bool),
                nullable: true,
                description: String::new(),
            })
            .collect();
        let view: String = view.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { schema: schema("unknown", &view, &[], &stored), key: Vec::new() })
    }

    /// How many columns stand before the stored ones.
    pub(crate) fn before_content(schema: &Schema) -> Result<usize> {
        let keys = schema.metadata().get(KEY_COLUMNS).and_then(|n| n.parse::<usize>().ok());
        let keys = keys.ok_or_else(|| Error::corrupt("a sealed file without its layout".into()))?;
        Ok(PLACE_COLUMNS + keys)
    }
}

fn type_of(value: &headwater_fold::Value) -> Option<ColumnType> {
    use headwater_fold::Value as V;
    match value {
        V::Null => None,
        V::Bool(_) => Some(ColumnType::Bool),
        V::Int64(_) => Some(ColumnType::Int64),
        V::Float64(_) => Some(ColumnType::Float64),
        V::Decimal(_) => Some(ColumnType::Decimal { precision: 38, scale: 0 }),
        V::Text(_) => Some(ColumnType::Text),
        V::Timestamp(_) => Some(ColumnType::Timestamp),
        V::Binary(_) => Some(ColumnType::Binary),
    }
}

fn schema(table: &str, version: &str, key: &[Column], stored: &[Column]) -> SchemaRef {
    let mut fields = vec![
        Field::new("_key", DataType::Binary, false),
        Field::new("_offset", DataType::Int64, false),
        Field::new("_appended_at_ms", DataType::Int64, true),
        Field::new("_removed", DataType::Boolean, false),
    ];
    let known = !key.is_empty() || table != "unknown";
    if known {
        fields.push(Field::new("project", DataType::Utf8, true));
        let of_key =
            |column: &Column| Field::new(&column.name, data_type(column.column_type), true);
        fields.extend(key.iter().map(of_key));
    }
    fields.push(Field::new("_event_source", DataType::Utf8, true));
    fields.push(Field::new("_event_id", DataType::Utf8, true));
    for column in stored {
        // A stored column may have a key column's name; names in a file are told apart.
        let taken = |name: &str| fields.iter().any(|field| field.name() == name);
        let mut name = column.name.clone();
        while taken(&name) {
            name.push('_');
        }
        fields.push(Field::new(name, data_type(column.column_type), true));
    }
    let keys = if known { key.len() + 1 } else { 0 };
    let metadata = HashMap::from([
        ("headwater.layout".to_owned(), FORMAT.to_string()),
        ("headwater.table".to_owned(), table.to_owned()),
        ("headwater.version".to_owned(), version.to_owned()),
        (KEY_COLUMNS.to_owned(), keys.to_string()),
    ]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Decimal { scale, .. } => DataType::Decimal128(38, scale.cast_signed()),
        ColumnType::Text | ColumnType::Json => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        ColumnType::Binary => DataType::Binary,
    }
}
