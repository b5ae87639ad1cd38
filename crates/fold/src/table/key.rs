//! The key under which a row stands.

use headwater_event::Offset;

use crate::{
    KeyedBy, Table, Value,
    codec::{self, Damaged, POSITION_SUFFIX_BYTES, TABLE_PREFIX_BYTES},
};

/// A row's key, read.
#[derive(Debug, Clone, PartialEq)]
pub struct RowKey {
    /// The project.
    pub project: String,
    /// The values of the key columns, in order.
    pub values: Vec<Value>,
}

impl Table {
    /// The key of the row with these key values.
    pub fn key_of<'a>(
        &self,
        project: &str,
        values: impl IntoIterator<Item = &'a Value>,
    ) -> Vec<u8> {
        let mut key = self.key_prefix(project);
        for value in values {
            codec::write_key_value(value, &mut key);
        }
        key
    }

    /// What the keys of all rows of a project begin with.
    pub fn key_prefix(&self, project: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        key.extend_from_slice(&self.prefix());
        codec::write_key_text(project, &mut key);
        key
    }

    /// The first key after all that begin with `prefix`; empty, which means to the last, if there is
    /// none.
    pub fn after(prefix: &[u8]) -> Vec<u8> {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                break;
            }
        }
        end
    }

    /// Where the rows of this table stand: from the first key up to and without the second.
    pub fn range(&self) -> (Vec<u8>, Vec<u8>) {
        let prefix = self.prefix();
        (prefix.to_vec(), Self::after(&prefix))
    }

    /// Ends the key of a table keyed by position.
    pub(crate) fn add_position(key: &mut Vec<u8>, offset: Offset, index: u32) {
        key.extend_from_slice(&offset.0.to_be_bytes());
        key.extend_from_slice(&index.to_be_bytes());
    }

    /// Reads a key of this table.
    pub fn read_key(&self, key: &[u8]) -> Result<RowKey, Damaged> {
        let mut rest = key.get(TABLE_PREFIX_BYTES..).ok_or(Damaged("key"))?;
        let project = codec::read_key_text(&mut rest)?;
        let values = self
            .key
            .iter()
            .map(|column| codec::read_key_value(column.column_type, &mut rest))
            .collect::<Result<_, _>>()?;
        Ok(RowKey { project, values })
    }

    /// The part of a key that is content: all but the position and the table.
    pub fn content_key<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        let end = match self.keyed_by {
            KeyedBy::Key => key.len(),
            KeyedBy::Position => key.len().saturating_sub(POSITION_SUFFIX_BYTES),
        };
        key.get(TABLE_PREFIX_BYTES..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_after_a_prefix_is_after_all_that_begin_with_it() {
        assert_eq!(Table::after(&[1, 2]), [1, 3]);
        assert_eq!(Table::after(&[1, 0xff, 0xff]), [2], "the last byte that can grow grows");
        assert!(Table::after(&[0xff, 0xff]).is_empty(), "nothing is after: to the last");
        assert!(Table::after(&[1, 2]).as_slice() > [1, 2, 0xff, 0xff, 0xff].as_slice());
    }
}
