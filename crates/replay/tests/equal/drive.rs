//! Carries out acts on an engine, act by act or in groups.

use std::{collections::BTreeMap, ops::Range};

use headwater_engine::{Ack, Engine, Submitted};
use headwater_event::{Event, PartitionId, partition_for};
use headwater_fold::Outcome;
use headwater_log::AppendAck;

use crate::{events::Act, place::settle};

/// What callers were told of their events, by the number of the event.
pub(crate) type Answers = BTreeMap<usize, Option<Outcome>>;

/// Carries out acts of one workload.
pub(crate) struct Drive<'a> {
    pub(crate) acts: &'a [Act],
    /// How many acts are submitted at once, where nothing stands against it.
    pub(crate) group: usize,
    /// What callers were told, as far as they waited for it; nothing if it was refused at the edge.
    pub(crate) answers: Answers,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(acts: &'a [Act], group: usize) -> Self {
        Self { acts, group: group.max(1), answers: Answers::new() }
    }

    /// Carries out these acts, and waits until all that follows from them is folded.
    pub(crate) async fn run(&mut self, engine: &Engine, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            at = self.next(engine, at..range.end, Ack::Folded).await;
        }
        settle(engine).await;
    }

    /// Carries out the next act, or a group of them, without waiting for what follows; tells which
    /// act is the one after.
    pub(crate) async fn begin(&mut self, engine: &Engine, range: Range<usize>) -> usize {
        self.next(engine, range, Ack::Durable).await
    }

    async fn next(&mut self, engine: &Engine, range: Range<usize>, ack: Ack) -> usize {
        let (at, end) = (range.start, range.end.min(range.start + self.group));
        let together = |act: &&Act| matches!(act, Act::Submit(_)) && !act.is_apart();
        let count = self.acts[at..end].iter().take_while(together).count();
        if count > 0 {
            let event = |act: &Act| match act {
                Act::Submit(event) => Event::clone(event),
                other => panic!("{other:?}"),
            };
            let events = self.acts[at..at + count].iter().map(event).collect();
            self.submit(engine, at, events, ack).await;
            return at + count;
        }
        let act = &self.acts[at];
        match act {
            Act::Submit(event) => self.submit(engine, at, vec![Event::clone(event)], ack).await,
            Act::SubmitAll(events) => {
                // Their answers are as many as they are: the first stands for all.
                let answers = submit(engine, events.clone(), ack).await;
                self.keep(at, answers.into_iter().next());
            }
            Act::Append { .. } | Act::AppendToControl(_) => append(engine, act, ack).await,
        }
        if act.is_apart() && ack == Ack::Folded {
            settle(engine).await;
        }
        at + 1
    }

    async fn submit(&mut self, engine: &Engine, at: usize, events: Vec<Event>, ack: Ack) {
        let answers = submit(engine, events, ack).await;
        for (index, answer) in answers.into_iter().enumerate() {
            self.keep(at + index, Some(answer));
        }
    }

    fn keep(&mut self, at: usize, answer: Option<Submitted>) {
        match answer {
            Some(Submitted::Refused(_)) => self.answers.insert(at, None),
            Some(Submitted::Appended(receipt)) => match receipt.outcome {
                Some(outcome) => self.answers.insert(at, Some(outcome)),
                None => None,
            },
            Some(Submitted::Unavailable(why)) => panic!("{why}"),
            None => None,
        };
    }
}

async fn submit(engine: &Engine, events: Vec<Event>, ack: Ack) -> Vec<Submitted> {
    engine.submit(events, ack).await
}

/// Appends a record as a client of the log itself would.
async fn append(engine: &Engine, act: &Act, ack: Ack) {
    let log = engine.log();
    let partitions = log.data_partitions();
    let (id, record) = match act {
        Act::Append { record, subject, by } => {
            let own =
                subject.as_ref().map_or(0, |subject| partition_for(subject.as_bytes(), partitions));
            (PartitionId::Data((own + by) % partitions), record)
        }
        Act::AppendToControl(record) => (PartitionId::Control, record),
        Act::Submit(_) | Act::SubmitAll(_) => panic!("{act:?} is submitted"),
    };
    let offsets = log.append(id, vec![record.clone()], AppendAck::Durable).await.unwrap();
    if ack == Ack::Folded {
        engine.wait_folded(&BTreeMap::from([(id, offsets[0])])).await.unwrap();
    }
}
