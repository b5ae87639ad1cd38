//! A table: its columns, their meaning, and where its rows stand.

mod declare;
mod key;
mod row;

use headwater_topology::{FeatureView, ValueType};

use crate::{ColumnType, codec::TABLE_PREFIX_BYTES, feature::FeatureColumns};

pub(crate) use declare::table;
pub use key::RowKey;
pub use row::{Provenance, Row, StoredRow};

/// A column that people see.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means; shown by `DESCRIBE`.
    pub description: String,
}

/// What tells the rows of a table apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyedBy {
    /// The key columns: a later write replaces the row.
    Key,
    /// The key columns and the position: every write is a row of its own.
    Position,
}

/// How stored columns become those that people see.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// As they are.
    AsStored,
    /// States of aggregates, finished at read.
    Features(FeatureColumns),
}

/// A table of views' rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The SQL schema that it stands in.
    pub schema: String,
    /// Its name there.
    pub name: String,
    /// What it tells.
    pub description: String,
    /// The hash of its declaration and of the fold's revision: another version is another table.
    pub version: [u8; 16],
    /// What tells its rows apart.
    pub keyed_by: KeyedBy,
    /// The key's columns after `project`, in order.
    pub key: Vec<Column>,
    /// The stored columns besides the key's: values as they lie in the row's content.
    pub stored: Vec<Column>,
    /// How the stored columns are shown.
    pub shown: Shown,
    /// Whether one key can have rows in several partitions, to be merged at read.
    pub merged_at_read: bool,
    /// Features computed at read by SQL; only feature views have them.
    pub derived: Vec<headwater_topology::DerivedFeature>,
}

impl Table {
    /// `schema.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The bytes that every key of this table begins with.
    pub fn prefix(&self) -> [u8; TABLE_PREFIX_BYTES] {
        let mut prefix = [0; TABLE_PREFIX_BYTES];
        for (to, from) in prefix.iter_mut().zip(self.version) {
            *to = from;
        }
        prefix
    }

    /// The version in hex.
    pub fn version_hex(&self) -> String {
        self.version.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The columns that a row shows after `project`: key, then values.
    pub fn shown_columns(&self) -> Vec<Column> {
        let values = match &self.shown {
            Shown::AsStored => self.stored.clone(),
            Shown::Features(features) => features.columns(),
        };
        self.key.iter().cloned().chain(values).collect()
    }

    pub(crate) fn hash_version(&mut self, revision: u32) {
        let mut hasher = blake3::Hasher::new_derive_key("headwater table version v1");
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        part(&self.full_name());
        part(&format!("{:?}", self.keyed_by));
        for column in self.key.iter().chain(&self.stored) {
            part(&column.name);
            part(&format!("{:?}", column.column_type));
        }
        part(&revision.to_string());
        for (to, from) in self.version.iter_mut().zip(hasher.finalize().as_bytes()) {
            *to = *from;
        }
    }

    /// The table of a declared feature view.
    pub fn of_feature_view(
        name: &str,
        view: &FeatureView,
        topology: &headwater_topology::Topology,
    ) -> Self {
        crate::feature::table(name, view, topology)
    }
}

/// The column type of a declared type.
pub fn column_type(value_type: ValueType) -> ColumnType {
    match value_type {
        ValueType::Bool => ColumnType::Bool,
        ValueType::Int64 => ColumnType::Int64,
        ValueType::Float64 => ColumnType::Float64,
        ValueType::Decimal { precision, scale } => ColumnType::Decimal { precision, scale },
        ValueType::String => ColumnType::Text,
        ValueType::Timestamp => ColumnType::Timestamp,
        ValueType::Json => ColumnType::Json,
    }
}
