//! Waiting until an engine has come to rest: nothing is on its way, and nothing is to be sealed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use headwater_engine::Engine;

/// Longer than anything takes that ever comes to an end.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Waits until nothing is on its way between two partitions, and no view is being built.
pub(crate) async fn settle(engine: &Engine) -> Result<()> {
    let started = Instant::now();
    loop {
        let status = engine.status();
        if let Some(failed) = status.iter().find_map(|partition| partition.failed.as_ref()) {
            bail!("a partition has stopped: {failed}");
        }
        let heads: BTreeMap<_, _> = status.iter().map(|it| (it.id, &it.head)).collect();
        let mut on_its_way = Vec::new();
        for (id, head) in &heads {
            on_its_way.extend(head.coming.keys().map(|view| format!("{id} builds {view}")));
            for (to, sent) in &head.emitted {
                let came = heads.get(to).and_then(|head| head.received.get(id));
                if came != Some(sent) {
                    on_its_way.push(format!("{id} sent {to} {sent:?}, and {came:?} came"));
                }
            }
        }
        if on_its_way.is_empty() {
            return Ok(());
        }
        let never = || format!("the partitions never came to rest: {}", on_its_way.join("; "));
        wait(started, never).await?;
    }
}

/// Waits until the outboxes are empty, too, and all stretches that were passed are sealed.
pub(crate) async fn rest(engine: &Engine) -> Result<()> {
    settle(engine).await?;
    let started = Instant::now();
    let ends: BTreeMap<_, _> = engine.status().iter().map(|it| (it.id, it.position)).collect();
    loop {
        let mut rests = true;
        for (id, store) in engine.stores() {
            let next = ends.get(&id).copied().flatten().map_or(0, |last| last.0 + 1);
            let sealed = store.snapshot().unsealed(next)?.is_none();
            rests &= sealed && store.outbox(&[], 1)?.is_empty();
        }
        if rests {
            return Ok(());
        }
        wait(started, || "the outbox or the sealer never came to an end".to_owned()).await?;
    }
}

async fn wait(started: Instant, never: impl Fn() -> String) -> Result<()> {
    if started.elapsed() > WAIT_MAX {
        bail!(never());
    }
    tokio::time::sleep(LOOK_EVERY).await;
    Ok(())
}
