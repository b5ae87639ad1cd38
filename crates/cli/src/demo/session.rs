//! The engine that the demo runs in its own process, and how its steps speak to it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, bail};
use headwater_engine::{Ack, Engine, EngineConfig, Submitted};
use headwater_event::{Event, Offset, PartitionId, payload::ClockMode};
use headwater_fold::Outcome;
use headwater_query::{Limits, QueryOptions, Sql};
use serde::Serialize;

use super::{
    data::{Day, Purchase},
    rows::Rows,
};
use crate::data_dir::{DataDir, Lock, WriterOptions};

/// A running engine, and how far its story has come.
pub(crate) struct Session {
    /// The engine.
    pub(crate) engine: Engine,
    sql: Sql,
    /// The data folder.
    pub(crate) dir: PathBuf,
    /// All purchases, by day.
    pub(crate) purchases: Vec<Purchase>,
    /// How many of them were sent.
    pub(crate) sent: usize,
    /// The day of the log's clock.
    pub(crate) today: Day,
}

impl Session {
    /// An engine on a new log, whose clock stands at the first day.
    pub(crate) async fn open(
        dir: &DataDir,
        lock: &Lock,
        partitions: u32,
        purchases: Vec<Purchase>,
    ) -> Result<Self> {
        let options = WriterOptions { partitions: Some(partitions), ..WriterOptions::default() };
        let (log, stores) = dir.open_to_write(lock, options).await?;
        let dir = dir.path().to_owned();
        let mut config = EngineConfig::new(&dir);
        config.process = "headwater demo".to_owned();
        config.clock = ClockMode::Given;
        config.opened_at = Some(Day::START.midnight());
        let engine = Engine::open(log, stores, config).await?;
        let sql = Sql::new(Limits::default())?;
        Ok(Self { engine, sql, dir, purchases, sent: 0, today: Day::START })
    }

    /// The rows that a query answers now.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Rows> {
        let moment = Arc::new(self.engine.moment().await?);
        let answer = self.sql.query(moment, sql, &QueryOptions::default()).await;
        let answer = answer.with_context(|| format!("in {sql}"))?;
        Ok(Rows(answer.collect().await.with_context(|| format!("in {sql}"))?))
    }

    /// Sends events and waits for what becomes of each; none may be refused at the edge.
    pub(crate) async fn request(&self, events: Vec<Event>) -> Result<Vec<Outcome>> {
        let submitted = self.engine.submit(events, Ack::Folded).await;
        let outcome = |submitted| match submitted {
            Submitted::Appended(receipt) => receipt.outcome.context("no outcome came in time"),
            other => Err(not_appended(other)),
        };
        submitted.into_iter().map(outcome).collect()
    }

    /// Sends requests that must be accepted; answers what was assigned to each.
    pub(crate) async fn must(&self, events: Vec<Event>) -> Result<Vec<serde_json::Value>> {
        let assigned = |outcome| match outcome {
            Outcome::Accepted { assigned } => Ok(assigned),
            other => Err(anyhow::anyhow!("not accepted: {}", told(&other))),
        };
        self.request(events).await?.into_iter().map(assigned).collect()
    }

    /// Sends events, waiting only until they are on the log.
    pub(crate) async fn send(&self, events: Vec<Event>) -> Result<BTreeMap<PartitionId, Offset>> {
        let mut last = BTreeMap::new();
        for submitted in self.engine.submit(events, Ack::Written).await {
            let Submitted::Appended(receipt) = submitted else { bail!(not_appended(submitted)) };
            let offset = last.entry(receipt.partition).or_insert(receipt.offset);
            *offset = receipt.offset.max(*offset);
        }
        Ok(last)
    }

    /// Sends events and waits until the views have them all.
    pub(crate) async fn observe(&self, events: Vec<Event>) -> Result<()> {
        let last = self.send(events).await?;
        Ok(self.engine.wait_folded(&last).await?)
    }

    /// An event of this day.
    pub(crate) fn event(
        &self,
        event_type: &str,
        id: impl Into<String>,
        subject: impl Into<String>,
        data: &impl Serialize,
    ) -> Result<Event> {
        let data = serde_json::to_value(data)?;
        let mut event = Event::new(id, "https://shop.example.com/demo", event_type, subject, data);
        event.time = Some(self.today.midnight());
        Ok(event.in_newest_schema())
    }
}

/// An outcome in words.
pub(crate) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { .. } => "accepted".to_owned(),
        Outcome::Rejected { refusal } => format!("rejected: {refusal}"),
        Outcome::DeadLetter { refusal } => format!("a dead letter: {refusal}"),
        Outcome::Misrouted => "misrouted".to_owned(),
    }
}

fn not_appended(submitted: Submitted) -> anyhow::Error {
    match submitted {
        Submitted::Refused(refusal) => anyhow::anyhow!("refused at the edge: {refusal}"),
        Submitted::Unavailable(why) => anyhow::anyhow!("the log did not take it: {why}"),
        Submitted::Appended(_) => anyhow::anyhow!("appended"),
    }
}
