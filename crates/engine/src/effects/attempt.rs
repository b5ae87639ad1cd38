//! One try: lease, work, result.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use headwater_event::{
    Event, Offset, PartitionId,
    catalog::names,
    payload::{EffectFinished, EffectStarted},
};
use headwater_fold::{
    FACT_SOURCE,
    family::effects::{Effect as Row, states},
};
use headwater_log::AppendAck;
use headwater_topology::Effect;
use serde::Serialize;

use super::{
    EffectStep, due,
    kinds::{Call, Kinds},
    outcome::Ended,
};
use crate::{Engine, Error, ErrorKind, Result};

/// How long a result waits until it is appended again after the log refused it.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Which effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Which {
    pub(super) effect: String,
    pub(super) project: String,
    pub(super) key: String,
}

/// One try of an effect.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) engine: Engine,
    pub(super) kinds: Arc<Kinds>,
    pub(super) which: Which,
    pub(super) declared: Arc<Effect>,
    pub(super) row: Row,
    pub(super) number: u32,
}

impl Attempt {
    /// Takes the lease, does the work, tells the result. Whatever fails here is made good by whoever looks
    /// at the row next.
    pub(super) async fn run(self) {
        let which = self.which.clone();
        if let Err(error) = self.try_run().await
            && error.kind() != ErrorKind::Closed
        {
            tracing::warn!(effect = %which.effect, key = %which.key, %error, "a try of an effect was not brought to its end");
        }
    }

    async fn try_run(self) -> Result<()> {
        self.step(EffectStep::Due).await;
        let epoch = self.engine.shared().epoch();
        let started = EffectStarted {
            effect: self.which.effect.clone(),
            key: self.which.key.clone(),
            attempt: self.number,
            epoch,
        };
        let at = self.append(names::EFFECT_STARTED, "started", epoch, &started).await?;
        self.engine.wait_until(PartitionId::Control, at.next()).await?;
        if !self.is_granted(epoch)? {
            return Ok(());
        }
        self.step(EffectStep::Started).await;
        let ended = self.work().await;
        self.step(EffectStep::Called).await;
        let finished = EffectFinished {
            effect: self.which.effect.clone(),
            key: self.which.key.clone(),
            attempt: self.number,
            epoch,
            outcome: ended.outcome,
            status: ended.status,
            error: ended.error,
            output: ended.output,
        };
        let at = loop {
            match self.append(names::EFFECT_FINISHED, "finished", epoch, &finished).await {
                Err(error) if error.kind() == ErrorKind::Retry => {
                    tracing::warn!(effect = %self.which.effect, %error, "a result can't be appended; trying again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                appended => break appended?,
            }
        };
        self.step(EffectStep::Finished).await;
        self.engine.wait_until(PartitionId::Control, at.next()).await
    }

    /// Whether the fold gave this process the lease of this try.
    fn is_granted(&self, epoch: u64) -> Result<bool> {
        let Which { effect, project, key } = &self.which;
        let row = due::effect(&self.engine, project, effect, key)?;
        Ok(row.is_some_and(|row| {
            row.state == states::RUNNING
                && row.attempt == i64::from(self.number)
                && row.epoch == i64::try_from(epoch).ok()
        }))
    }

    async fn work(&self) -> Ended {
        let Which { effect, project, key } = &self.which;
        let given = match due::given(&self.engine, project, effect, key) {
            Ok(given) => given,
            Err(error) => return Ended::failed(error),
        };
        let input = given.and_then(|given| serde_json::from_str(&given.input.0).ok());
        let call = Call {
            effect: effect.clone(),
            key: key.clone(),
            attempt: self.number,
            tick: u64::try_from(self.row.tick).unwrap_or(0),
            input: input.unwrap_or_default(),
        };
        let work = self.kinds.carry_out(&self.engine, &call, &self.declared);
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(ended) => ended,
            Err(_panic) => Ended::refused("the program failed: this is a bug"),
        }
    }

    /// Appends a record of the active process about this try. Its id says which, so that a fold of the same
    /// work elsewhere makes the same rows.
    async fn append(
        &self,
        event_type: &str,
        word: &str,
        epoch: u64,
        payload: &impl Serialize,
    ) -> Result<Offset> {
        let data = serde_json::to_value(payload)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let id = format!("effect-{}-{}-{word}", self.which.key, self.number);
        let mut event = Event::new(id, FACT_SOURCE, event_type, self.row.subject.clone(), data);
        event.project = self.which.project.clone();
        event.cause_id = Some(self.row.cause_id.clone());
        let record = event.in_newest_schema().to_record();
        let record = self.engine.signer().sign(PartitionId::Control, epoch, record);
        let log = self.engine.log();
        let offsets = log.append(PartitionId::Control, vec![record], AppendAck::Durable).await?;
        offsets.first().copied().ok_or_else(|| Error::new(ErrorKind::Bug, "the log gave no offset"))
    }

    /// Tells a step; the try may be stopped there for good.
    async fn step(&self, step: EffectStep) {
        let watch = self.engine.effects_config().watch.as_ref();
        if watch.is_some_and(|watch| !(watch.0)(step, &self.which.effect)) {
            std::future::pending::<()>().await;
        }
    }
}
