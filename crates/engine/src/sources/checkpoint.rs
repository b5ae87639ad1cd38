//! How far a source is: read from control's rows at a start, told to control as it goes on.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use headwater_event::{
    DEFAULT_PROJECT, PartitionId,
    catalog::names,
    payload::{SourceAdvanced, SourcePartition},
};
use headwater_fold::{
    Damaged, RowKey, StoredRow, TableRow as _, Value, family::log::SourcePosition,
};

use crate::{Engine, Error, ErrorKind, Result};

/// How far each partition of one source is.
#[derive(Debug, Default)]
pub(super) struct Places {
    now: Mutex<BTreeMap<u32, SourcePartition>>,
    /// What control holds.
    told: Mutex<BTreeMap<u32, SourcePartition>>,
}

impl Places {
    pub(super) fn now(&self) -> MutexGuard<'_, BTreeMap<u32, SourcePartition>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<u32, SourcePartition>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition that control holds at a place, if it holds one, and that is read from another on.
    pub(super) fn begin(&self, held: Option<SourcePartition>, from: SourcePartition) {
        if let Some(held) = held {
            self.told().insert(held.partition, held);
        }
        self.now().insert(from.partition, from);
    }

    /// Tells control of what moved, and waits until it holds that.
    pub(super) async fn tell(&self, engine: &Engine, source: &str, topic: &str) -> Result<()> {
        let now = self.now().clone();
        let told = self.told().clone();
        let moved: Vec<SourcePartition> = now
            .values()
            .filter(|place| told.get(&place.partition) != Some(*place))
            .copied()
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        let advanced = SourceAdvanced {
            source: source.to_owned(),
            topic: topic.to_owned(),
            partitions: moved,
        };
        let epoch = engine.shared().epoch();
        let at = engine.append_system(names::SOURCE_ADVANCED, source, epoch, &advanced).await?;
        engine.wait_until(PartitionId::Control, at.next()).await?;
        *self.told() = now;
        Ok(())
    }
}

/// What control holds of one partition of a source's topic.
pub(super) fn held(
    engine: &Engine,
    source: &str,
    topic: &str,
    partition: u32,
) -> Result<Option<SourcePartition>> {
    let bug = || Error::new(ErrorKind::Bug, "control has no store");
    let control = engine.shared().partition(PartitionId::Control).ok_or_else(bug)?;
    let table = SourcePosition::table();
    let key = [
        Value::Text(source.to_owned()),
        Value::Text(topic.to_owned()),
        Value::Int64(i64::from(partition)),
    ];
    let key = table.key_of(DEFAULT_PROJECT, &key);
    let Some(bytes) = control.store.get_latest(&key)? else { return Ok(None) };
    let damaged = |Damaged(what)| Error::new(ErrorKind::Corrupt, format!("damaged {what}"));
    let stored = StoredRow::decode(&bytes).map_err(damaged)?;
    let RowKey { values, .. } = table.read_key(&key).map_err(damaged)?;
    let row = SourcePosition::from_values(values, stored.row.values)
        .ok_or_else(|| damaged(Damaged("row of log.sources")))?;
    let count = |value: i64| u64::try_from(value).unwrap_or_default();
    Ok(Some(SourcePartition {
        partition,
        next: count(row.next_offset),
        mapped: count(row.mapped),
        passed_over: count(row.passed_over),
        refused: count(row.refused),
        lost: count(row.lost),
    }))
}
