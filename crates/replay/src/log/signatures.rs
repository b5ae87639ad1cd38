//! Who wrote the records: signatures of this log's writer, and epochs in their order.

use headwater_event::{
    NewRecord, PartitionId, Record, SIGNATURE_HEADER, Verifier, catalog::names, decode,
    payload::LogOpened,
};

use super::{Finding, FindingKind};

/// Checks record by record, and keeps the first breach of each kind with a count.
#[derive(Debug)]
pub(crate) struct Signatures {
    id: PartitionId,
    verifier: Option<Verifier>,
    /// `None` while nobody knows it, as the records before are gone.
    epoch: Option<u64>,
    pub(crate) signed: u64,
    breaches: Vec<(Finding, u64)>,
    stale: u64,
}

impl Signatures {
    /// With the key that the first record, or a store, tells; without one nothing can be checked.
    pub(crate) fn new(id: PartitionId, verifier: Option<Verifier>) -> Self {
        Self { id, verifier, epoch: Some(0), signed: 0, breaches: Vec::new(), stale: 0 }
    }

    /// The first records are gone: the epoch is that of the first one that is there.
    pub(crate) fn begin_late(&mut self) {
        self.epoch = None;
    }

    /// One more record.
    pub(crate) fn take(&mut self, record: &Record) {
        let Some(verifier) = &self.verifier else { return };
        let is_control = self.id == PartitionId::Control;
        // Data events carry no signature; checking what has none would only cost time.
        if !is_control && record.body.header(SIGNATURE_HEADER).is_none() {
            return;
        }
        match verifier.epoch_of(self.id, &record.body) {
            Ok(Some(epoch)) => {
                self.signed += 1;
                if is_control {
                    self.take_epoch(record, epoch);
                }
            }
            Ok(None) => {
                let found = "no signature: appended or stripped by another than this log's writer";
                self.breach(record, FindingKind::Signature, found.to_owned());
            }
            Err(refusal) => {
                self.breach(record, FindingKind::Signature, refusal.detail);
            }
        }
    }

    /// A claim raises the epoch by one; all else is written in the epoch that holds. What an older
    /// process still wrote is lawful: the fold drops it.
    fn take_epoch(&mut self, record: &Record, epoch: u64) {
        let claims =
            decode(&record.body).is_ok_and(|event| event.event_type == names::WRITER_CLAIMED);
        let holds = self.epoch.unwrap_or(epoch.saturating_sub(u64::from(claims)));
        let expected = holds + u64::from(claims);
        if epoch < expected {
            self.stale += 1;
        } else if epoch > expected {
            let found = format!("epoch {epoch}, while epoch {holds} holds");
            self.breach(record, FindingKind::EpochOrder, found);
            self.epoch = Some(epoch);
        } else {
            self.epoch = Some(epoch);
        }
    }

    fn breach(&mut self, record: &Record, kind: FindingKind, found: String) {
        if let Some((_, count)) = self.breaches.iter_mut().find(|(first, _)| first.kind == kind) {
            *count += 1;
            return;
        }
        let expected = match kind {
            FindingKind::EpochOrder => "an epoch that a record before it claims",
            _ => "the signature of this log's writer",
        };
        let at = record.offset.0;
        let finding = Finding {
            partition: self.id,
            kind,
            after: at.checked_sub(1),
            up_to: Some(at),
            expected: expected.to_owned(),
            found,
        };
        self.breaches.push((finding, 1));
    }

    /// What was found, each kind once; and what is lawful but told.
    pub(crate) fn finish(self) -> (Vec<Finding>, Option<String>) {
        let told = self.breaches.into_iter().map(|(mut finding, count)| {
            if count > 1 {
                finding.found = format!("{}; and {} more such records", finding.found, count - 1);
            }
            finding
        });
        let remark = (self.stale > 0).then(|| {
            format!(
                "partition {}: {} records of a process that was no longer the active one; the fold \
                 drops them",
                self.id, self.stale
            )
        });
        (told.collect(), remark)
    }
}

/// What the first record of a partition says, and the key that it is signed with; or why it is not
/// a first record.
pub(crate) fn opened(
    id: PartitionId,
    record: &NewRecord,
    data_partitions: u32,
) -> Result<(LogOpened, Verifier), String> {
    let event = decode(record).map_err(|refusal| format!("no event: {}", refusal.detail))?;
    if event.event_type != names::LOG_OPENED {
        return Err(format!("an event of type {}", event.event_type));
    }
    let opened: LogOpened =
        serde_json::from_value(event.data).map_err(|error| format!("damaged: {error}"))?;
    if opened.partition != id.to_string() {
        return Err(format!("the first record of partition {}", opened.partition));
    }
    if opened.partitions != data_partitions {
        return Err(format!(
            "the first record of a log with {} data partitions; this one has {data_partitions}",
            opened.partitions
        ));
    }
    let verifier = Verifier::new(&opened.verifying_key, opened.log_id.clone())
        .ok_or_else(|| "a verifying key that is none".to_owned())?;
    match verifier.epoch_of(id, record) {
        Ok(Some(_)) => Ok((opened, verifier)),
        Ok(None) => Err("no signature".to_owned()),
        Err(refusal) => Err(refusal.detail),
    }
}

#[cfg(test)]
mod tests {
    use headwater_event::{Event, Offset, Signer};

    use super::*;

    const ID: PartitionId = PartitionId::Control;

    /// Checks records of these types and epochs: what was found at which offset, and what is told.
    fn check(records: &[(&str, u64)]) -> (Vec<(FindingKind, u64)>, Option<String>) {
        let signer = Signer::new(&[7; 32], "log");
        let verifier = Verifier::new(&signer.verifying_key(), "log");
        let mut signatures = Signatures::new(ID, verifier);
        for (offset, (name, epoch)) in (0..).zip(records) {
            let event = Event::new(offset.to_string(), "s", *name, "x", serde_json::json!({}));
            let body = signer.sign(ID, *epoch, event.to_record());
            signatures.take(&Record {
                partition: ID,
                offset: Offset(offset),
                appended_at_ms: 0,
                body,
            });
        }
        assert_eq!(signatures.signed, records.len() as u64);
        let (findings, remark) = signatures.finish();
        (findings.iter().map(|it| (it.kind, it.up_to.unwrap())).collect(), remark)
    }

    #[test]
    fn what_a_fenced_process_still_wrote_is_lawful() {
        let (claim, other) = (names::WRITER_CLAIMED, names::CLOCK_TICKED);
        let (found, remark) =
            check(&[(other, 0), (claim, 1), (other, 1), (claim, 2), (other, 1), (claim, 2)]);
        assert!(found.is_empty(), "{found:?}");
        assert!(remark.unwrap().contains("2 records"), "a late record and a claim that lost");
    }

    #[test]
    fn an_epoch_that_nobody_claimed_is_found_once() {
        let (claim, other) = (names::WRITER_CLAIMED, names::CLOCK_TICKED);
        let (found, _) = check(&[(other, 0), (other, 1), (other, 1), (claim, 2), (other, 2)]);
        assert_eq!(found, [(FindingKind::EpochOrder, 1)]);
        let (found, _) = check(&[(other, 0), (claim, 2), (other, 2)]);
        assert_eq!(found, [(FindingKind::EpochOrder, 1)], "the claim before it is missing");
    }
}
