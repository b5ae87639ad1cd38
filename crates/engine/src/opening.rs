//! Opening a log: its first records, its identity, its key.
//!
//! A log that was trimmed begins later: who it is, its stores know, and each of them finds the record that
//! it was folded to last.

use std::{sync::Arc, time::Duration};

use headwater_event::{
    Event, Offset, PartitionId, Signer, Timestamp,
    catalog::names,
    decode,
    payload::{ClockMode, LogOpened},
};
use headwater_fold::{DEDUP_HORIZON_DAYS, FACT_SOURCE, Head, LogIdentity, PartitionError};
use headwater_log::{AppendAck, EventLog, ReadLimits};
use headwater_store::StoreSet;

use crate::{EngineConfig, Error, ErrorKind, Result, clock::wall, keys};

/// How long the first record of a partition that has records may take to come.
const FIRST_RECORD_WAIT: Duration = Duration::from_secs(10);

/// A log that is open: what it is, and the signer of its control records.
pub(crate) struct Opened {
    pub(crate) identity: LogIdentity,
    pub(crate) signer: Signer,
}

/// Reads the log's identity, or makes it, and sees to it that every partition begins with it.
pub(crate) async fn open(
    log: &Arc<dyn EventLog>,
    stores: &StoreSet,
    config: &EngineConfig,
) -> Result<Opened> {
    let (identity, time) = identify(log, stores, config).await?;
    if identity.partitions != log.data_partitions() {
        let what = format!(
            "log {} was made with {} data partitions, {} has {}",
            identity.log_id,
            identity.partitions,
            log.describe(),
            log.data_partitions()
        );
        return Err(Error::new(ErrorKind::Reject, what));
    }
    let signer = Signer::new(&keys::load(&config.keys_dir, &identity.log_id)?, &*identity.log_id);
    if signer.verifying_key() != identity.verifying_key {
        let what = format!(
            "the key in {} is not that of log {}; copy the folder keys/ of the process that made it",
            config.keys_dir.display(),
            identity.log_id
        );
        return Err(Error::new(ErrorKind::Reject, what));
    }
    for id in PartitionId::all(identity.partitions) {
        if log.start(id).await? > Offset(0) {
            // Its store is checked against the record that it was folded to.
            continue;
        }
        match first_record(log, id).await? {
            Some(first) if first.log_id == identity.log_id => {}
            Some(first) => {
                let what = format!(
                    "partition {id} belongs to log {}, control to log {}",
                    first.log_id, identity.log_id
                );
                return Err(Error::new(ErrorKind::Reject, what));
            }
            None => {
                let time = time.ok_or_else(|| {
                    let what = format!("partition {id} is empty, and control was trimmed");
                    Error::new(ErrorKind::Corrupt, what)
                })?;
                let opened = opened(id, &identity, time);
                let data = serde_json::to_value(&opened).unwrap_or_default();
                let mut event = Event::new(
                    format!("opened-{id}"),
                    FACT_SOURCE,
                    names::LOG_OPENED,
                    identity.log_id.clone(),
                    data,
                );
                event.time = Some(time);
                let record = signer.sign(id, 0, event.in_newest_schema().to_record());
                log.append(id, vec![record], AppendAck::Durable).await?;
            }
        }
    }
    Ok(Opened { identity, signer })
}

/// Who the log is, by its first record; one that was trimmed, by control's store. With the time at its start,
/// if that is known.
async fn identify(
    log: &Arc<dyn EventLog>,
    stores: &StoreSet,
    config: &EngineConfig,
) -> Result<(LogIdentity, Option<Timestamp>)> {
    let start = log.start(PartitionId::Control).await?;
    if start > Offset(0) {
        let known = known(stores)?.ok_or_else(|| begins_late(PartitionId::Control, start))?;
        return Ok((known, None));
    }
    let opened = match first_record(log, PartitionId::Control).await? {
        Some(opened) => opened,
        None => make(log, config)?,
    };
    let time = opened.time;
    Ok((identity_of(opened), Some(time)))
}

/// Who the log is, by control's store.
fn known(stores: &StoreSet) -> Result<Option<LogIdentity>> {
    let store = stores.partition(&PartitionId::Control.to_string())?;
    let head = store.get_meta("head")?;
    let head = head.map(|bytes| Head::from_bytes(&bytes)).transpose();
    let head = head.map_err(|error: PartitionError| Error::from(error))?;
    Ok(head.and_then(|head| head.log))
}

/// A log that was trimmed, and a store that does not have what was trimmed.
pub(crate) fn begins_late(id: PartitionId, start: Offset) -> Error {
    let what = format!(
        "partition {id} begins at offset {start}: the records before were taken away once a snapshot had \
         become the log's origin; restore that snapshot or a newer one with `headwater snapshot restore`"
    );
    Error::new(ErrorKind::Reject, what)
}

fn identity_of(opened: LogOpened) -> LogIdentity {
    LogIdentity {
        log_id: opened.log_id,
        partitions: opened.partitions,
        clock: opened.clock,
        verifying_key: opened.verifying_key,
        dedup_horizon_days: opened.dedup_horizon_days,
    }
}

fn opened(id: PartitionId, log: &LogIdentity, time: Timestamp) -> LogOpened {
    LogOpened {
        log_id: log.log_id.clone(),
        partition: id.to_string(),
        partitions: log.partitions,
        clock: log.clock,
        time,
        verifying_key: log.verifying_key.clone(),
        dedup_horizon_days: log.dedup_horizon_days,
    }
}

fn make(log: &Arc<dyn EventLog>, config: &EngineConfig) -> Result<LogOpened> {
    let secret = keys::load_or_make(&config.keys_dir)?;
    let log_id = uuid::Uuid::now_v7().to_string();
    let signer = Signer::new(&secret, log_id.clone());
    Ok(LogOpened {
        partition: PartitionId::Control.to_string(),
        partitions: log.data_partitions(),
        clock: config.clock,
        time: match config.clock {
            ClockMode::Given => config.opened_at.unwrap_or_else(wall),
            ClockMode::Live => wall(),
        },
        verifying_key: signer.verifying_key(),
        dedup_horizon_days: DEDUP_HORIZON_DAYS,
        log_id,
    })
}

/// The identity that a partition begins with; `None` if the partition is empty.
async fn first_record(log: &Arc<dyn EventLog>, id: PartitionId) -> Result<Option<LogOpened>> {
    if log.end(id).await? == Offset(0) {
        return Ok(None);
    }
    let start = log.start(id).await?;
    let mut reader = log.reader(id, start).await?;
    let limits = ReadLimits { records_max: 1, ..ReadLimits::default() };
    let records = reader.next_batch(limits, FIRST_RECORD_WAIT).await?;
    let Some(record) = records.first() else { return Ok(None) };
    let opened = decode(&record.body)
        .ok()
        .filter(|event| event.event_type == names::LOG_OPENED)
        .and_then(|event| event.payload().ok());
    opened.map(Some).ok_or_else(|| {
        let what = format!(
            "partition {id} of {} does not begin with headwater.log.opened: its first record, at \
             offset {}, was written before the log was made, or by another program",
            log.describe(),
            record.offset
        );
        Error::new(ErrorKind::Reject, what)
    })
}
