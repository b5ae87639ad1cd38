//! A row, stored and read.

use headwater_event::Offset;

use crate::{
    Value,
    codec::{self, Damaged, PROVENANCE_BYTES},
};

/// Where a row comes from; in every row, never in a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provenance {
    /// The offset of the event that wrote it, in the row's own partition.
    pub offset: Offset,
    /// When the log took that event.
    pub appended_at_ms: i64,
}

/// A row's content: who wrote it, then the stored columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The source of the event that wrote it.
    pub event_source: String,
    /// The id of the event that wrote it.
    pub event_id: String,
    /// The stored columns, in the table's order.
    pub values: Vec<Value>,
}

impl Row {
    /// The stored bytes.
    pub fn encode(&self, provenance: Provenance) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(&provenance.offset.0.to_le_bytes());
        out.extend_from_slice(&provenance.appended_at_ms.to_le_bytes());
        codec::write_value(&Value::Text(self.event_source.clone()), &mut out);
        codec::write_value(&Value::Text(self.event_id.clone()), &mut out);
        for value in &self.values {
            codec::write_value(value, &mut out);
        }
        out
    }
}

/// A stored row, read.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// Where it comes from.
    pub provenance: Provenance,
    /// What it says.
    pub row: Row,
}

impl StoredRow {
    /// Reads stored bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let provenance = Self::provenance(bytes)?;
        let mut values = codec::read_values(Self::content(bytes))?.into_iter();
        let mut text = || match values.next() {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(Damaged("row: who wrote it")),
        };
        let (event_source, event_id) = (text()?, text()?);
        Ok(Self { provenance, row: Row { event_source, event_id, values: values.collect() } })
    }

    /// Where a stored row comes from.
    pub fn provenance(bytes: &[u8]) -> Result<Provenance, Damaged> {
        let (offset, rest) = bytes.split_first_chunk().ok_or(Damaged("row"))?;
        let (appended, _) = rest.split_first_chunk().ok_or(Damaged("row"))?;
        Ok(Provenance {
            offset: Offset(u64::from_le_bytes(*offset)),
            appended_at_ms: i64::from_le_bytes(*appended),
        })
    }

    /// The part of stored bytes that is content.
    pub fn content(bytes: &[u8]) -> &[u8] {
        bytes.get(PROVENANCE_BYTES..).unwrap_or_default()
    }
}
