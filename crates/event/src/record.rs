//! What lies on the log before anything is understood of it: key, headers, bytes.

use bytes::Bytes;

use crate::{Offset, PartitionId};

/// A named header. Names may repeat; the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// For CloudEvents in binary mode `ce_…`, else `content-type`, `hw_epoch`, `hw_signature`.
    pub name: String,
    /// Any bytes; a null header value is told as empty.
    pub value: Bytes,
}

/// A record that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewRecord {
    /// The subject's bytes, by which the record was placed.
    pub key: Option<Bytes>,
    /// In the order in which they were given.
    pub headers: Vec<Header>,
    /// The event; `None` is Kafka's null value.
    pub value: Option<Bytes>,
}

/// A record as it was read from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition that it was read from.
    pub partition: PartitionId,
    /// Its place there.
    pub offset: Offset,
    /// When the log took it, in milliseconds since 1970. Provenance: never an input to a fold.
    pub appended_at_ms: i64,
    /// What its producer gave.
    pub body: NewRecord,
}

impl NewRecord {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_ref())
    }

    /// The bytes of key, headers and value together, by which limits are counted.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|h| h.name.len() + h.value.len()).sum();
        self.key.as_ref().map_or(0, Bytes::len)
            + headers
            + self.value.as_ref().map_or(0, Bytes::len)
    }

    /// Feeds every byte of the record, each part with its length, to `hasher`.
    pub fn hash_into(&self, hasher: &mut blake3::Hasher) {
        let mut part = |bytes: Option<&[u8]>| match bytes {
            None => {
                hasher.update(&u64::MAX.to_le_bytes());
            }
            Some(bytes) => {
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        };
        part(self.key.as_deref());
        for header in &self.headers {
            part(Some(header.name.as_bytes()));
            part(Some(&header.value));
        }
        part(self.value.as_deref());
    }
}
