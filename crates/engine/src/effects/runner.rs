//! The runner: looks at what is due whenever control has folded something, and keeps within its places.
//!
//! Each effect has the places that its declaration gives it. All effects together share so many; but one
//! place of its own each has always, so that those that hang leave room for the others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use headwater_event::{PartitionId, Timestamp};
use headwater_fold::family::effects::{Effect as Row, EffectDue, states};
use headwater_topology::Effect;
use tokio::task::{AbortHandle, JoinSet};

use super::{
    attempt::{Attempt, Which},
    due,
    kinds::Kinds,
};
use crate::{Engine, Result};

/// Tries of all effects at once: each holds a connection, a process or a query.
const RUNNING_MAX: usize = 64;
/// Control may fold often; what is due need not be looked at more often than this.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// How long to rest after the store could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Declarations that are kept read: more than hold at once.
const DECLARATIONS_MAX: usize = 1_000;

/// Runs effects until the engine stops.
pub(crate) async fn run(engine: Engine) {
    if engine.wait_ready().await.is_err() {
        return;
    }
    let dir = engine.scratch_dir().join("effects");
    let kinds = match Kinds::new(engine.effects_config(), dir) {
        Ok(kinds) => Arc::new(kinds),
        Err(error) => {
            tracing::error!(%error, "effects are not run");
            return;
        }
    };
    let Some(control) = engine.shared().partition(PartitionId::Control).cloned() else { return };
    let mut progress = control.progress.subscribe();
    let mut runner = Runner {
        engine,
        kinds,
        tasks: JoinSet::new(),
        at_work: BTreeMap::new(),
        declarations: BTreeMap::new(),
    };
    loop {
        if let Err(error) = runner.look() {
            tracing::warn!(%error, "what effects are due can't be read; trying again");
            tokio::time::sleep(RETRY_AFTER).await;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        tokio::select! {
            changed = progress.changed() => if changed.is_err() { return },
            Some(_) = runner.tasks.join_next() => {}
        }
        while runner.tasks.try_join_next().is_some() {}
        runner.at_work.retain(|_, work| !work.task.is_finished());
    }
}

/// What is being done.
struct Runner {
    engine: Engine,
    kinds: Arc<Kinds>,
    tasks: JoinSet<()>,
    at_work: BTreeMap<Which, Work>,
    declarations: BTreeMap<(String, String), Arc<Effect>>,
}

/// One try under way.
struct Work {
    task: AbortHandle,
    number: u32,
}

impl Runner {
    /// Ends what is no longer wanted, and begins what is due.
    fn look(&mut self) -> Result<()> {
        self.end_unwanted()?;
        let head = self.engine.head(PartitionId::Control)?;
        let Some(clock) = head.clock else { return Ok(()) };
        for totals in due::totals(&self.engine)? {
            if totals.pending > 0 {
                self.begin(&totals.effect, clock.time)?;
            }
        }
        Ok(())
    }

    /// What was cancelled or has expired is dropped, and with it its connection or process.
    fn end_unwanted(&mut self) -> Result<()> {
        for (which, work) in &self.at_work {
            let row = due::effect(&self.engine, &which.project, &which.effect, &which.key)?;
            let wanted = row.is_some_and(|row| match row.state.as_str() {
                // The lease is on its way, or the result just folded.
                states::PENDING => true,
                states::RUNNING => row.attempt == i64::from(work.number),
                _ => false,
            });
            if !wanted {
                work.task.abort();
            }
        }
        Ok(())
    }

    fn begin(&mut self, effect: &str, now: Timestamp) -> Result<()> {
        let own = self.at_work.keys().filter(|which| which.effect == effect).count();
        // Entries of those at work may stand in the list still.
        let looked_at = own.saturating_add(usize::try_from(CONCURRENCY_MAX).unwrap_or(1));
        let entries = due::due(&self.engine, effect, now, looked_at)?;
        let mut own = own;
        for entry in entries {
            let which = which(&entry);
            if self.at_work.contains_key(&which) {
                continue;
            }
            let Some(row) = due::effect(&self.engine, &which.project, &which.effect, &which.key)?
            else {
                continue;
            };
            let Some(declared) = self.declared(&row)? else { continue };
            let places = usize::try_from(declared.limits.concurrency_max).unwrap_or(1);
            let all_taken = self.at_work.len() >= RUNNING_MAX && own > 0;
            if own >= places || all_taken {
                return Ok(());
            }
            self.spawn(which, row, declared);
            own += 1;
        }
        Ok(())
    }

    fn spawn(&mut self, which: Which, row: Row, declared: Arc<Effect>) {
        let number = u32::try_from(row.attempt.saturating_add(1)).unwrap_or(u32::MAX);
        let attempt = Attempt {
            engine: self.engine.clone(),
            kinds: Arc::clone(&self.kinds),
            which: which.clone(),
            declared,
            row,
            number,
        };
        let task = self.tasks.spawn(attempt.run());
        self.at_work.insert(which, Work { task, number });
    }

    /// The declaration under which it was asked for.
    fn declared(&mut self, row: &Row) -> Result<Option<Arc<Effect>>> {
        let name = (row.effect.clone(), row.declaration.clone());
        if let Some(known) = self.declarations.get(&name) {
            return Ok(Some(Arc::clone(known)));
        }
        let found = due::declaration(&self.engine, &row.effect, &row.declaration)?;
        let read = found.and_then(|found| serde_json::from_str::<Effect>(&found.declared.0).ok());
        let Some(read) = read.map(Arc::new) else { return Ok(None) };
        if self.declarations.len() >= DECLARATIONS_MAX {
            self.declarations.clear();
        }
        self.declarations.insert(name, Arc::clone(&read));
        Ok(Some(read))
    }
}

/// The most places that a declaration can give: see the topology's bound of the same name.
const CONCURRENCY_MAX: u32 = 32;

fn which(entry: &EffectDue) -> Which {
    Which {
        effect: entry.effect.clone(),
        project: entry.of_project.clone(),
        key: entry.key.clone(),
    }
}
