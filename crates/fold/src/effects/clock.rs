//! What time does to effects: a tick brings schedules and deadlines, a claim ends leases.

use std::collections::BTreeMap;

use headwater_event::{DEFAULT_PROJECT, Timestamp};
use headwater_topology::{Effect as Declared, EffectTrigger};

use super::{
    request::ask_by_clock,
    state::{Which, end, no_totals, now, read, write},
};
use crate::{
    Fold, Json, StoredRows, TableRow, Value,
    batch::ApplyError,
    family::effects::{
        Effect, EffectDeclaration, EffectDue, EffectSchedule, EffectTotals, lists, states,
    },
};

/// How many entries of one list a record moves at most; the next tick goes on.
const MOVED_MAX: usize = 500;
/// Effects with rows there ever were: more are not looked at.
const EFFECTS_MAX: usize = 10_000;

/// The clock has ticked.
pub(crate) fn ticked<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    declared: &BTreeMap<String, Declared>,
) -> Result<(), ApplyError> {
    let now = now(fold);
    for (name, effect) in declared {
        let EffectTrigger::Every { every_ms } = effect.trigger else { continue };
        let Some(before) = schedule(fold, name)? else { continue };
        let last = multiple_before(now, every_ms);
        let passed = last.micros().saturating_sub(before.last.micros());
        let multiples = passed / every_ms.saturating_mul(1_000).max(1);
        if multiples > 0 {
            let over = u64::try_from(multiples - 1).unwrap_or(0);
            ask_by_clock(fold, name, effect, (last, over));
            fold.put_in(DEFAULT_PROJECT, &EffectSchedule { last, ..before });
        }
    }
    let tick = fold.head.clock.map_or(0, |clock| i64::try_from(clock.n).unwrap_or(i64::MAX));
    for totals in open(fold)? {
        for entry in entries(fold, lists::WAITING, &totals.effect, now)? {
            change(fold, &entry, |effect| {
                (effect.tick <= tick).then(|| Effect { due_at: Some(now), ..effect.clone() })
            })?;
        }
        for entry in entries(fold, lists::DEADLINE, &totals.effect, now)? {
            let Some(before) = read(fold, &which(&entry))? else { continue };
            let error = before.error.clone().map_or_else(
                || "its deadline has passed".to_owned(),
                |last| format!("its deadline has passed; last: {last}"),
            );
            let state = states::EXPIRED.to_owned();
            let after = Effect { state, error: Some(error), ..before.clone() };
            end(fold, &entry.of_project, Some(&before), after)?;
        }
    }
    Ok(())
}

/// A process has become the active one: what others were doing is to be done again. The try that was
/// cut off is not counted.
pub(crate) fn claimed<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), ApplyError> {
    let now = now(fold);
    for totals in open(fold)?.into_iter().filter(|totals| totals.running > 0) {
        let late = Timestamp::from_micros(i64::MAX - 1);
        for entry in entries(fold, lists::RUNNING, &totals.effect, late)? {
            change(fold, &entry, |effect| {
                Some(Effect {
                    state: states::PENDING.to_owned(),
                    attempt: effect.attempt.saturating_sub(1),
                    leases_lost: effect.leases_lost.saturating_add(1),
                    due_at: Some(now),
                    ..effect.clone()
                })
            })?;
        }
    }
    Ok(())
}

/// A topology holds from here on: what it declares is kept, and schedules begin.
pub(crate) fn declared<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    before: &BTreeMap<String, Declared>,
    after: &BTreeMap<String, Declared>,
) -> Result<(), ApplyError> {
    let is_scheduled = |effect: &Declared| matches!(effect.trigger, EffectTrigger::Every { .. });
    for (name, effect) in after {
        let declaration = effect.hash();
        let key = [Value::Text(name.clone()), Value::Text(declaration.clone())];
        if fold.read_in::<EffectDeclaration>(DEFAULT_PROJECT, &key)?.is_none() {
            let declared = Json::of(&serde_json::to_value(effect).unwrap_or_default());
            let row = EffectDeclaration { effect: name.clone(), declaration, declared };
            fold.put_in(DEFAULT_PROJECT, &row);
        }
        let key = [Value::Text(name.clone())];
        if fold.read_in::<EffectTotals>(DEFAULT_PROJECT, &key)?.is_none() {
            fold.put_in(DEFAULT_PROJECT, &no_totals(name));
        }
        if let EffectTrigger::Every { every_ms } = effect.trigger
            && schedule(fold, name)?.is_none_or(|row| row.every_ms != every_ms)
        {
            let last = multiple_before(now(fold), every_ms);
            let row = EffectSchedule { effect: name.clone(), every_ms, last };
            fold.put_in(DEFAULT_PROJECT, &row);
        }
    }
    for (name, _) in before.iter().filter(|(_, effect)| is_scheduled(effect)) {
        if !after.get(name).is_some_and(is_scheduled) {
            fold.remove_in::<EffectSchedule>(DEFAULT_PROJECT, &[Value::Text(name.clone())]);
        }
    }
    Ok(())
}

fn multiple_before(time: Timestamp, every_ms: i64) -> Timestamp {
    let every_us = every_ms.saturating_mul(1_000).max(1);
    Timestamp::from_micros(time.micros().div_euclid(every_us).saturating_mul(every_us))
}

fn schedule<R: StoredRows>(
    fold: &Fold<'_, R>,
    name: &str,
) -> Result<Option<EffectSchedule>, ApplyError> {
    fold.read_in(DEFAULT_PROJECT, &[Value::Text(name.to_owned())])
}

/// The effects of which some have not ended.
fn open<R: StoredRows>(fold: &Fold<'_, R>) -> Result<Vec<EffectTotals>, ApplyError> {
    let (from, until) = EffectTotals::table().range();
    let rows = fold.first_in::<EffectTotals>(&from, &until, EFFECTS_MAX)?;
    Ok(rows.into_iter().filter(|totals| totals.open() > 0).collect())
}

fn entries<R: StoredRows>(
    fold: &Fold<'_, R>,
    list: &str,
    effect: &str,
    until: Timestamp,
) -> Result<Vec<EffectDue>, ApplyError> {
    let (from, until) = EffectDue::range(list, effect, until);
    fold.first_in(&from, &until, MOVED_MAX)
}

fn which(entry: &EffectDue) -> Which {
    Which {
        project: entry.of_project.clone(),
        effect: entry.effect.clone(),
        key: entry.key.clone(),
    }
}

fn change<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    entry: &EffectDue,
    to: impl FnOnce(&Effect) -> Option<Effect>,
) -> Result<(), ApplyError> {
    let Some(before) = read(fold, &which(entry))? else { return Ok(()) };
    match to(&before) {
        Some(after) => write(fold, &entry.of_project, Some(&before), &after),
        None => Ok(()),
    }
}
