//! Whether a log is the one that a snapshot was folded from, and still has what comes after.
//!
//! Cheap: the first record of control, and one record of each partition. A log that was trimmed has no
//! first record; the chain tells whether it is the snapshot's. That the records between
//! are those that were folded is what the chain says, and what a replay proves.

use headwater_event::{
    Offset, PartitionId, Record, catalog::names, decode, payload::LogOpened,
    payload::TopologyApplyRequested,
};
use headwater_log::{EventLog, ReadLimits};
use headwater_topology::Topology;

use crate::{
    error::{Error, Result},
    limits::RECORD_WAIT,
    manifest::{Manifest, PartitionManifest},
};

/// Refuses a log that is not the snapshot's, ends before it, or was written anew.
pub(crate) async fn check(log: &dyn EventLog, manifest: &Manifest) -> Result<()> {
    let wanted = &manifest.log;
    if log.start(PartitionId::Control).await? == Offset(0) {
        let opened = opened(log).await?;
        if opened.log_id != wanted.log_id {
            return Err(Error::reject(format!(
                "restore snapshot {}: it is of log {}, and {} is log {}: name the snapshot's log \
                 with --log, or a snapshot of this log",
                manifest.id,
                wanted.log_id,
                log.describe(),
                opened.log_id
            )));
        }
    }
    if log.data_partitions() != wanted.partitions {
        return Err(Error::reject(format!(
            "restore snapshot {}: it has {} data partitions, {} has {}",
            manifest.id,
            wanted.partitions,
            log.describe(),
            log.data_partitions()
        )));
    }
    for partition in &manifest.partitions {
        check_position(log, manifest, partition).await?;
    }
    Ok(())
}

async fn check_position(
    log: &dyn EventLog,
    manifest: &Manifest,
    partition: &PartitionManifest,
) -> Result<()> {
    let id = partition.partition;
    let refused = |what: String| {
        Error::reject(format!(
            "restore snapshot {}: partition {id} of {}: {what}",
            manifest.id,
            log.describe()
        ))
    };
    let position = partition
        .position
        .to_position()
        .ok_or_else(|| Error::bug(format!("the position of partition {id} was not checked")))?;
    let (start, end) = (log.start(id).await?, log.end(id).await?);
    if end <= position.last {
        return Err(refused(format!(
            "the log ends at offset {end}, and the snapshot was folded up to offset {}: the log \
             lost records, or is a copy made earlier; use an older snapshot",
            position.last
        )));
    }
    if start > position.last {
        return Err(refused(format!(
            "the log begins at offset {start}, after the snapshot's offset {}: what comes between \
             is gone; use a newer snapshot",
            position.last
        )));
    }
    match record_at(log, id, position.last).await? {
        Some(record) if record.offset == position.last && position.ends_with(&record.body) => {
            Ok(())
        }
        _ => Err(refused(format!(
            "the record at offset {} is not the one that the snapshot was folded to: the log was \
             written anew or changed; `headwater replay verify` on a data folder of this log tells \
             more",
            position.last
        ))),
    }
}

/// The identity that the log begins with.
async fn opened(log: &dyn EventLog) -> Result<LogOpened> {
    let none = || {
        Error::reject(format!(
            "restore a snapshot: {} does not begin as a log of Headwater does; the log is not in a \
             snapshot: put its folder log/ into the data folder, or name it with --log",
            log.describe()
        ))
    };
    if log.end(PartitionId::Control).await? == Offset(0) {
        return Err(none());
    }
    let start = log.start(PartitionId::Control).await?;
    let record = record_at(log, PartitionId::Control, start).await?.ok_or_else(none)?;
    decode(&record.body)
        .ok()
        .filter(|event| event.event_type == names::LOG_OPENED)
        .and_then(|event| serde_json::from_value(event.data).ok())
        .ok_or_else(none)
}

/// The hash of the topology that the record at this offset of control asks for; that of the snapshot,
/// which the chain speaks for, if the record was taken away.
pub(crate) async fn topology_at(
    log: &dyn EventLog,
    offset: Offset,
    manifest: &Manifest,
) -> Result<Option<String>> {
    if log.start(PartitionId::Control).await? > offset {
        return Ok(manifest.topology.clone());
    }
    let record = record_at(log, PartitionId::Control, offset).await?;
    let Some(record) = record.filter(|record| record.offset == offset) else { return Ok(None) };
    let asked = decode(&record.body)
        .ok()
        .filter(|event| event.event_type == names::TOPOLOGY_APPLY_REQUESTED)
        .and_then(|event| serde_json::from_value::<TopologyApplyRequested>(event.data).ok())
        .and_then(|asked| serde_json::from_value::<Topology>(asked.topology).ok());
    Ok(asked.map(|topology| topology.hash()))
}

/// The first record at or after an offset: on Kafka the offset may be of no record.
async fn record_at(log: &dyn EventLog, id: PartitionId, offset: Offset) -> Result<Option<Record>> {
    let mut reader = log.reader(id, offset).await?;
    let one = ReadLimits { records_max: 1, ..ReadLimits::default() };
    let records = reader.next_batch(one, RECORD_WAIT).await?;
    Ok(records.into_iter().next())
}
