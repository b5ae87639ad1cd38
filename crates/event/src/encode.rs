//! Events to records of the log.

use bytes::Bytes;

use crate::{Event, Header, NewRecord, decode::STRUCTURED};

impl Event {
    /// The record of this event in structured mode, keyed by its subject.
    pub fn to_record(&self) -> NewRecord {
        NewRecord {
            key: Some(Bytes::copy_from_slice(self.subject.as_bytes())),
            headers: vec![Header {
                name: "content-type".to_owned(),
                value: Bytes::from_static(STRUCTURED.as_bytes()),
            }],
            value: Some(Bytes::from(self.to_json().to_string())),
        }
    }
}
