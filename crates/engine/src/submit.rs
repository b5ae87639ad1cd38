//! Submitting events: edge, log, and the wait for the outcome that the ack asks for.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use futures::future::join_all;
use headwater_event::{Event, NewRecord, Offset, PartitionId, Refusal};
use headwater_fold::Outcome;

use crate::{Ack, Engine, edge};

/// Events that are appended before their outcomes are waited for: few enough that none is forgotten
/// (see `RECENT_OUTCOMES_MAX`) while many callers submit at once.
const CHUNK_EVENTS_MAX: usize = 4_096;

/// What became of a submitted event.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// Refused at the edge; it is not on the log.
    Refused(Refusal),
    /// The log did not take it; try again with the same id.
    Unavailable(String),
    /// On the log.
    Appended(Receipt),
}

/// Where an event stands, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Its partition.
    pub partition: PartitionId,
    /// Its place there.
    pub offset: Offset,
    /// What became of it; `None` if it was not waited for, or not known in time.
    pub outcome: Option<Outcome>,
}

impl Engine {
    /// Submits events: one answer per event, in order. Events of one partition are appended in the
    /// order in which they are given.
    pub async fn submit(&self, events: Vec<Event>, ack: Ack) -> Vec<Submitted> {
        let mut answers = Vec::with_capacity(events.len());
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            let chunk: Vec<_> = events.by_ref().take(CHUNK_EVENTS_MAX).collect();
            answers.extend(self.submit_chunk(chunk, ack).await);
        }
        answers
    }

    async fn submit_chunk(&self, events: Vec<Event>, ack: Ack) -> Vec<Submitted> {
        let compiled = self.compiled();
        let partitions = self.log().data_partitions();
        let mut answers: Vec<Option<Submitted>> = vec![None; events.len()];
        let mut by_partition: BTreeMap<PartitionId, (Vec<usize>, Vec<NewRecord>)> = BTreeMap::new();
        for ((index, mut event), answer) in events.into_iter().enumerate().zip(&mut answers) {
            match edge::check(&mut event, &compiled, partitions) {
                Err(refusal) => *answer = Some(Submitted::Refused(refusal)),
                Ok(partition) => {
                    let record = self.record_of(&mut event, partition);
                    let (indexes, records) = by_partition.entry(partition).or_default();
                    indexes.push(index);
                    records.push(record);
                }
            }
        }
        let appends = by_partition.into_iter().map(|(partition, (indexes, records))| async move {
            (indexes, self.append(partition, records, ack).await)
        });
        for (indexes, submitted) in join_all(appends).await {
            for (index, submitted) in indexes.into_iter().zip(submitted) {
                if let Some(answer) = answers.get_mut(index) {
                    *answer = Some(submitted);
                }
            }
        }
        let unanswered = || Submitted::Unavailable("the log gave no answer".to_owned());
        answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }

    fn record_of(&self, event: &mut Event, partition: PartitionId) -> NewRecord {
        if partition != PartitionId::Control {
            return event.to_record();
        }
        self.shared().control_events.fetch_add(1, Ordering::Relaxed);
        event.actor = Some(headwater_event::ANONYMOUS.to_owned());
        self.signer().sign(partition, self.shared().epoch(), event.to_record())
    }

    async fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        ack: Ack,
    ) -> Vec<Submitted> {
        let count = records.len();
        let unavailable = |why: String| vec![Submitted::Unavailable(why); count];
        if let Some(why) = self.failure_of(partition) {
            return unavailable(why);
        }
        let offsets = match self.log().append(partition, records, ack.of_append()).await {
            Ok(offsets) => offsets,
            Err(error) => return unavailable(error.to_string()),
        };
        if ack == Ack::Folded
            && let Some(last) = offsets.last()
        {
            let positions = BTreeMap::from([(partition, *last)]);
            // A time-out is not an error: the event is on the log, its outcome comes later.
            let _ =
                tokio::time::timeout(self.outcome_timeout(), self.wait_folded(&positions)).await;
        }
        let recall = |offset| match ack {
            Ack::Folded => self.shared().partition(partition)?.recall(offset),
            Ack::Written | Ack::Durable => None,
        };
        offsets
            .into_iter()
            .map(|offset| {
                Submitted::Appended(Receipt { partition, offset, outcome: recall(offset) })
            })
            .collect()
    }
}
