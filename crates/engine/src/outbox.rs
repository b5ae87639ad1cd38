//! The outbox: publishes what the folds derived, in order, and removes it once the target has it.
//!
//! ```text
//! entry key   := cause's offset u64 BE · index u32 BE · target u32 BE
//!              | 0xff × 8 · publication · 0x00 · cause's offset u64 BE · index u32 BE
//! entry value := the event as JSON, without epoch and signature
//! ```
//!
//! What goes to topics of the users' own stands behind all else, and is `publications`' to publish: a broker
//! that is down holds up nothing on the log.
//!
//! A crash between append and removal publishes again; the target's fold drops the repeat, for it
//! keeps the last place in the sequence that it saw of each source. A store that was folded anew, or
//! restored, has entries that were published long ago: so nothing is published before every partition
//! has folded what was on the log at the start, and what a target has by then is not sent again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::try_join_all;
use headwater_event::{Event, NewRecord, Offset, Outlet, PartitionId, Signer, decode_structured};
use headwater_fold::Published;
use headwater_log::{AppendAck, EventLog};
use headwater_store::PartitionStore;

use crate::{
    Error, ErrorKind, Result, Step,
    shared::{PartitionShared, Shared},
};

/// Entries taken from a partition at once.
const ENTRIES_MAX: usize = 1_000;
/// No cause stands at this offset.
const OF_PUBLICATIONS: [u8; 8] = [0xff; 8];
/// How long the outbox rests after the log refused an append.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long it rests when nobody rings: the bell can be missed only at a start.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A derived event as a store's entry.
pub(crate) fn entry(to: PartitionId, outlet: Outlet, event: &Event) -> (Vec<u8>, Vec<u8>) {
    let mut key = outlet.offset.0.to_be_bytes().to_vec();
    key.extend_from_slice(&outlet.index.to_be_bytes());
    key.extend_from_slice(&to.code().to_be_bytes());
    (key, event.to_json().to_string().into_bytes())
}

/// Whether nothing waits to be published to another partition of the log.
pub fn nothing_to_publish(store: &PartitionStore) -> Result<bool> {
    let first = store.outbox(&[], 1)?.into_iter().next();
    Ok(first.is_none_or(|(key, _)| key.starts_with(&OF_PUBLICATIONS)))
}

/// Whether nothing waits to be published to a topic of the users' own.
pub fn nothing_to_deliver(store: &PartitionStore, publication: &str) -> Result<bool> {
    let prefix = publication_prefix(publication);
    let first = store.outbox(&prefix, 1)?.into_iter().next();
    Ok(first.is_none_or(|(key, _)| !key.starts_with(&prefix)))
}

/// What the keys of a publication's entries begin with.
pub(crate) fn publication_prefix(publication: &str) -> Vec<u8> {
    let mut key = OF_PUBLICATIONS.to_vec();
    key.extend_from_slice(publication.as_bytes());
    key.push(0);
    key
}

/// An event for a topic of the users' own as a store's entry.
pub(crate) fn publication_entry(published: &Published) -> (Vec<u8>, Vec<u8>) {
    let mut key = publication_prefix(&published.publication);
    if let Some(outlet) = published.event.derived_from {
        key.extend_from_slice(&outlet.offset.0.to_be_bytes());
        key.extend_from_slice(&outlet.index.to_be_bytes());
    }
    (key, published.event.to_json().to_string().into_bytes())
}

/// Publishes until the engine stops.
pub(crate) async fn run(
    log: Arc<dyn EventLog>,
    shared: Arc<Shared>,
    signer: Arc<Signer>,
    at_start: BTreeMap<PartitionId, Offset>,
) {
    for (id, end) in at_start {
        let Some(partition) = shared.partition(id) else { continue };
        let mut progress = partition.progress.subscribe();
        let caught_up = progress.wait_for(|progress| progress.next >= end || shared.is_stopping());
        let _ = caught_up.await;
    }
    while !shared.is_stopping() {
        let mut published = 0;
        for partition in shared.partitions.values() {
            match publish(&*log, partition, &shared, &signer).await {
                Ok(count) => published += count,
                Err(error) => {
                    tracing::warn!(partition = %partition.id, %error, "the outbox could not publish; it tries again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
        if published == 0 {
            let _ = tokio::time::timeout(LOOK_AGAIN_AFTER, shared.outbox.notified()).await;
        }
    }
}

async fn publish(
    log: &dyn EventLog,
    partition: &PartitionShared,
    shared: &Shared,
    signer: &Signer,
) -> Result<usize> {
    let mut entries = partition.store.outbox(&[], ENTRIES_MAX)?;
    entries.retain(|(key, _)| !key.starts_with(&OF_PUBLICATIONS));
    if entries.is_empty() {
        return Ok(0);
    }
    let mut by_target: BTreeMap<PartitionId, Vec<NewRecord>> = BTreeMap::new();
    for (key, value) in &entries {
        let target = target_of(key)?;
        let event = decode_structured(value)
            .map_err(|refusal| damaged(&format!("outbox entry: {refusal}")))?;
        if event.derived_from.is_some_and(|outlet| has(shared, target, outlet)) {
            continue;
        }
        let record = signer.sign(target, shared.epoch(), event.to_record());
        by_target.entry(target).or_default().push(record);
    }
    // Control first, so that nobody reads a copy before the fact; then all others at once.
    if let Some(records) = by_target.remove(&PartitionId::Control) {
        log.append(PartitionId::Control, records, AppendAck::Durable).await?;
        shared.steps.reached(Step::ControlPublished);
    }
    let appends =
        by_target.into_iter().map(|(to, records)| log.append(to, records, AppendAck::Durable));
    try_join_all(appends).await?;
    shared.steps.reached(Step::Published);
    let keys: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
    partition.store.outbox_remove(&keys)?;
    shared.steps.reached(Step::OutboxCleared);
    Ok(keys.len())
}

/// Whether the target has folded this event, or a later one of the same source.
fn has(shared: &Shared, target: PartitionId, outlet: Outlet) -> bool {
    shared.partition(target).is_some_and(|target| {
        let progress = target.progress.borrow();
        progress.head.received.get(&outlet.partition).is_some_and(|tally| tally.has(outlet))
    })
}

fn target_of(key: &[u8]) -> Result<PartitionId> {
    let code = key.get(12..16).and_then(|code| <[u8; 4]>::try_from(code).ok());
    code.map(|code| PartitionId::from_code(u32::from_be_bytes(code)))
        .ok_or_else(|| damaged("outbox key"))
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("damaged {what}"))
}
