//! Heads of the log, to be kept elsewhere: what `headwater digest --log` prints.
//!
//! ```text
//! file := line*
//! line := log_id ' ' partition ' ' offset ' ' chain '\n'   one head of one partition
//!       | '#' anything '\n'                                a remark
//!       | '\n'
//!
//! log_id     the log's name for ever, as headwater.log.opened tells it
//! partition  control, 0, 1, …
//! offset     the last record that the chain is over, in decimal digits
//! chain      BLAKE3 over all records up to there, 64 hex digits
//! ```
//!
//! Further heads of a partition may be appended as days go by: each narrows down where a change lies.
//! The format never changes; a new one would begin with another first line.

use std::{fmt, str::FromStr};

use headwater_engine::Result;
use headwater_event::{Offset, PartitionId};
use headwater_fold::{Head, Position};
use headwater_log::DATA_PARTITIONS_MAX;
use headwater_store::StoreSet;
use serde::Serialize;

use crate::work::hex;

/// Two heads a day of the largest log for a year and a half.
const HEADS_MAX: usize = 1_000 * DATA_PARTITIONS_MAX as usize;
const CHAIN_BYTES: usize = 32;

/// How far a partition's log went once, and the chain over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptHead {
    /// The log.
    pub log_id: String,
    /// The partition.
    pub partition: PartitionId,
    /// The last record.
    pub offset: Offset,
    /// The chain with it.
    #[serde(serialize_with = "as_hex")]
    pub chain: [u8; CHAIN_BYTES],
}

/// What is wrong with a file of heads.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {why}")]
pub struct BadHeads {
    /// Counted from 1.
    pub line: usize,
    /// What, and what is expected.
    pub why: String,
}

impl fmt::Display for KeptHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log_id, partition, offset, chain } = self;
        write!(f, "{log_id} {partition} {offset} {}", hex(chain))
    }
}

impl FromStr for KeptHead {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let refused = |what: &str| format!("{what}; expected: LOG_ID PARTITION OFFSET CHAIN");
        let mut words = line.split_ascii_whitespace();
        let mut word = |what: &str| words.next().ok_or_else(|| refused(&format!("no {what}")));
        let log_id = word("log id")?.to_owned();
        let partition = word("partition")?.parse().map_err(|error| refused(&format!("{error}")))?;
        let offset = word("offset")?;
        let offset = offset.parse().map_err(|_| refused(&format!("{offset:?} is no offset")))?;
        let chain = word("chain")?;
        let chain = unhex(chain).ok_or_else(|| refused("the chain does not have 64 hex digits"))?;
        match words.next() {
            None => Ok(Self { log_id, partition, offset: Offset(offset), chain }),
            Some(more) => Err(refused(&format!("{more:?} is too much"))),
        }
    }
}

/// The heads in a file's text.
pub fn parse_heads(text: &str) -> Result<Vec<KeptHead>, BadHeads> {
    let mut heads = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if heads.len() >= HEADS_MAX {
            return Err(BadHeads { line, why: format!("more than {HEADS_MAX} heads") });
        }
        heads.push(content.parse().map_err(|why| BadHeads { line, why })?);
    }
    if heads.is_empty() {
        let why = "there is no head in it; `headwater digest --log` prints them".to_owned();
        return Err(BadHeads { line: 1, why });
    }
    Ok(heads)
}

/// The text of a file of heads.
pub fn write_heads(heads: &[KeptHead]) -> String {
    heads.iter().map(|head| format!("{head}\n")).collect()
}

/// The heads up to which these stores have folded, control first; a partition without records has
/// none.
pub fn heads_of(stores: &StoreSet, data_partitions: u32) -> Result<Vec<KeptHead>> {
    let mut heads = Vec::new();
    for partition in PartitionId::all(data_partitions) {
        let store = stores.partition(&partition.to_string())?;
        // Of one moment, though a server may be folding on.
        let snapshot = store.snapshot();
        let (Some(head), Some(position)) =
            (snapshot.get_meta("head")?, snapshot.get_meta("position")?)
        else {
            continue;
        };
        let damaged = |what: String| {
            let what = format!("read the head of partition {partition}: {what}");
            headwater_engine::Error::new(headwater_engine::ErrorKind::Corrupt, what)
        };
        let head: Head = serde_json::from_slice(&head).map_err(|e| damaged(e.to_string()))?;
        let position = Position::from_bytes(&position).map_err(|e| damaged(e.to_string()))?;
        let Some(log) = head.log else { continue };
        let Position { last, chain, .. } = position;
        heads.push(KeptHead { log_id: log.log_id, partition, offset: last, chain });
    }
    Ok(heads)
}

fn unhex(text: &str) -> Option<[u8; CHAIN_BYTES]> {
    let mut out = [0; CHAIN_BYTES];
    if text.len() != 2 * CHAIN_BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

fn as_hex<S: serde::Serializer>(chain: &[u8; CHAIN_BYTES], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex(chain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(partition: PartitionId, offset: u64) -> KeptHead {
        let chain = std::array::from_fn(|place| place as u8 ^ 0xa5);
        KeptHead { log_id: "01-a".to_owned(), partition, offset: Offset(offset), chain }
    }

    #[test]
    fn what_is_written_is_read() {
        let heads = vec![head(PartitionId::Control, 7), head(PartitionId::Data(3), u64::MAX)];
        let text = write_heads(&heads);
        assert_eq!(text.lines().next().unwrap().len(), "01-a control 7 ".len() + 64);
        assert_eq!(parse_heads(&text).unwrap(), heads);
        let with_remarks = format!("# kept on Monday\r\n\n{text}  \n");
        assert_eq!(parse_heads(&with_remarks).unwrap(), heads);
    }

    #[test]
    fn what_is_no_head_is_told_with_its_line() {
        let good = head(PartitionId::Control, 7).to_string();
        for (bad, told) in [
            ("01-a", "no partition"),
            ("01-a x 7 00", "\"x\" is not a partition"),
            ("01-a 0 -1 00", "\"-1\" is no offset"),
            ("01-a 0 1 00", "64 hex digits"),
            (&format!("01-a 0 1 {}", "+1".repeat(32)), "64 hex digits"),
            (&format!("{good} x"), "too much"),
        ] {
            let error = parse_heads(&format!("{good}\n{bad}\n")).unwrap_err();
            assert_eq!(error.line, 2, "{error}");
            assert!(error.to_string().contains(told), "{error}");
        }
        assert!(parse_heads("# nothing\n").is_err(), "an empty file proves nothing");
    }
}
