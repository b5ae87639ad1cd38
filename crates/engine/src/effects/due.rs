//! What control's store says is due: read by ranges, never by scans.

use std::sync::Arc;

use headwater_event::{DEFAULT_PROJECT, PartitionId, Timestamp};
use headwater_fold::{
    KeyAndRow, StoredRow, TableRow, Value,
    family::effects::{Effect, EffectDeclaration, EffectDue, EffectGiven, EffectTotals, lists},
};
use headwater_store::PartitionStore;
use headwater_topology::EffectTrigger;

use crate::{Engine, Error, ErrorKind, Result};

/// Effects that are looked at: more were never declared.
const EFFECTS_MAX: usize = 10_000;

fn control(engine: &Engine) -> Result<Arc<PartitionStore>> {
    let control = engine.shared().partition(PartitionId::Control);
    let control = control.ok_or_else(|| Error::new(ErrorKind::Bug, "no control partition"))?;
    Ok(Arc::clone(&control.store))
}

fn row<T: TableRow>((key, bytes): &KeyAndRow) -> Result<T> {
    let damaged = |what: String| Error::new(ErrorKind::Corrupt, what);
    let stored = StoredRow::decode(bytes).map_err(|error| damaged(error.to_string()))?;
    let key = T::table().read_key(key).map_err(|error| damaged(error.to_string()))?;
    T::from_values(key.values, stored.row.values)
        .ok_or_else(|| damaged(format!("damaged row of {}", T::table().full_name())))
}

fn get<T: TableRow>(engine: &Engine, project: &str, key: &[&str]) -> Result<Option<T>> {
    let values: Vec<Value> = key.iter().map(|part| Value::Text((*part).to_owned())).collect();
    let key = T::table().key_of(project, &values);
    let found = control(engine)?.get_latest(&key)?;
    found.map(|bytes| row(&(key, bytes))).transpose()
}

fn first<T: TableRow>(
    engine: &Engine,
    (from, until): (Vec<u8>, Vec<u8>),
    limit: usize,
) -> Result<Vec<T>> {
    control(engine)?.first_latest(&from, &until, limit)?.iter().map(row).collect()
}

/// How many of each effect are in which state.
pub(crate) fn totals(engine: &Engine) -> Result<Vec<EffectTotals>> {
    first(engine, EffectTotals::table().range(), EFFECTS_MAX)
}

/// What is to be tried now, the longest due first.
pub(super) fn due(
    engine: &Engine,
    effect: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<EffectDue>> {
    first(engine, EffectDue::range(lists::START, effect, now), limit)
}

/// An effect as it stands.
pub(super) fn effect(
    engine: &Engine,
    project: &str,
    effect: &str,
    key: &str,
) -> Result<Option<Effect>> {
    get(engine, project, &[effect, key])
}

/// What it was given of its event.
pub(super) fn given(
    engine: &Engine,
    project: &str,
    effect: &str,
    key: &str,
) -> Result<Option<EffectGiven>> {
    get(engine, project, &[effect, key])
}

/// How it was declared.
pub(super) fn declaration(
    engine: &Engine,
    effect: &str,
    hash: &str,
) -> Result<Option<EffectDeclaration>> {
    get(engine, DEFAULT_PROJECT, &[effect, hash])
}

/// Whether the log's clock should tick although no event came: a try, a deadline or a schedule is due by
/// the wall clock, or an effect runs, whose next pause is counted from its end.
pub(crate) fn tick_is_due(engine: &Engine, wall: Timestamp) -> Result<bool> {
    let Some(now) = engine.log_time() else { return Ok(false) };
    let compiled = engine.compiled();
    let scheduled = compiled.topology.effects.values().any(|effect| match effect.trigger {
        EffectTrigger::Every { every_ms } => {
            let every_us = every_ms.saturating_mul(1_000).max(1);
            wall.micros().div_euclid(every_us) > now.micros().div_euclid(every_us)
        }
        EffectTrigger::On { .. } => false,
    });
    if scheduled {
        return Ok(true);
    }
    for totals in totals(engine)?.into_iter().filter(|totals| totals.open() > 0) {
        let first_of = |list: &str| -> Result<Option<EffectDue>> {
            let range = EffectDue::range(list, &totals.effect, wall);
            Ok(first::<EffectDue>(engine, range, 1)?.into_iter().next())
        };
        // What is due by the log's clock already waits for its turn, not for a tick.
        let next = first_of(lists::START)?.is_some_and(|entry| entry.at > now);
        if totals.running > 0
            || next
            || first_of(lists::WAITING)?.is_some()
            || first_of(lists::DEADLINE)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}
