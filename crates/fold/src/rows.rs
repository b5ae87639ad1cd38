//! What a fold may read, and the changes it answers with.

use headwater_event::Refusal;

use crate::{Row, Table, Value, batch::ApplyError, codec::Damaged};

/// Rows with their keys, in the order of the keys.
pub type KeysAndRows = Vec<KeyAndRow>;

/// A row with its key.
pub type KeyAndRow = (Vec<u8>, Vec<u8>);

/// The stored state of one partition, as the fold sees it.
pub trait StoredRows {
    /// The latest row under a key.
    fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed>;
    /// The first rows, at most `limit`, whose keys are from `from` up to and without `until`.
    fn first(&self, from: &[u8], until: &[u8], limit: usize) -> Result<KeysAndRows, ReadFailed>;
    /// The last row whose key is from `from` up to and without `until`.
    fn last(&self, from: &[u8], until: &[u8]) -> Result<Option<KeyAndRow>, ReadFailed>;
    /// What is known of an event's id.
    fn seen(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, ReadFailed>;
}

/// The store could not be read: no fold is possible, and nothing is wrong with the event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadFailed(pub String);

/// Why a fold did not answer.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The event is refused; this goes on the record.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadFailed),
    /// The store holds bytes that this program did not write.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

impl From<ApplyError> for FoldError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Read(error) => Self::Read(error),
            ApplyError::Damaged(error) => Self::Damaged(error),
        }
    }
}

/// A built-in table's row as a Rust struct; see `table!`.
pub trait TableRow: Sized {
    /// The table.
    fn table() -> &'static Table;
    /// The values of the key columns.
    fn key_values(&self) -> Vec<Value>;
    /// The values of the other columns.
    fn stored_values(&self) -> Vec<Value>;
    /// The struct of these values; `None` if they are not of the table's types.
    fn from_values(key: Vec<Value>, stored: Vec<Value>) -> Option<Self>;
}

/// One change of one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Put {
    /// The table's version, which is part of the row's hash.
    pub table_version: [u8; 16],
    /// How many bytes at the key's end are its position: outside the digest.
    pub position_suffix: usize,
    /// The row's key.
    pub key: Vec<u8>,
    /// The new content; `None` removes the row.
    pub row: Option<Row>,
}

impl Put {
    pub(crate) fn new(table: &Table, key: Vec<u8>, row: Option<Row>) -> Self {
        let position_suffix = match table.keyed_by {
            crate::KeyedBy::Key => 0,
            crate::KeyedBy::Position => crate::codec::POSITION_SUFFIX_BYTES,
        };
        Self { table_version: table.version, position_suffix, key, row }
    }
}
