//! One partition, record by record: pure, so that it can be tested with any records.

use headwater_event::{Offset, PartitionId, Record, Verifier, payload::LogOpened};
use headwater_fold::{LogIdentity, Origin, Position};

use super::{
    Finding, FindingKind, PartitionAudit,
    checkpoints::{Chain, Checkpoint, Checkpoints, Differs},
    signatures::{self, Signatures},
};
use crate::work::hex;

/// What is known of a partition before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) id: PartitionId,
    pub(crate) data_partitions: u32,
    /// Who the log is by the store, if there is one.
    pub(crate) identity: Option<LogIdentity>,
    /// What the log begins with by the store, if it was trimmed.
    pub(crate) origin: Option<Origin>,
    pub(crate) store: Option<Vec<Checkpoint>>,
    pub(crate) heads: Option<Vec<Checkpoint>>,
}

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    id: PartitionId,
    /// `None` while nobody knows it, as the records before are gone.
    chain: Option<Chain>,
    last: Option<Offset>,
    records: u64,
    store: Option<Checkpoints>,
    heads: Option<Checkpoints>,
    identity: Option<LogIdentity>,
    data_partitions: u32,
    signatures: Signatures,
    opened: Option<LogOpened>,
    /// Whether the first record is the log's first.
    begins: bool,
    findings: Vec<Finding>,
    remarks: Vec<String>,
}

/// What a walk came to.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) audit: PartitionAudit,
    pub(crate) opened: Option<LogOpened>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) remarks: Vec<String>,
}

impl Walk {
    /// Begins at the log's start, which is the first of all records unless some are gone.
    pub(crate) fn new(expected: Expected, start: Offset) -> Self {
        let Expected { id, data_partitions, identity, origin, store, heads } = expected;
        // What was known of records that are gone can't be compared any more.
        let there = |known: Vec<Checkpoint>| {
            known.into_iter().filter(|known| known.offset >= start).collect()
        };
        let key = |log: &LogIdentity| Verifier::new(&log.verifying_key, log.log_id.clone());
        let verifier = identity.as_ref().and_then(key);
        let mut walk = Self {
            id,
            chain: (start == Offset(0)).then_some([0; 32]),
            last: None,
            records: 0,
            store: store.map(there).map(Checkpoints::new),
            heads: heads.map(there).map(Checkpoints::new),
            identity,
            data_partitions,
            signatures: Signatures::new(id, verifier),
            opened: None,
            begins: start == Offset(0),
            findings: Vec::new(),
            remarks: Vec::new(),
        };
        if start > Offset(0) {
            walk.signatures.begin_late();
            let gone = format!("the log begins at offset {start}: the records before are gone");
            match origin {
                Some(origin) if start <= origin.offset => walk.remarks.push(format!(
                    "partition {id}: {gone}; the log was trimmed when snapshot {} at {} had become its \
                     origin, which holds what followed from them up to offset {}",
                    origin.snapshot, origin.place, origin.offset
                )),
                Some(origin) => {
                    let lawful = format!("a log from offset {} on, its origin", origin.offset);
                    walk.find(FindingKind::BeginsLate, None, start, &lawful, gone);
                }
                None => {
                    let whole = "a log from offset 0 on";
                    walk.find(FindingKind::BeginsLate, None, start, whole, gone);
                }
            }
        }
        walk
    }

    /// One more record.
    pub(crate) fn take(&mut self, record: &Record) {
        let offset = record.offset;
        if self.records == 0 && self.begins {
            self.first(record);
        }
        if let Some(last) = self.last.filter(|last| offset <= *last) {
            let found = format!("offset {offset} after offset {last}");
            self.find(FindingKind::OffsetOrder, Some(last), offset, "offsets that rise", found);
        }
        self.chain = match &self.chain {
            Some(before) => Some(Position::link(before, &record.body)),
            // Begin with the first chain that somebody knows.
            None => [&mut self.store, &mut self.heads]
                .into_iter()
                .flatten()
                .find_map(|checkpoints| checkpoints.known_at(offset)),
        };
        for checkpoints in [&mut self.store, &mut self.heads].into_iter().flatten() {
            checkpoints.pass(offset, self.chain.as_ref());
        }
        self.signatures.take(record);
        self.records += 1;
        self.last = Some(offset);
    }

    /// The log could not be read on.
    pub(crate) fn damaged(mut self, why: String) -> Walked {
        let at = self.last.map_or(Offset(0), Offset::next);
        self.find(FindingKind::Damaged, self.last, at, "records that can be read", why);
        self.walked(None)
    }

    /// The log ends before this offset.
    pub(crate) fn finish(self, end: Offset) -> Walked {
        self.walked(Some(end))
    }

    fn walked(mut self, end: Option<Offset>) -> Walked {
        let store = self.store.take().map(|checkpoints| checkpoints.finish(end));
        let heads = self.heads.take().map(|checkpoints| checkpoints.finish(end));
        let sides =
            [(&store, FindingKind::ChainAgainstStore), (&heads, FindingKind::ChainAgainstHeads)];
        for (side, kind) in sides {
            if let Some((_, Some(Differs { after, at, expected, found }))) = side {
                self.find(kind, *after, *at, expected, found.clone());
            }
        }
        if self.records == 0 && end.is_some() {
            let expected = "headwater.log.opened, the first record of the partition";
            self.find(FindingKind::NotOpened, None, Offset(0), expected, "no record".to_owned());
        }
        let signed = self.signatures.signed;
        let (breaches, remark) = self.signatures.finish();
        self.findings.extend(breaches);
        self.remarks.extend(remark);
        let audit = PartitionAudit {
            partition: self.id,
            records: self.records,
            last: self.last.map(|offset| offset.0),
            chain: self.chain.map(|chain| hex(&chain)),
            signed,
            store: store.map(|(agreement, _)| agreement),
            heads: heads.map(|(agreement, _)| agreement),
        };
        Walked { audit, opened: self.opened, findings: self.findings, remarks: self.remarks }
    }

    /// The first of all records names the log, and the key that all are signed with.
    fn first(&mut self, record: &Record) {
        match signatures::opened(self.id, &record.body, self.data_partitions) {
            Ok((opened, verifier)) => {
                if let Some(known) = &self.identity
                    && (known.log_id != opened.log_id
                        || known.verifying_key != opened.verifying_key)
                {
                    let expected = format!("log {}, which the store was folded from", known.log_id);
                    let found = format!("log {}", opened.log_id);
                    self.find(FindingKind::AnotherLog, None, record.offset, &expected, found);
                }
                self.signatures = Signatures::new(self.id, Some(verifier));
                self.opened = Some(opened);
            }
            Err(found) => {
                let expected = "headwater.log.opened, the first record of the partition";
                self.find(FindingKind::NotOpened, None, record.offset, expected, found);
            }
        }
    }

    fn find(
        &mut self,
        kind: FindingKind,
        after: Option<Offset>,
        up_to: Offset,
        expected: &str,
        found: String,
    ) {
        // A log whose offsets fall once may fall often; the first tells enough.
        if self.findings.iter().any(|finding| finding.kind == kind) {
            return;
        }
        self.findings.push(Finding {
            partition: self.id,
            kind,
            after: after.map(|offset| offset.0),
            up_to: Some(up_to.0),
            expected: expected.to_owned(),
            found,
        });
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
