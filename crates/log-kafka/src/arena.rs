//! Copies many messages out of librdkafka's memory into one piece of our own, which their records
//! then share: one allocation a batch instead of one for each key, header and value.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use headwater_event::{Header, NewRecord, Offset, PartitionId, Record};
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Headers as _},
};

/// What stands in place of headers that can't be read: the binding takes names to be UTF-8.
const UNREADABLE_HEADERS: &str = "hw_unreadable_headers";

/// The messages of one batch.
#[derive(Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

struct Message {
    offset: Offset,
    appended_at_ms: i64,
    key: Option<Range<usize>>,
    headers: Vec<(String, Range<usize>)>,
    value: Option<Range<usize>>,
}

impl Arena {
    /// The number of messages.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The bytes of all messages.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Copies a message.
    pub(crate) fn add(&mut self, message: &BorrowedMessage<'_>) {
        let key = message.key().map(|key| self.copy(key));
        let value = message.payload().map(|value| self.copy(value));
        // The binding panics at a header name that isn't UTF-8, and one bad record must not end the
        // reader: it is given without its headers, and whoever decodes it refuses it.
        let headers = catch_unwind(AssertUnwindSafe(|| self.headers(message)));
        let headers = headers.unwrap_or_else(|_| vec![(UNREADABLE_HEADERS.to_owned(), 0..0)]);
        self.messages.push(Message {
            offset: Offset(u64::try_from(message.offset()).unwrap_or_default()),
            appended_at_ms: message.timestamp().to_millis().unwrap_or_default(),
            key,
            headers,
            value,
        });
    }

    fn headers(&mut self, message: &BorrowedMessage<'_>) -> Vec<(String, Range<usize>)> {
        let Some(headers) = message.headers() else { return Vec::new() };
        let all = headers.iter();
        all.map(|h| (h.key.to_owned(), self.copy(h.value.unwrap_or_default()))).collect()
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// The records, in order.
    pub(crate) fn into_records(self, partition: PartitionId) -> Vec<Record> {
        let bytes = Bytes::from(self.bytes);
        let record = |message: Message| {
            let Message { offset, appended_at_ms, key, headers, value } = message;
            let header = |(name, range)| Header { name, value: bytes.slice(range) };
            let body = NewRecord {
                key: key.map(|range| bytes.slice(range)),
                headers: headers.into_iter().map(header).collect(),
                value: value.map(|range| bytes.slice(range)),
            };
            Record { partition, offset, appended_at_ms, body }
        };
        self.messages.into_iter().map(record).collect()
    }
}
